"""The client: requests with patience, lists as iterators, samples as tables, the live socket. Blocks; not for asyncio.

Not here: how tables look (reading, writing), when it asks again (retries), the socket itself (live).
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, cast

import httpx

from forgeline_client.connecting import Asking, Presence, read, settings_of
from forgeline_client.errors import UnprocessableError
from forgeline_client.live import Live
from forgeline_client.models import Alarm, Asset, Device, JournalEntry, Plant, Point
from forgeline_client.reading import (
    POINTS_AT_ONCE,
    VALUES_AT_ONCE,
    columns_of_csv,
    frame_of_series,
    frame_of_values,
    in_parts,
    join_frames,
    rows_of,
    word_of,
)
from forgeline_client.retries import Patience, headers_of
from forgeline_client.writing import SAMPLES_PER_POST, Written, bodies_of, columns_of

if TYPE_CHECKING:
    import pandas as pd

Time = datetime | int
"""An aware datetime, or milliseconds since 1970."""
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Client:
    """``with Client("https://forgeline.example.com", "fl_…") as client: client.samples([30], start, end)``

    While Forgeline cannot answer, it is asked again for ``patience``; a POST carries a key of its own so that it is
    done once. **Raises** ApiError and its kinds for what is refused, UnavailableError when patience is over.
    """

    def __init__(
        self,
        url: str,
        key: str,
        *,
        language: str = "en",
        patience: Patience | None = None,
        verify: Any = True,
    ) -> None:
        self._http = httpx.Client(**settings_of(url, key, language), verify=verify)
        self._url, self._key, self._verify = url, key, verify
        self._patience = patience or Patience()
        self._presence = Presence()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    # --- any endpoint ---

    def get(self, path: str, **query: Any) -> Any:
        """Return what stands at ``path``, beneath ``/api/v1``; a file as its bytes, CSV as text."""
        return self.ask("GET", path, params=query)

    def post(self, path: str, body: Any = None, *, headers: dict[str, str] | None = None) -> Any:
        """Create, or do; asked again it is done once."""
        return self.ask("POST", path, json=body, headers=headers)

    def patch(self, path: str, body: Mapping[str, Any], *, headers: dict[str, str] | None = None) -> Any:
        """Change what stands at ``path``; ``headers={"If-Match": etag}`` refuses to overwrite another's change."""
        return self.ask("PATCH", path, json=body, headers=headers)

    def put(self, path: str, body: Any, *, headers: dict[str, str] | None = None, **query: Any) -> Any:
        """Put something in the place of what stands at ``path``; bytes are sent as they are, a part of an upload."""
        sent: dict[str, Any] = {"json": body}
        if isinstance(body, bytes):
            sent = {"content": body}
            headers = {"Content-Type": "application/octet-stream", **(headers or {})}
        return self.ask("PUT", path, params=query, headers=headers, **sent)

    def delete(self, path: str, *, headers: dict[str, str] | None = None, **query: Any) -> Any:
        """Take away what stands at ``path``; ``headers={"If-Match": etag}`` only where nobody changed it."""
        return self.ask("DELETE", path, params=query, headers=headers)

    def iterate(self, path: str, **query: Any) -> Iterator[dict[str, Any]]:
        """Yield every row of a list, page by page."""
        answer = self.get(path, **query)
        while True:
            yield from answer if isinstance(answer, list) else answer["results"]
            if isinstance(answer, list) or not answer.get("next"):
                return
            answer = self.ask("GET", answer["next"])

    def ask(self, method: str, path: str, *, headers: dict[str, str] | None = None, **options: Any) -> Any:
        """Send a request until it is answered, and return what the answer holds."""
        return read(self._send(method, path, headers, options))

    def _send(
        self, method: str, path: str, headers: dict[str, str] | None, options: Mapping[str, Any]
    ) -> httpx.Response:
        asking = Asking(self._patience, self._presence)
        headers = headers_of(method, path, headers)
        while True:
            outcome: httpx.Response | httpx.TransportError
            try:
                outcome = self._http.request(method, path, headers=headers, **options)
            except httpx.TransportError as error:
                outcome = error
            pause = asking.pause_after(outcome)
            if pause is None:
                assert isinstance(outcome, httpx.Response)
                return outcome
            time.sleep(pause)

    # --- the plant ---

    def plants(self, **query: Any) -> Iterator[Plant]:
        """Yield the plants."""
        return cast("Iterator[Plant]", self.iterate("/plants/", **query))

    def assets(self, **query: Any) -> Iterator[Asset]:
        """Yield areas, lines and machines; ``plant=``, ``level=``, ``search=`` … narrow them."""
        return cast("Iterator[Asset]", self.iterate("/assets/", **query))

    def points(self, **query: Any) -> Iterator[Point]:
        """Yield points; ``asset=``, ``key=``, ``role=`` … narrow them."""
        return cast("Iterator[Point]", self.iterate("/points/", **query))

    def devices(self, **query: Any) -> Iterator[Device]:
        """Yield devices."""
        return cast("Iterator[Device]", self.iterate("/devices/", **query))

    def alarms(self, **query: Any) -> Iterator[Alarm]:
        """Yield alarms, the newest first; open ones unless ``view=`` says otherwise."""
        return cast("Iterator[Alarm]", self.iterate("/alarms/", **query))

    def alarm_journal(self, **query: Any) -> Iterator[JournalEntry]:
        """Yield what happened to alarms, the newest first."""
        return cast("Iterator[JournalEntry]", self.iterate("/alarm-journal/", **query))

    # --- samples ---

    def latest(self, points: Iterable[int]) -> pd.DataFrame:
        """Return the newest value of points. **Shape** point_id, ts (UTC), value, quality, flags, status."""
        rows: list[dict[str, Any]] = []
        for part in in_parts(points, VALUES_AT_ONCE):
            rows += self.get("/latest/", point=word_of(part))["results"]
        return frame_of_values(rows)

    def samples(
        self, points: Iterable[int], start: Time, end: Time, *, resolution: str | None = None,
        columns: Sequence[str] = (),
    ) -> pd.DataFrame:  # fmt: skip
        """Return samples or roll-ups over ``[start, end)``, as many points as one likes.

        **Shape** point_id, ts (UTC), then value and quality, or the roll-up's columns (mean, minimum, maximum …).
        Without ``resolution`` (raw, 1m, 1h, 1d) Forgeline chooses by the range, and thins a long raw range to the
        lowest and highest of each slice; ``every_sample`` thins nothing.
        """
        query: dict[str, Any] = {"from": _ms(start), "to": _ms(end)}
        if resolution:
            query["resolution"] = resolution
        if columns:
            query["columns"] = ",".join(columns)
        found: list[dict[str, Any]] = []
        for part in in_parts(points, POINTS_AT_ONCE):
            found += self.get("/samples/", point=word_of(part), **query)["results"]
        return frame_of_series(found)

    def every_sample(self, points: Iterable[int], start: Time, end: Time) -> pd.DataFrame:
        """Return every raw sample over ``[start, end)``, one point after the other; nothing is thinned.

        **Shape** point_id, ts (UTC), value (text for a text point), quality, flags.
        """
        query = {"from": _ms(start), "to": _ms(end), "as": "csv"}
        frames = []
        for point_id in points:
            answer = self._send("GET", "/samples/", None, {"params": {"point": str(point_id), **query}})
            if not answer.is_success:
                read(answer)
            frames.append(columns_of_csv(point_id, answer.text))
        return join_frames(frames)

    def write(self, frame: pd.DataFrame, *, samples_per_post: int = SAMPLES_PER_POST) -> Written:
        """Store a table of samples, in as many posts as it takes; what is repeated changes nothing.

        **Shape** long: ``point_id``, ``ts`` and ``value``, perhaps ``quality``; or wide: an index of times, and a
        column for each point, named by its id. **Time** aware, or milliseconds since 1970. **Gaps** a missing value
        of a long table is stored as null of quality 2 (bad); of a wide one it is left out.
        **Raises** ValueError for a table that is neither.
        """
        written = Written()
        for first, body in bodies_of(columns_of(frame), samples_per_post):
            try:
                answer = self.post("/samples/", body)
            except UnprocessableError as error:
                if "accepted" not in error.body:
                    raise
                answer = error.body
            written.add(answer, first)
        return written

    # --- live ---

    def live(self, topics: Collection[str], *, resume: str = "", fill_gaps: bool = True) -> Live:
        """Follow topics (``point.30``, ``asset.3``, ``branch.2``, ``alarms``) from their state now, or from a token.

        Iterate over what comes; a lost connection is taken up again without a gap. ``fill_gaps``: samples of a gap
        that can be read by ``every_sample`` come as events too.
        """
        read_gap = self._read_gap if fill_gaps else None
        return Live(self._url, self._key, topics, resume=resume, verify=self._verify, read_gap=read_gap)

    def _read_gap(self, points: Sequence[int], from_ms: int, to_ms: int) -> list[list[Any]]:
        return rows_of(self.every_sample(points, from_ms, to_ms))


def _ms(time: Time) -> float | int:
    """Return milliseconds with their fraction: rounded, a bound would leave out the sample that stands on it."""
    if isinstance(time, int):
        return time
    if time.tzinfo is None:
        raise ValueError("A time needs its zone: datetime(2026, 1, 31, 8, tzinfo=ZoneInfo('Asia/Shanghai')).")
    micros = (time - EPOCH) // timedelta(microseconds=1)
    return micros / 1000 if micros % 1000 else micros // 1000
