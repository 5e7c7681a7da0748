"""REST: latest values, samples out (JSON, CSV) and in (devices that speak only HTTP). Columns, not rows of objects.

These three do not go through serializers: a day of seconds is one answer, encoded from arrays at once.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

import msgspec
import numpy as np
from django.http import HttpResponse, StreamingHttpResponse
from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request

from forgeline.assets.models import Point
from forgeline.base import clock
from forgeline.base.api import ActorPermission
from forgeline.base.errors import InvalidInputError, NotFoundError
from forgeline.base.moments import EARLIEST, LATEST
from forgeline.base.spreadsheet import safe_cells
from forgeline.base.views import Answering, asks, refuse_unknown
from forgeline.telemetry import queries, shapes
from forgeline.telemetry.engines.base import Resolution
from forgeline.telemetry.engines.reads import keep_own, list_points_of
from forgeline.telemetry.exporting import in_tenant, stream_parquet, words_of
from forgeline.telemetry.ingest import ingest_batch
from forgeline.telemetry.sample import Quality, SampleBatch, SampleFlag
from forgeline.tenancy.context import require_tenant_id
from forgeline.tenancy.scoping import tenant_scope

MAX_POINTS = 500
MAX_SERIES = 20
MAX_POSTED = 50_000
FORMS = ("json", "csv", "parquet")
DAY_US = 86_400_000_000

_COLUMNS = ("point", "ts", "value", "quality", "status")
_KNOWN = frozenset(_COLUMNS)

_encode = msgspec.json.Encoder().encode


def _json(body: Any, status: int = 200) -> HttpResponse:
    return HttpResponse(_encode(body), content_type="application/json", status=status)


class TelemetryView(Answering):
    permission_classes = [ActorPermission]
    read_permission, write_permission = "telemetry.view", "telemetry.write"


class LatestView(TelemetryView):
    """The newest value of points: ``?point=1,2,3`` or ``?asset=7``; at most a second old."""

    @asks(
        OpenApiParameter("point", str, description="Point ids with commas, at most 500."),
        OpenApiParameter("asset", int, description="All points of a machine instead."),
        responses={200: shapes.LATEST},
    )
    def get(self, request: Request) -> HttpResponse:
        ids = _point_ids(request, most=MAX_POINTS)
        found = queries.read_latest(ids)
        now_ms = clock.now_us() // 1000
        return _json(
            {
                "at_ms": now_ms,
                "results": [
                    {
                        "point_id": value.point_id,
                        "ts_ms": value.ts_us / 1000 if value.ts_us % 1000 else value.ts_us // 1000,
                        "value": value.value,
                        "quality": value.quality,
                        "flags": value.flags,
                        "status": value.status,
                    }
                    for value in (found[i] for i in ids if i in found)
                ],
            }
        )


class SamplesView(TelemetryView):
    """Samples of points over a time; and the door for devices that speak only HTTP."""

    @asks(
        OpenApiParameter("point", str, description="Point ids with commas, at most 20."),
        OpenApiParameter("asset", int, description="All points of a machine instead."),
        OpenApiParameter("from", str, description="ISO 8601 time with its zone, or milliseconds since 1970."),
        OpenApiParameter("to", str, description="The same; default: now. The interval is half-open."),
        OpenApiParameter(
            "resolution", str, enum=[r.value for r in Resolution], description="Default: by the range."
        ),
        OpenApiParameter("pairs", int, description="Most lowest/highest pairs of a raw answer, 10 to 2000."),
        OpenApiParameter("columns", str, description="Only these columns beside the time, with commas."),
        OpenApiParameter(
            "as",
            str,
            enum=list(FORMS),
            description="csv and parquet stream every raw sample: without `resolution`, `pairs` and `columns`.",
        ),
        responses={(200, "application/json"): shapes.SERIES, (200, "text/csv"): OpenApiTypes.STR},
    )
    def get(self, request: Request) -> HttpResponse | StreamingHttpResponse:
        form = request.query_params.get("as") or "json"
        if form not in FORMS:
            raise _bad(_("The answer comes as json, csv or parquet."))
        if form != "json":
            # A stream has every raw sample whole: what is asked for beside it would be passed over.
            refuse_unknown(request, ("point", "asset", "from", "to", "as"))
        from_us, to_us = _interval(request)
        if form == "csv":
            return self._stream_csv(_point_ids(request, most=MAX_SERIES), from_us, to_us)
        if form == "parquet":
            return self._stream_parquet(_point_ids(request, most=MAX_SERIES), from_us, to_us)
        wanted = [word for word in request.query_params.get("columns", "").split(",") if word]
        if not set(wanted) <= set(shapes.COLUMNS):
            raise _bad(_("The columns are: %(known)s.") % {"known": ", ".join(shapes.COLUMNS)})
        series = queries.read_series(
            _point_ids(request, most=MAX_SERIES),
            from_us,
            to_us,
            resolution=_resolution(request),
            max_pairs=_whole_number(
                request, "pairs", default=queries.MAX_PAIRS, low=10, high=queries.MAX_PAIRS
            ),
        )
        return _json({"results": [each.as_json(only=wanted) for each in series]})

    def _stream_csv(self, ids: Sequence[int], from_us: int, to_us: int) -> StreamingHttpResponse:
        points = list(Point.objects.select_related("asset").filter(pk__in=ids))
        body = _csv_lines(require_tenant_id(), points, from_us, to_us)
        response = StreamingHttpResponse(body, content_type="text/csv; charset=utf-8")
        response["Content-Disposition"] = 'attachment; filename="samples.csv"'
        return response

    def _stream_parquet(self, ids: Sequence[int], from_us: int, to_us: int) -> StreamingHttpResponse:
        points = words_of(list(Point.objects.select_related("asset").filter(pk__in=ids).order_by("pk")))
        body = stream_parquet(in_tenant(require_tenant_id()), points, from_us, to_us)
        response = StreamingHttpResponse(body, content_type="application/vnd.apache.parquet")
        response["Content-Disposition"] = 'attachment; filename="samples.parquet"'
        return response

    @extend_schema(
        request={"application/json": shapes.SAMPLES},
        responses={200: shapes.STORED, 422: shapes.STORED},
        description='Columns `{"point": [1, 1], "ts": [ms, ms], "value": [1.5, null], "quality": [0, 2]}` or rows '
        '`{"rows": [{"point": 1, "ts": ms, "value": 1.5}]}`; `ts` in milliseconds since 1970, `quality` 0 good, '
        "1 uncertain, 2 bad. Sending the same again changes nothing. Rows that cannot be taken are named with "
        "their reason; the others are stored. At most 50,000 samples at once.",
    )
    def post(self, request: Request) -> HttpResponse:
        batch = _batch_of(request.data)
        batch, foreign = _own_rows(batch)
        result = ingest_batch(batch)
        own = np.flatnonzero(~foreign)
        rejected = [(int(own[row]), reason) for row, reason in result.list_rejected()]
        rejected += [(int(row), "telemetry.unknown_point") for row in np.flatnonzero(foreign)]
        rejected.sort()
        body = {
            "accepted": result.accepted,
            "replaced": result.replaced,
            "rejected": len(rejected),
            "reasons": [{"row": row, "reason": reason} for row, reason in rejected[:1000]],
        }
        return _json(body, 200 if result.accepted or not rejected else 422)


def _csv_lines(tenant_id: int, points: Sequence[Point], from_us: int, to_us: int) -> Iterator[str]:
    """Yield the file in pieces. The body outlives its request, so each piece is read in a scope of its own."""
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    writer.writerow(["time_utc", "machine", "point", "unit", "value", "quality", "flags"])
    for point in points:
        words = point.asset.name, point.key, point.unit
        start = from_us
        while start < to_us:
            with tenant_scope(tenant_id):
                rows = next(queries.iterate_raw(point.pk, start, to_us), [])
            for ts_us, value, quality, flags, *_rest in rows:
                shown = clock.from_us(int(str(ts_us))).isoformat().replace("+00:00", "Z")
                writer.writerow([shown, *safe_cells([*words, value]), quality, flags])
            yield buffer.getvalue()
            buffer.seek(0)
            buffer.truncate()
            if not rows:
                break
            start = int(str(rows[-1][0])) + 1
    yield buffer.getvalue()


def _own_rows(batch: SampleBatch) -> tuple[SampleBatch, np.ndarray[Any, np.dtype[np.bool_]]]:
    """Leave out rows of points that are not the caller's: ingest itself looks over every tenant."""
    mine = keep_own(np.unique(batch.point_id).tolist())
    known = np.fromiter((point in mine for point in batch.point_id.tolist()), np.bool_, len(batch))
    return (batch if known.all() else batch.take(known)), ~known


def _batch_of(body: Any) -> SampleBatch:
    """Return the columns of a posted body. **Raises** InvalidInputError."""
    if not isinstance(body, dict):
        raise _bad(_("Send an object with columns (point, ts, value) or with rows."))
    # A slip in a name would be stored as another time, or as a good value.
    if unknown := sorted(set(body) - ({"rows"} if "rows" in body else set(_COLUMNS)))[:5]:
        raise _bad(
            _("Not known here: %(names)s. Send rows, or the columns %(known)s.")
            % {"names": ", ".join(unknown), "known": ", ".join(_COLUMNS)}
        )
    columns = _columns_of_rows(body["rows"]) if "rows" in body else body
    point, ts, value = columns.get("point"), columns.get("ts"), columns.get("value")
    if not (isinstance(point, list) and isinstance(ts, list) and isinstance(value, list)):
        raise _bad(_("Send the columns point, ts and value as lists of one length."))
    size = len(point)
    quality, status = (
        [0] * size if columns.get(name) is None else columns[name] for name in ("quality", "status")
    )
    if not (isinstance(quality, list) and isinstance(status, list)):
        raise _bad(_("Send quality and status as lists, or leave them out."))
    if not size or {len(ts), len(value), len(quality), len(status)} != {size}:
        raise _bad(_("Send the columns point, ts and value as lists of one length, with at least one entry."))
    if size > MAX_POSTED:
        raise _bad(_("At most 50,000 samples may be sent at once; send them in parts."))
    arrived_us = clock.now_us()
    _require(
        [type(p) is int and 0 < p < 2**31 for p in point], _("Every point must be the number of a point.")
    )
    _require(
        [t is None or type(t) is int or type(t) is float for t in ts],
        _("Every ts must be milliseconds since 1970, or null for the time of arrival."),
    )
    _require(
        [type(q) is int and 0 <= q <= Quality.BAD for q in quality],
        _("Every quality must be 0 (good), 1 (uncertain) or 2 (bad)."),
    )
    _require(
        [type(s) is int and abs(s) < 2**62 for s in status],
        _("Every status must be a whole number of 32 bits."),
    )
    numbers, texts = _numbers_and_texts(value)
    return SampleBatch.from_columns(
        point,
        [arrived_us if t is None else _to_us(t) for t in ts],
        numbers,
        quality=quality,
        status=status,
        flags=[SampleFlag.ARRIVAL_TIME if t is None else 0 for t in ts],
        text=texts,
    )


def _require(fine: list[bool], sentence: str) -> None:
    """**Raises** InvalidInputError with the number of the first row that is not as it must be."""
    if not all(fine):
        row = fine.index(False)
        told = _("%(sentence)s Look at row %(row)d, counted from 0; nothing was stored.")
        raise _bad(told % {"sentence": sentence, "row": row}, row=row)


def _columns_of_rows(rows: Any) -> dict[str, list[Any]]:
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise _bad(_("Send rows as a list of objects with point, ts and value."))
    _require(
        [row.keys() <= _KNOWN for row in rows],
        _("A row has %(known)s and nothing else.") % {"known": ", ".join(_COLUMNS)},
    )
    columns: dict[str, list[Any]] = {
        name: [row.get(name) for row in rows] for name in ("point", "ts", "value")
    }
    return columns | {name: [row.get(name, 0) for row in rows] for name in ("quality", "status")}


def _numbers_and_texts(values: list[Any]) -> tuple[list[float], list[str | None] | None]:
    numbers: list[float] = []
    texts: list[str | None] = []
    strange = False
    for value in values:
        is_text = isinstance(value, str)
        texts.append(value if is_text else None)
        if value is None or is_text:
            numbers.append(float("nan"))
        elif isinstance(value, bool | int | float):
            numbers.append(_float(value))
        else:
            numbers.append(float("nan"))
            strange = True
    if strange:
        fine = [value is None or isinstance(value, str | bool | int | float) for value in values]
        _require(fine, _("Every value must be a number, true or false, text, or null."))
    return numbers, texts if any(text is not None for text in texts) else None


def _float(value: float) -> float:
    try:
        return float(value)
    except OverflowError:
        # A whole number of hundreds of digits: refused with its row.
        return float("inf")


def _to_us(milliseconds: float) -> int:
    """Milliseconds to microseconds; what no clock says is given to ingest as a time that it refuses."""
    return round(milliseconds * 1000) if abs(milliseconds) < 1e15 else 2**62


def _point_ids(request: Request, *, most: int) -> list[int]:
    """Return the asked points, in the order asked for, each once. **Raises** for none, too many, or nonsense."""
    if "asset" in request.query_params:
        if "point" in request.query_params:
            raise _bad(_("Name points by ?point=1,2,3 or a machine by ?asset=7, not both."))
        asset_id = _whole_number(request, "asset", default=0, low=1, high=2**62)
        ids = list_points_of(asset_id, most=most + 1)
        if not ids:
            raise NotFoundError(_("There is nothing here that you may see."))
    else:
        words = [word for word in request.query_params.get("point", "").split(",") if word.strip()]
        if not words or not all(word.strip().isdecimal() and len(word) < 11 for word in words):
            raise _bad(_("Name points by ?point=1,2,3 or a machine by ?asset=7."))
        ids = list(dict.fromkeys(int(word) for word in words))
    if len(ids) > most:
        raise _bad(_("At most %(most)d points may be asked for at once.") % {"most": most})
    return [i for i in ids if i < 2**31]


def _interval(request: Request) -> tuple[int, int]:
    now = clock.now_us()
    to_us = _time(request.query_params.get("to"), default=now)
    from_us = _time(request.query_params.get("from"), default=to_us - DAY_US)
    if from_us >= to_us:
        raise _bad(_("The interval is empty: from must be before to."))
    return from_us, to_us


def _time(word: str | None, *, default: int) -> int:
    if not word:
        return default
    try:
        if word.lstrip("-").replace(".", "", 1).isdecimal():
            us = _to_us(float(word))
        else:
            us = clock.to_us(datetime.fromisoformat(word.replace(" ", "+")))
        # The database is asked by it: it has to be an instant of the calendar.
        if not EARLIEST <= clock.from_us(us) < LATEST:
            raise ValueError(word)
        return us
    except (ValueError, OverflowError):
        raise _bad(
            _("Write times as 2026-01-31T08:00:00+08:00 (with the zone) or in milliseconds since 1970.")
        ) from None


def _resolution(request: Request) -> Resolution | None:
    word = request.query_params.get("resolution")
    if not word:
        return None
    try:
        return Resolution(word)
    except ValueError:
        raise _bad(_("The resolution must be raw, 1m, 1h or 1d.")) from None


def _whole_number(request: Request, name: str, *, default: int, low: int, high: int) -> int:
    word = request.query_params.get(name)
    if not word:
        return default
    if not word.isdecimal() or not low <= int(word) <= high:
        raise _bad(
            _("%(name)s must be a whole number from %(low)d to %(high)d.")
            % {"name": name, "low": low, "high": high}
        )
    return int(word)


def _bad(sentence: str, **data: int) -> InvalidInputError:
    return InvalidInputError(sentence, key="telemetry.invalid_request", data=data)
