"""The list of connections: state, what is wrong, rates, counters. Not here: one connection (detail)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from connectors import queries, registry
from connectors.contract import ConnectionState
from connectors.models import BROKER_KIND, Connection
from connectors.pages.access import EDIT, VIEW, actor_of, is_partial, needs
from connectors.pages.words import storage_sentence
from connectors.queries import ConnectionFacts
from connectors.wording import translate_sentence


@dataclass(frozen=True, slots=True)
class StateWord:
    """How a state looks: a shape, a word and a tone, never colour alone."""

    word: str
    tone: str
    """running, setup, down, warn, off, no_data: shapes that the style sheet has."""
    meaning: str


def state_word(state: ConnectionState) -> StateWord:
    """Return the word of a state and what it means for the reader."""
    words = {
        ConnectionState.RUNNING: StateWord(_("Running"), "running", _("Values arrive.")),
        ConnectionState.STARTING: StateWord(_("Starting"), "setup", _("Signing in and subscribing.")),
        ConnectionState.STOPPING: StateWord(_("Stopping"), "setup", _("Handing over what is under way.")),
        ConnectionState.RETRYING: StateWord(
            _("Retrying"),
            "down",
            _("The source cannot be reached; it is tried again, at most a minute apart."),
        ),
        ConnectionState.FAULTED: StateWord(
            _("Needs you"),
            "down",
            _("Trying again cannot mend this; change the connection, then it starts anew."),
        ),
        ConnectionState.DISABLED: StateWord(_("Switched off"), "off", _("Somebody switched it off.")),
        ConnectionState.UNOWNED: StateWord(
            _("Waiting"), "no_data", _("No connector process has taken it yet; one does within seconds.")
        ),
    }
    return words[state]


@dataclass(frozen=True, slots=True)
class Row:
    """A connection in the list."""

    connection: Connection
    facts: ConnectionFacts
    state: StateWord
    kind_title: str
    storage: str
    """A sentence where the store does not take what arrives."""

    @property
    def is_wrong(self) -> bool:
        return self.facts.state in (ConnectionState.FAULTED, ConnectionState.RETRYING)


def make_row(connection: Connection) -> Row:
    """Return what the pages show of a connection."""
    facts = queries.read_facts(connection)
    return Row(
        connection,
        facts,
        state_word(facts.state),
        kind_title(connection.kind),
        storage_sentence(facts.storage, facts.spool_bytes),
    )


def kind_title(kind: str) -> str:
    """Return the name of a kind of connection."""
    if kind == BROKER_KIND:
        return _("Platform broker")
    for spec in registry.list_specs():
        if spec.kind == kind:
            return translate_sentence(spec.title)
    return kind


@require_safe
@needs(VIEW)
def show_connections(request: HttpRequest) -> HttpResponse:
    """Every connection of the company, what is wrong first."""
    rows = sorted((make_row(each) for each in queries.list_connections()), key=lambda row: not row.is_wrong)
    context: dict[str, Any] = {
        "rows": rows,
        "waiting": queries.count_waiting(),
        "kinds": list_kinds(),
        "may_edit": actor_of(request).has_permission(EDIT),
    }
    template = "connectors/_rows.html" if is_partial(request) else "connectors/list.html"
    return render(request, template, context)


def list_kinds() -> list[dict[str, str]]:
    """Return the kinds of connections that can be added."""
    return [
        {
            "kind": spec.kind,
            "title": translate_sentence(spec.title),
            "summary": translate_sentence(spec.summary),
        }
        for spec in registry.list_specs()
    ]
