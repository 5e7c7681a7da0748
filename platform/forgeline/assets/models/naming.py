"""What people call a thing, in each of their languages. Not here: words that the product itself says (gettext)."""

from __future__ import annotations

from django.db import models
from django.utils.translation import get_language, gettext_lazy as _

MAX_NAME = 120


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
        return str(self.names.get((get_language() or "en").lower()) or self.name)
