"""``control.<hopper_id>.analyser.replay``: figures of the past as they were told, a page at a time, as JSON in columns
within ``codec/control.py``'s messages.

A page has four points of each candle (cryptwire/domain/points.py). Numbers come back as the very same.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from cryptwire.clock import from_us
from cryptwire.domain.figure import Figure, FigureKey, PairSnapshot, Snapshot, figure_key
from cryptwire.domain.hopper import Asset, Exchange, HopperId
from cryptwire.domain.ticker import Pair
from cryptwire.errors import Invalid

VERB = "replay"
_SECOND = 1_000_000
_MOST_KEYS = 500
Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class PastWanted:
    """Figures of a hopper, and of pairs, over its candles opened in ``[since, until)``; ``cursor``: a page's
    ``following``, None for the first one.
    """

    keys: tuple[FigureKey, ...]
    pairs: Mapping[Pair, tuple[FigureKey, ...]]
    since: datetime
    until: datetime
    cursor: int | None = None


@dataclass(frozen=True, slots=True)
class Points:
    """Points in columns. ``price_at``: receipt of the newest price, microseconds; ``is_sure``: a point that is not
    tells nothing; a number that cannot be told is NaN. ``sizes`` and ``bars`` (seconds, 0: none) as in a Figure.
    """

    at: Sequence[int]
    price_at: Sequence[int]
    is_sure: Sequence[bool]
    values: Sequence[float]
    indexes: Sequence[float]
    figures: Mapping[FigureKey, tuple[Sequence[float], Sequence[int], Sequence[int]]]


@dataclass(frozen=True, slots=True)
class Page:
    """``pairs`` have the hopper's points; ``silent``: pairs whose past cannot be had, and why.

    ``candles``, ``partial``, ``backfilled``, ``missing``: of this page. ``began``: before it the hopper traded another
    currency, None when it never did. ``following``: the next page's cursor, None after the last one.
    """

    hopper: HopperId
    base: Asset
    flows_version: int
    points: Points
    pairs: Mapping[Pair, Points]
    silent: Mapping[Pair, str]
    candles: int
    partial: int
    backfilled: int
    missing: int
    following: int | None
    began: datetime | None = None
    session: str = field(default="replay")

    def snapshots(self) -> Iterator[tuple[Snapshot, dict[Pair, PairSnapshot]]]:
        """What rules are evaluated on at each point. Positions are 0: the past does not tell them."""
        columns, points = _columns(self.points.figures), self.points
        pairs = [(pair, told, _columns(told.figures)) for pair, told in self.pairs.items()]
        for number, (at_us, value, index) in enumerate(zip(points.at, points.values, points.indexes, strict=True)):
            at, is_sure = from_us(at_us), points.is_sure[number]
            snapshot = Snapshot(
                self.hopper,
                self.session,
                at_us,
                at,
                at,
                at if is_sure else None,
                is_sure,
                at,
                900,
                0.0,
                False,
                self.flows_version,
                self.base,
                value,
                index if math.isfinite(index) else None,
                0,
                _figures(columns, number),
            )
            others = {
                pair: PairSnapshot(
                    pair,
                    self.session,
                    at_us,
                    at,
                    _moment(told.price_at[number]),
                    told.is_sure[number],
                    _figures(kept, number),
                )
                for pair, told, kept in pairs
            }
            yield snapshot, others


_Columns = list[tuple[FigureKey, Sequence[float], Sequence[int], Sequence[datetime | None]]]


def _columns(figures: Mapping[FigureKey, tuple[Sequence[float], Sequence[int], Sequence[int]]]) -> _Columns:
    known: dict[int, datetime | None] = {}

    def moment(second: int) -> datetime | None:
        if second not in known:
            known[second] = _moment(second * _SECOND)
        return known[second]

    return [(key, values, sizes, [moment(each) for each in bars]) for key, (values, sizes, bars) in figures.items()]


def _figures(columns: _Columns, number: int) -> dict[FigureKey, Figure]:
    return {
        key: Figure(key, value if math.isfinite(value := values[number]) else None, sizes[number], bars[number])
        for key, values, sizes, bars in columns
    }


def wish_to_json(wish: PastWanted) -> dict[str, Any]:
    return {
        "keys": [str(key) for key in wish.keys],
        "pairs": [[*_names(pair), [str(key) for key in keys]] for pair, keys in wish.pairs.items()],
        "since": wish.since.isoformat(),
        "until": wish.until.isoformat(),
        "cursor": wish.cursor,
    }


def wish_from_json(value: Json) -> PastWanted:
    """Raises Invalid."""
    try:
        cursor = value["cursor"]
        wish = PastWanted(
            tuple(map(figure_key, value["keys"])),
            {_pair(names): tuple(map(figure_key, keys)) for *names, keys in value["pairs"]},
            _instant(value["since"]),
            _instant(value["until"]),
            None if cursor is None else int(cursor),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise Invalid(f"a wish for the past that cannot be read: {type(error).__name__}") from None
    if not wish.since < wish.until:
        raise Invalid("since is before until")
    if len(wish.keys) + sum(map(len, wish.pairs.values())) > _MOST_KEYS:
        raise Invalid(f"{_MOST_KEYS} figures can be wanted at once")
    return wish


def page_to_json(page: Page) -> dict[str, Any]:
    return {
        "hopper": page.hopper,
        "base": page.base,
        "flows_version": page.flows_version,
        "points": _points_to_json(page.points),
        "pairs": [[*_names(pair), _points_to_json(points)] for pair, points in page.pairs.items()],
        "silent": [[*_names(pair), why] for pair, why in page.silent.items()],
        "counts": [page.candles, page.partial, page.backfilled, page.missing],
        "following": page.following,
        "began": None if page.began is None else page.began.isoformat(),
    }


def page_from_json(value: Json) -> Page:
    """Raises Invalid."""
    try:
        candles, partial, backfilled, missing = map(int, value["counts"])
        following, began = value["following"], value["began"]
        page = Page(
            HopperId(value["hopper"]),
            Asset(value["base"]),
            int(value["flows_version"]),
            _points_from_json(value["points"]),
            {_pair(names): _points_from_json(points) for *names, points in value["pairs"]},
            {_pair(names): str(why) for *names, why in value["silent"]},
            candles,
            partial,
            backfilled,
            missing,
            None if following is None else int(following),
            None if began is None else _instant(began),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise Invalid(f"a page of the past that cannot be read: {type(error).__name__}") from None
    if any(points.at != page.points.at for points in page.pairs.values()):
        raise Invalid("a page of the past whose pairs have other points")
    return page


def _points_to_json(points: Points) -> dict[str, Any]:
    return {
        "at": list(points.at),
        "price_at": list(points.price_at),
        "is_sure": [int(each) for each in points.is_sure],
        "values": _numbers(points.values),
        "indexes": _numbers(points.indexes),
        "figures": {
            str(key): [_numbers(values), list(sizes), list(bars)]
            for key, (values, sizes, bars) in points.figures.items()
        },
    }


def _points_from_json(value: Json) -> Points:
    figures = {
        figure_key(text): ([_number(each) for each in values], sizes, bars)
        for text, (values, sizes, bars) in value["figures"].items()
    }
    points = Points(
        value["at"],
        value["price_at"],
        [each == 1 for each in value["is_sure"]],
        [_number(each) for each in value["values"]],
        [_number(each) for each in value["indexes"]],
        figures,
    )
    columns = [points.price_at, points.is_sure, points.values, points.indexes]
    columns += [column for told in figures.values() for column in told]
    if any(len(column) != len(points.at) for column in columns):
        raise Invalid("a page of the past whose columns differ in length")
    whole = [points.at, points.price_at, *(column for _, *told in figures.values() for column in told)]
    if any(type(each) is not int for column in whole for each in column):
        raise Invalid("a page of the past with a moment or size that is no whole number")
    return points


def _numbers(numbers: Sequence[float]) -> list[float | None]:
    return [each if math.isfinite(each) else None for each in numbers]


def _number(value: object) -> float:
    if value is None:
        return math.nan
    if type(value) in (float, int):
        return float(value)  # type: ignore[arg-type]
    raise ValueError("no number")


def _names(pair: Pair) -> tuple[str, str, str]:
    return pair.exchange, pair.base, pair.quote


def _pair(names: Sequence[str]) -> Pair:
    exchange, base, quote = map(str, names)
    return Pair(Exchange(exchange), Asset(base), Asset(quote))


def _moment(microseconds: int) -> datetime | None:
    try:
        return from_us(microseconds) if microseconds else None
    except OverflowError:
        raise Invalid("a page of the past of no possible time") from None


def _instant(text: str) -> datetime:
    instant = datetime.fromisoformat(text)
    if instant.tzinfo is None:
        raise ValueError("a moment without offset")
    return instant.astimezone(UTC)
