"""The vocabulary of errors: a dotted key, a human sentence, data. Not here: how HTTP renders them (base/api)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.utils.translation import gettext as _

MOST_NAMED = 40
"""More choices than these are looked up, not read."""


def not_among(word: object, known: Sequence[object]) -> str:
    """Return the sentence for a word that is none of the choices; it names them."""
    names = [str(each) for each in known[:MOST_NAMED]] + ["…"] * (len(known) > MOST_NAMED)
    return _("%(word)s is none of: %(known)s.") % {"word": str(word)[:80], "known": ", ".join(names)}


class ForgelineError(Exception):
    """Base of every anticipated error.

    ``key`` is stable and dotted (``telemetry.clock_skew``), ``message`` is a sentence for a person that ends with
    the remedy, ``data`` is what a program needs. ``message`` may be a lazy translation.
    """

    key = "base.error"
    status = 400

    def __init__(
        self, message: object = "", *, key: str | None = None, data: Mapping[str, Any] | None = None
    ) -> None:
        super().__init__(message)
        self.message = message
        self.data: dict[str, Any] = dict(data or {})
        if key is not None:
            self.key = key

    def __str__(self) -> str:
        return str(self.message) or self.key


class InvalidInputError(ForgelineError):
    """What was sent cannot be used; ``data["fields"]`` maps a field to its sentences."""

    key = "base.invalid_input"
    status = 400

    @classmethod
    def at(cls, field: str | Iterable[str], sentence: object, *, key: str | None = None) -> InvalidInputError:
        """Return the refusal of a field, or of several for the same reason."""
        names = [field] if isinstance(field, str) else list(field)
        return cls(sentence, key=key, data={"fields": {name: [str(sentence)] for name in names}})


class NotFoundError(ForgelineError):
    """No such thing, or none that the caller may see; the two are never told apart."""

    key = "base.not_found"
    status = 404


class ConflictError(ForgelineError):
    """The thing exists already, or changed since it was read."""

    key = "base.conflict"
    status = 409


class ChangedMeanwhileError(ForgelineError):
    """The version that the caller named is not the present one."""

    key = "base.changed_meanwhile"
    status = 412


class ForbiddenError(ForgelineError):
    """The caller is known and may not do this."""

    key = "base.forbidden"
    status = 403

    @classmethod
    def lacks(cls, permission: str, *, is_key: bool, key: str) -> ForbiddenError:
        """Return the refusal of somebody whose role, or of a program whose key, lacks a permission."""
        if is_key:
            # Its role may have it: a key is narrowed besides, to permissions and to a part of the plant.
            sentence = _("This key may not do that; it lacks %(permission)s.") % {"permission": permission}
        else:
            sentence = _("Your role does not allow this. Ask a manager of your company.")
        return cls(sentence, key=key, data={"permission": permission})


class UnavailableError(ForgelineError):
    """A dependency is away; trying again later is right."""

    key = "base.unavailable"
    status = 503


class PaymentRequiredError(ForgelineError):
    """The company's plan does not hold this."""

    key = "base.payment_required"
    status = 402
