"""What people call a thing, in each of their languages. Not here: words that the product itself says (gettext)."""

from __future__ import annotations

from collections.abc import Mapping

from django.db import models
from django.db.models.functions import Cast, Concat, Upper
from django.utils.translation import get_language, gettext_lazy as _

MAX_NAME = 120


def words_of(*fields: str) -> models.GeneratedField:
    """Return a column with all words of a row in capitals, kept by the database.

    A search compares it instead of folding the case of every row: behind row-level security no index on words serves,
    since LIKE is not leakproof.
    """
    texts = [_words_of_names() if field == "names" else Cast(field, models.TextField()) for field in fields]
    between = [part for text in texts for part in (models.Value("\n", models.TextField()), text)][1:]
    return models.GeneratedField(
        expression=Upper(Concat(*between)), output_field=models.TextField(), db_persist=True
    )


def _words_of_names() -> models.Func:
    """``{"en": "Press"}`` → ``{"Press"}``: nobody looks for the name of a language."""
    words = Cast("names", models.TextField())
    language, nothing, each = models.Value('"[a-z-]+": '), models.Value(""), models.Value("g")
    return models.Func(
        words, language, nothing, each, function="REGEXP_REPLACE", output_field=models.TextField()
    )


class Named(models.Model):
    """A name, and what it is in other languages: a plant's people need not share one."""

    name = models.CharField(_("name"), max_length=MAX_NAME)
    names = models.JSONField(_("names by language"), default=dict, blank=True)
    """Language (``en``, ``zh-hans``) → name; ``name`` stands where a language has none."""

    class Meta:
        abstract = True

    @property
    def title(self) -> str:
        """The name in the reader's language."""
        return in_reading(self.names, self.name)


def in_reading(words: Mapping[str, str], otherwise: str) -> str:
    """Return the reader's language's of the words by language, or what stands where it has none."""
    return str(words.get((get_language() or "en").lower()) or otherwise)
