"""How a try can fail: for now or for good. A try that returns has succeeded."""

from __future__ import annotations


class SendError(Exception):
    """The letter did not go. ``reason`` is a key of wording.REASONS; ``detail`` is what the other side said, without
    a secret; ``is_final`` when trying again cannot help; ``asked_s`` is the wait that the other side asks for.
    """

    def __init__(
        self, reason: str, detail: str = "", *, is_final: bool = False, asked_s: float | None = None
    ) -> None:
        super().__init__(f"{reason} {detail}".strip())
        self.reason = reason
        self.detail = " ".join(detail.split())[:300]
        self.is_final = is_final
        self.asked_s = asked_s
