"""The table of people: members get their role, others an invitation, which goes out once all of it is stored."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.utils.translation import gettext as _, gettext_lazy

from forgeline.base.errors import InvalidInputError
from forgeline.identity import people
from forgeline.identity.own_roles import list_roles
from forgeline.identity.policy import Actor
from forgeline.identity.roles import PEOPLE
from forgeline.transfer.sheets.columns import Column, choice, text
from forgeline.transfer.sheets.kinds import CHANGED, MADE, SAME, SheetKind, try_cell
from forgeline.transfer.sheets.places import PlaceBook, join_path


def _email(word: str) -> str:
    try:
        validate_email(word)
    except ValidationError:
        raise ValueError(_("Write an e-mail address, such as li@example.com.")) from None
    return word.lower()


class Users(SheetKind):
    """People by their e-mail addresses."""

    key, title, permission = "users", gettext_lazy("People"), PEOPLE
    identity = ("email",)
    columns = (
        Column(
            "email",
            gettext_lazy("E-mail"),
            gettext_lazy("Whoever is no member yet is sent an invitation."),
            "li@example.com",
            is_needed=True,
            parse=_email,
        ),
        Column(
            "role",
            gettext_lazy("Role"),
            gettext_lazy("Its key or its name; none that may more than you may."),
            "engineer",
            is_needed=True,
            parse=choice(lambda: {role.key: role.title for role in list_roles()}),
        ),
        Column(
            "branches",
            gettext_lazy("Parts of the plant"),
            gettext_lazy("Paths with semicolons between them; none for the whole company."),
            gettext_lazy("Plant 1/Line 1"),
            parse=text(4000),
        ),
    )

    def __init__(self, actor: Actor) -> None:
        super().__init__(actor)
        self.places = PlaceBook()
        self.members = {
            member.user.email: member for member in people.list_members() if not member.deactivated_at
        }

    def look(self, row: dict[str, Any]) -> Iterator[InvalidInputError]:
        yield from try_cell(lambda: self._branches(row))

    def write(self, row: dict[str, Any]) -> str:
        branches = self._branches(row)
        member = self.members.get(row["email"])
        if member is not None:
            if member.role == row["role"] and (
                "branches" not in row or sorted(member.branches) == sorted(branches)
            ):
                return SAME
            people.change_role(
                member.pk,
                role=row["role"],
                branches=branches if "branches" in row else None,
                actor=self.actor,
            )
            return CHANGED
        _row, links = people.invite(email=row["email"], role=row["role"], branches=branches, actor=self.actor)
        self.after.append({"email": row["email"], "token": links.mailed})
        return MADE

    def _branches(self, row: dict[str, Any]) -> list[str]:
        paths = row.get("branches", "").replace("；", ";").split(";")
        return [self._branch(path) for path in paths if path.strip()]

    def _branch(self, path: str) -> str:
        try:
            names = self.places.read(path)
            if len(names) == 1 and names[0] in self.places.sites:
                return f"/{self.places.sites[names[0]].pk}/"
            return self.places.find_asset(path).path
        except ValueError as error:
            raise InvalidInputError.at("branches", str(error)) from None

    def export(self) -> Iterator[list[Any]]:
        paths = {asset.path: join_path(list(names)) for names, asset in self.places.assets.items()}
        paths |= {f"/{site.pk}/": join_path([site.name]) for site in self.places.sites.values()}
        for member in self.members.values():
            yield [
                member.user.email,
                member.role,
                "; ".join(paths.get(each, each) for each in member.branches),
            ]
