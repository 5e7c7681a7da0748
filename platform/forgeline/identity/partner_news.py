"""What happens to a partner's access, for whoever tells the partner of it. Not here: the words and the mail, which lie
in rooms above; one of them registers.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum

from forgeline.identity.models import PartnerGrant


class News(StrEnum):
    """What has happened."""

    GIVEN = "given"
    CHANGED = "changed"
    ENDED = "ended"


Teller = Callable[[PartnerGrant, News], None]
"""Called in the customer's scope, in the transaction of the change."""
_tellers: list[Teller] = []


def register_teller(teller: Teller) -> None:
    """Take who tells partners; once, when the rooms are made ready."""
    _tellers.append(teller)


def tell(grant: PartnerGrant, news: News) -> None:
    """Have the partner told."""
    for teller in _tellers:
        teller(grant, news)
