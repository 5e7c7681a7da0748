"""A table's way into the house: read, tried row by row by the services themselves, kept whole or undone whole.

The dry run does all that the real one does and undoes it, so that it finds every fault that the real one would.
Not here: what a row means (the kinds), how a file is read (reading).
"""

from __future__ import annotations

import json
import logging
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field
from smtplib import SMTPException
from typing import Any

from django.conf import settings
from django.core.mail import send_mail
from django.db import transaction
from django.template.loader import render_to_string
from django.utils.translation import gettext as _, override

from forgeline.base.api import describe_error
from forgeline.base.errors import ForgelineError, InvalidInputError, NotFoundError
from forgeline.base.sealing import box
from forgeline.identity import people
from forgeline.identity.policy import Actor, require_permission
from forgeline.jobs import files, services as jobs
from forgeline.jobs.models import File, Job
from forgeline.jobs.working import Step, Work
from forgeline.tenancy.models import Tenant
from forgeline.transfer.actors import actor_of_job
from forgeline.transfer.sheets.columns import Column
from forgeline.transfer.sheets.kinds import CHANGED, MADE, SAME, SheetKind
from forgeline.transfer.sheets.plant import Assets, Devices
from forgeline.transfer.sheets.points import Points
from forgeline.transfer.sheets.reading import Row, Table, cell_name, read_table
from forgeline.transfer.sheets.users import Users
from forgeline.transfer.sheets.writing import FORMS, check_form, example_row, write_table

KINDS: dict[str, type[SheetKind]] = {kind.key: kind for kind in (Assets, Devices, Points, Users)}
MOST_FAULTS = 500
"""Faults that are listed; the others are counted."""
_PURPOSE = "forgeline.transfer.invitations"
_log = logging.getLogger(__name__)


@dataclass(slots=True)
class Findings:
    """What came of a table."""

    counts: dict[str, int] = field(default_factory=lambda: {MADE: 0, CHANGED: 0, SAME: 0})
    faults: list[dict[str, str]] = field(default_factory=list)
    fault_count: int = 0

    def add(self, table: Table, row: int, at: int | None, column: str, value: str, sentence: str) -> None:
        self.fault_count += 1
        if len(self.faults) < MOST_FAULTS:
            self.faults.append(
                {
                    "sheet": table.sheet, "cell": str(row) if at is None else cell_name(at, row), "row": str(row),
                    "column": column, "value": value[:200], "sentence": sentence,
                }
            )  # fmt: skip


def get_kind(key: str) -> type[SheetKind]:
    """Return a kind of table. **Raises** NotFoundError."""
    if key not in KINDS:
        raise NotFoundError(_("There is no such table; there are: %(known)s.") % {"known": ", ".join(KINDS)})
    return KINDS[key]


def write_template(key: str, form: str, *, actor: Actor) -> bytes:
    """Return an empty table with headings, an example, and what each column takes."""
    kind = get_kind(key)
    require_permission(actor, kind.permission)
    return write_table(check_form(form), kind.columns, [example_row(kind.columns)], title=str(kind.title))


def write_export(key: str, form: str, *, actor: Actor) -> bytes:
    """Return what there is, in the shape that the import takes."""
    kind = get_kind(key)
    require_permission(actor, kind.permission)
    return write_table(check_form(form), kind.columns, kind(actor).export(), title=str(kind.title))


def start_import(key: str, *, actor: Actor, upload: File, dry_run: bool = True) -> Job:
    """Have a table tried, or applied. **Raises** InvalidInputError at once for a file that no table can be."""
    kind = get_kind(key)
    require_permission(actor, kind.permission)
    read_table(files.path_of(upload), upload.name)
    return jobs.start(
        f"transfer.{key}", actor=actor, upload=upload, subject=upload.name, facts={"dry_run": dry_run}
    )


def apply_tried(job_id: int, *, actor: Actor, kind: str = "") -> Job:
    """Apply the table of a dry run that found no fault; ``kind``: of which table it must have been."""
    tried = jobs.get_job(job_id, actor=actor)
    upload = tried.files.filter(is_input=True).first()
    key = tried.kind.removeprefix("transfer.")
    if kind and key != kind:
        raise InvalidInputError(_("That job has tried a table of another kind."))
    if key not in KINDS or upload is None or not (tried.result or {}).get("can_apply"):
        raise InvalidInputError(_("Only a trial of a table without faults can be applied."))
    return start_import(key, actor=actor, upload=files.copy(upload, actor=actor), dry_run=False)


def run(work: Work) -> Generator[Step, None, dict[str, Any]]:
    """Try or apply a table (jobs.working)."""
    if "result" not in work.position:
        yield Step(0.02, _("Reading the file"))
        key = work.job.kind.removeprefix("transfer.")
        with work.scope():
            upload = work.job.files.filter(is_input=True).first()
            if upload is None:
                raise NotFoundError(_("The file is not there any more; send it again."))
            actor = actor_of_job(work.job)
        table = read_table(files.path_of(upload), upload.name)
        with work.scope():
            kind = get_kind(key)(actor)
            found = _try(work, kind, table)
            is_kept = not work.facts.get("dry_run", True) and not found.fault_count
            result = _result(found, table, is_kept=is_kept)
            if is_kept:
                sealed = box(_PURPOSE).encrypt(json.dumps(kind.after).encode()).decode()
                work.note({"result": result, "after": sealed, "sent": 0})
            else:
                transaction.set_rollback(True)
        if not is_kept:
            if not work.facts.get("dry_run", True):
                raise InvalidInputError(
                    _("Nothing was stored: the table has faults."), key="transfer.faults", data=result
                )
            return result
    yield from _send_invitations(work)
    return work.position["result"]


def _result(found: Findings, table: Table, *, is_kept: bool) -> dict[str, Any]:
    rows = len(table.rows)
    if found.fault_count:
        sentence = _(
            "%(faults)d faults in %(rows)d rows. Correct them in the file and send it again; nothing was stored."
        )
        sentences = [sentence % {"faults": found.fault_count, "rows": rows}]
    elif is_kept:
        sentences = [_("All %(rows)d rows are stored.") % {"rows": rows}]
    else:
        sentences = [_("No fault in %(rows)d rows. Nothing is stored yet.") % {"rows": rows}]
    words = {MADE: _("new"), CHANGED: _("changed"), SAME: _("as before")}
    return {
        "rows": rows,
        **found.counts,
        "sentences": sentences,
        "counts": {} if found.fault_count else {words[name]: count for name, count in found.counts.items()},
        "faults": found.faults,
        "fault_count": found.fault_count,
        "can_apply": not found.fault_count and not is_kept and rows > 0,
    }


def _try(work: Work, kind: SheetKind, table: Table) -> Findings:
    """Write every row, each in a savepoint of its own, inside the transaction of the caller."""
    found = Findings()
    columns = _match(kind, table, found)
    if found.fault_count:
        return found
    seen: dict[tuple[Any, ...], int] = {}
    for number, row in enumerate(table.rows):
        if number % 50 == 0:
            work.tell(
                0.05 + 0.85 * number / len(table.rows),
                _("Row %(n)d of %(of)d") % {"n": number, "of": len(table.rows)},
            )
        before = found.fault_count
        given = _read_row(columns, table, row, found)
        for fault in (*kind.look(given), *_find_double(kind, given, row, seen)):
            _point_at(kind, columns, table, row, found, fault, {"title": str(fault)})
        if found.fault_count > before:
            continue
        try:
            with transaction.atomic():
                outcome = kind.write(given)
            found.counts[outcome] += 1
        except Exception as error:
            told = describe_error(error)
            if told is None:
                raise
            _point_at(kind, columns, table, row, found, error, told)
    return found


def _match(kind: SheetKind, table: Table, found: Findings) -> dict[int, Column]:
    """Return which column of the kind stands where. Headings are known by key or title in any language."""
    known = {heading: column for column in kind.columns for heading in column.headings()}
    columns: dict[int, Column] = {}
    line = table.heading.number
    for at, heading in enumerate(table.heading.cells):
        column = known.get(heading.casefold())
        if not heading:
            if any(len(row.cells) > at and row.cells[at] for row in table.rows):
                found.add(table, line, at, "", "", _("This column has no heading; give it one, or clear it."))
        elif column is None:
            listed = ", ".join(str(each.title) for each in kind.columns)
            found.add(
                table,
                line,
                at,
                heading,
                heading,
                _("There is no such column; there are: %(known)s.") % {"known": listed},
            )
        elif column in columns.values():
            found.add(table, line, at, heading, heading, _("This column is there twice; remove one."))
        else:
            columns[at] = column
    for column in kind.columns:
        if column.is_needed and column not in columns.values() and not found.fault_count:
            found.add(
                table,
                line,
                None,
                str(column.title),
                "",
                _("This column is needed; take it from the template."),
            )
    return columns


def _find_double(
    kind: SheetKind, given: dict[str, Any], row: Row, seen: dict[tuple[Any, ...], int]
) -> Iterator[InvalidInputError]:
    """Yield the fault of a row that names what a row above names: which of the two holds, nobody could say."""
    if not all(column in given for column in kind.identity):
        return
    first = seen.setdefault(tuple(given[column] for column in kind.identity), row.number)
    if first != row.number:
        yield InvalidInputError.at(
            kind.identity[-1], _("Row %(row)d says it already; keep one of the two.") % {"row": first}
        )


def _read_row(columns: dict[int, Column], table: Table, row: Row, found: Findings) -> dict[str, Any]:
    """Return the cells that are filled, parsed, without those that have a fault."""
    given: dict[str, Any] = {}
    for at, cell in enumerate(row.cells):
        if cell and at not in columns:
            found.add(table, row.number, at, "", cell, _("This stands beneath no heading; move or clear it."))
    for at, column in columns.items():
        cell = row.cells[at] if at < len(row.cells) else ""
        title = str(column.title)
        if at in row.formulas:
            found.add(
                table, row.number, at, title, cell, _("Here stands a formula; put its value in its place.")
            )
        elif not cell:
            if column.is_needed:
                found.add(table, row.number, at, title, cell, _("This is needed; fill it in."))
        else:
            try:
                given[column.key] = column.parse(cell)
            except ValueError as error:
                found.add(table, row.number, at, title, cell, str(error))
    return given


def _point_at(
    kind: SheetKind,
    columns: dict[int, Column],
    table: Table,
    row: Row,
    found: Findings,
    error: Exception,
    told: dict[str, Any],
) -> None:
    """Say what a service refused, at the cells that its fields are filled from."""
    places = {column.key: at for at, column in columns.items()}
    fields = (error.data.get("fields") if isinstance(error, ForgelineError) else None) or {
        "": [told["title"]]
    }
    for name, sentences in fields.items():
        at = places.get(kind.fields.get(name, name))
        title = str(columns[at].title) if at is not None else ""
        value = row.cells[at] if at is not None and at < len(row.cells) else ""
        for sentence in sentences:
            found.add(table, row.number, at, title, value, str(sentence))


def _send_invitations(work: Work) -> Generator[Step, None, None]:
    """Send the letters, each noted once it is gone; a worker that dies in between repeats one at most."""
    position = dict(work.position)
    letters: list[dict[str, str]] = json.loads(box(_PURPOSE).decrypt(position["after"].encode()))
    with work.scope():
        company = Tenant.objects.get()
        name, language = company.name, company.language
    for number in range(position["sent"], len(letters)):
        letter = letters[number]
        link = f"{settings.NOTIFICATIONS['PUBLIC_URL']}/invitations/{letter['token']}/"
        with override(language):
            body = render_to_string(
                "web/invitation_email.txt", {"company": name, "link": link, "days": people.LINK_DAYS}
            )
            subject = _("%(company)s invites you to Forgeline") % {"company": name}
        try:
            send_mail(subject, body, None, [letter["email"]])
        except (SMTPException, OSError) as error:
            _log.warning("an invitation could not be sent: %s", type(error).__name__)
            result = position["result"]
            unsent = _(
                "The invitation of %(email)s could not be sent; invite that person again under People."
            )
            result["sentences"] = [*result["sentences"], unsent % {"email": letter["email"]}]
        position = {**position, "sent": number + 1}
        yield Step(0.9 + 0.1 * (number + 1) / len(letters), _("Sending invitations"), position)


__all__ = [
    "FORMS",
    "KINDS",
    "apply_tried",
    "get_kind",
    "run",
    "start_import",
    "write_export",
    "write_template",
]
