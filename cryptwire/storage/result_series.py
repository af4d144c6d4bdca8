"""Table ``trade_results`` as sums and columns, for figures over many trades (cryptwire/domain/trade_statistics.py).

Sums are exact: PostgreSQL multiplies and adds numerics without rounding. What is converted is so at its trade's time,
first into the hopper's base currency of then by the stored rate, then by ``Steps``.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, NamedTuple

import asyncpg
import numpy as np
from numpy.typing import NDArray

from cryptwire.clock import to_us
from cryptwire.domain.hopper import Asset, HopperId
from cryptwire.domain.trade_statistics import Tally
from cryptwire.domain.trade_tally import Earned, Stretch, TradeTally
from cryptwire.storage.columns import floats, small, whole
from cryptwire.storage.database import Database
from cryptwire.storage.result_list import LISTING, ListedResult
from cryptwire.storage.steps import Steps, joined
from cryptwire.storage.trade_sums import STORED_SINCE

_WHERE = "r.hopper_id = ANY($1::text[]) AND r.at >= $2 AND r.at < $3"
_ORDER = 'at, length(trade_id), trade_id COLLATE "C", hopper_id COLLATE "C"'
# OFFSET 0: what is converted once is not to be converted again in each sum
_AMOUNTS = f"""
    (SELECT r.hopper_id, r.trade_id, r.at, r.base, r.side, r.fee_currency, r.fee_units, r.closed, r.cost,
            r.buy_trigger, r.trigger, r.buy_strategy, {{amounts}}
       FROM trade_results r {{steps}}
      WHERE {_WHERE} AND r.currency = $4 AND {{only}} OFFSET 0) one
"""  # noqa: S608 - parts of ours, as below
_NET = "r.net * {rate} AS net, r.fees * {rate} AS fees"
_WORTH = "r.total * {rate} AS worth, CASE WHEN r.fee_units = 0 THEN 0 ELSE r.fee * {rate} END AS fee"
_TRADES = """
    count(*) FILTER (WHERE side = 1) AS buys, count(*) FILTER (WHERE side <> 1) AS sells,
    count(*) FILTER (WHERE worth IS NULL) AS unvalued, count(*) FILTER (WHERE fee IS NULL) AS unconverted,
    coalesce(sum(worth) FILTER (WHERE side = 1), 0) AS bought,
    coalesce(sum(worth) FILTER (WHERE side <> 1), 0) AS sold, coalesce(sum(fee), 0) AS fees
"""
_RESULTS = f"""
    SELECT hopper_id, base, buy_trigger, trigger, buy_strategy, max(at) AS newest,
           count(*) FILTER (WHERE net > 0) AS winners, count(*) FILTER (WHERE net < 0) AS losers,
           count(*) FILTER (WHERE net = 0) AS even, count(*) FILTER (WHERE cost IS NULL) AS unknown,
           count(*) FILTER (WHERE cost IS NOT NULL AND net IS NULL) AS untold,
           coalesce(sum(net) FILTER (WHERE net > 0), 0) AS gains,
           coalesce(sum(net) FILTER (WHERE net < 0), 0) AS losses,
           coalesce(sum(fees) FILTER (WHERE net IS NOT NULL), 0) AS fees, coalesce(sum(abs(net + fees)), 0) AS moved
      FROM {_AMOUNTS}
     GROUP BY GROUPING SETS ((hopper_id, base), (buy_trigger, trigger, buy_strategy))
"""  # noqa: S608
_STRETCHES = f"""
    SELECT width_bucket(at, $5::timestamptz[]) AS number, {_TRADES}, count(closed) AS results, count(net) AS known,
           coalesce(sum(net), 0) AS net
      FROM {_AMOUNTS} GROUP BY 1
"""  # noqa: S608
_SHARE = "r.net / nullif(CASE WHEN r.is_short THEN r.proceeds ELSE r.cost END, 0)"
_CLOSED_AT = f"""
    SELECT {", ".join(f"{sql} AS {name}" for name, sql in LISTING.fields.items())}, r.net * {{rate}} AS profit,
           {_SHARE} AS share
      FROM trade_results r {{steps}}
     WHERE r.hopper_id = ANY($1::text[]) AND r.at = ANY($2::timestamptz[]) AND r.currency = $3 AND r.closed IS NOT NULL
       AND r.net IS NOT NULL AND {{rate}} IS NOT NULL
"""  # noqa: S608
_KNOWN = f"{_WHERE} AND closed IS NOT NULL AND net IS NOT NULL"
_CLOSINGS = f"""
    SELECT array_send(array_agg(sign)), array_send(array_agg(at)), array_send(array_agg(opened_at)),
           array_send(array_agg(quantity)), array_send(array_agg(net)), string_agg(lot, chr(10)),
           string_agg(currency, chr(10))
      FROM (SELECT sign(net)::int2 AS sign, at, coalesce(opened_at, '-infinity') AS opened_at,
                   closed::float8 AS quantity, coalesce((net * rate)::float8, 'NaN') AS net, currency,
                   hopper_id || ':' || base || ':' || is_short AS lot
              FROM trade_results r WHERE {_KNOWN} ORDER BY {_ORDER}) ordered
"""  # noqa: S608
_SHARES = f"""
    SELECT array_send(array_agg(share))
      FROM (SELECT coalesce(({_SHARE})::float8, 'NaN') AS share
              FROM trade_results r WHERE {_KNOWN} ORDER BY {_ORDER}) one
"""  # noqa: S608
_STANDING = f"""
    SELECT n.hopper_id, p.computed_at, p.hopper_id IS NULL AND late.number > 0 AS is_due, late.number, late.newest
      FROM unnest($1::text[]) AS n(hopper_id) LEFT JOIN result_progress p USING (hopper_id)
     CROSS JOIN LATERAL (SELECT count(*) AS number, max(t.stored_at) AS newest FROM trades t WHERE {STORED_SINCE}) late
"""  # noqa: S608


@dataclass(frozen=True, slots=True)
class Chosen:
    """Trades in ``[since, until)`` that hoppers made while their base currency was ``currency``."""

    hoppers: tuple[HopperId, ...]
    since: datetime
    until: datetime
    currency: Asset


class Standing(NamedTuple):
    """When a hopper's results were written last, None for never: then ``is_due`` says whether there are any to be.

    ``late``: how many trades were stored since then, or shortly before, and when the last of them was.
    """

    computed_at: datetime | None
    is_due: bool
    late: tuple[int, datetime | None] = (0, None)


class Reason(NamedTuple):
    """Why and by which strategy something was opened, and why it was closed; None: not known, or none."""

    opened_by: str | None
    closed_by: str | None
    strategy: str | None


@dataclass(frozen=True, slots=True)
class ResultSums:
    """Results by hopper and coin, and by why they were; ``newest``: when the last of them closed."""

    by_coin: Mapping[tuple[HopperId, Asset], Tally]
    by_reason: Mapping[Reason, Tally]
    newest: datetime | None


class Ranked(NamedTuple):
    """A result with its net in the currency that was asked for, and that by what it was opened with."""

    result: ListedResult
    profit: Decimal
    share: Decimal | None


@dataclass(frozen=True, slots=True)
class Closings:
    """Results whose net is known, in the order in which they closed: columns of equal length.

    ``at``: microseconds since the epoch; ``signs`` of the net; ``nets`` about, in the ``currencies`` in which hoppers
    counted then, NaN when it is not known in it; ``seconds`` from opening to closing, NaN when it is not known when it
    was opened; ``quantities`` in units of the coin; ``positions``: the same number for parts of what was opened at one
    time.
    """

    at: NDArray[np.int64]
    signs: NDArray[np.int8]
    nets: NDArray[np.float64]
    currencies: NDArray[np.str_]
    seconds: NDArray[np.float64]
    quantities: NDArray[np.float64]
    positions: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.signs)


class ResultSeries:
    """Every method raises Unavailable while the database is away. ``steps`` None: amounts stay in their currency."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def standing(self, hoppers: Sequence[HopperId]) -> dict[HopperId, Standing]:
        """How far the results of each hopper are; as long as that is the same, so are all answers of this class."""
        rows = await self._database.fetch(_STANDING, list(hoppers))
        return {
            HopperId(row["hopper_id"]): Standing(row["computed_at"], row["is_due"], (row["number"], row["newest"]))
            for row in rows
        }

    async def results(self, chosen: Chosen, steps: Steps | None) -> ResultSums:
        """Sums over results."""
        rows = await self._rows(_RESULTS, _NET, "r.closed IS NOT NULL", chosen, steps)
        by_coin, by_reason = dict[tuple[HopperId, Asset], Tally](), dict[Reason, Tally]()
        for row in rows:
            if row["hopper_id"] is None:
                by_reason[Reason(row["buy_trigger"], row["trigger"], row["buy_strategy"])] = _tally(row)
            else:
                by_coin[HopperId(row["hopper_id"]), Asset(row["base"])] = _tally(row)
        return ResultSums(by_coin, by_reason, _newest(rows))

    async def stretches(self, chosen: Chosen, steps: Steps | None, starts: Sequence[datetime]) -> dict[int, Stretch]:
        """What happened in each stretch of time that begins at one of ``starts``, ascending, by its place among them;
        the last has no end. Those in which nothing happened are left out.
        """
        rows = await self._rows(_STRETCHES, f"{_WORTH}, {_NET}", "true", chosen, steps, list(starts))
        return {
            row["number"] - 1: Stretch(_trades(row), Earned(row["results"], row["known"], row["net"]))
            for row in rows
            if row["number"]
        }

    async def closed_at(self, chosen: Chosen, steps: Steps | None, moments: Sequence[datetime]) -> list[Ranked]:
        """Those results of which the net is known that closed at one of ``moments``, in no order."""
        values: list[Any] = [list(chosen.hoppers), list(moments), chosen.currency]
        found = await self._asked(_CLOSED_AT, values, steps)
        return [Ranked(ListedResult(*row[:-2]), row["profit"], row["share"]) for row in found]

    async def closings(self, hoppers: Sequence[HopperId], since: datetime, until: datetime) -> Closings:
        """Results of ``[since, until)`` in columns."""
        row = await self._database.row(_CLOSINGS, list(hoppers), since, until)
        assert row is not None
        at, opened_at = whole(row[1]), whole(row[2])  # microseconds since PostgreSQL's epoch
        is_known = opened_at != _NEVER
        seconds = np.where(is_known, (at - np.where(is_known, opened_at, at)) / 1e6, np.nan)
        lots, currencies = ((listed or "").split("\n") for listed in row[5:])
        return Closings(
            at + _EPOCH,
            small(row[0]),
            floats(row[4]),
            np.array(currencies if len(at) else [], np.str_),
            seconds,
            floats(row[3]),
            _numbered(opened_at, lots),
        )

    async def shares(self, hoppers: Sequence[HopperId], since: datetime, until: datetime) -> NDArray[np.float64]:
        """About what each of the same results earned for what it was opened with; NaN when that was nothing."""
        return floats(await self._database.value(_SHARES, list(hoppers), since, until))

    async def _rows(
        self, query: str, amounts: str, only: str, chosen: Chosen, steps: Steps | None, *more: Any
    ) -> list[asyncpg.Record]:
        query = query.replace("{amounts}", amounts).replace("{only}", only)
        return await self._asked(query, [*_choice(chosen), *more], steps)

    async def _asked(self, query: str, values: list[Any], steps: Steps | None) -> list[asyncpg.Record]:
        if steps is None:
            return await self._database.fetch(query.replace("{steps}", "").replace("{rate}", "r.rate"), *values)
        text = query.replace("{steps}", joined(len(values) + 1, "r.at")).replace("{rate}", "r.rate * s.rate")
        return await self._database.planned(text, *values, *steps)


def _numbered(opened_at: NDArray[np.int64], lots: Sequence[str]) -> NDArray[np.int64]:
    """The same number where both are the same, (n,)."""
    if not len(opened_at):
        return opened_at
    numbers = {lot: number for number, lot in enumerate(dict.fromkeys(lots))}
    lot = np.array(list(map(numbers.__getitem__, lots)), np.int64)
    moment = np.unique(opened_at, return_inverse=True)[1]
    found: NDArray[np.int64] = np.unique(moment * len(numbers) + lot, return_inverse=True)[1]
    return found


def _choice(chosen: Chosen) -> list[Any]:
    return [list(chosen.hoppers), chosen.since, chosen.until, chosen.currency]


def _newest(rows: Sequence[asyncpg.Record]) -> datetime | None:
    return max((row["newest"] for row in rows), default=None)


_NEVER = -(2**63)
"""As a moment of PostgreSQL's: -infinity."""
_EPOCH = to_us(datetime(2000, 1, 1, tzinfo=UTC))
"""PostgreSQL's."""
_COUNTED = ("winners", "losers", "even", "unknown", "untold", "gains", "losses", "fees", "moved")
_TRADED = ("buys", "sells", "unvalued", "unconverted", "bought", "sold", "fees")


def _tally(row: asyncpg.Record) -> Tally:
    return Tally(*(row[name] for name in _COUNTED))


def _trades(row: asyncpg.Record) -> TradeTally:
    return TradeTally(*(row[name] for name in _TRADED))
