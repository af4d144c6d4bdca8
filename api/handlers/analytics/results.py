"""What closed positions earned, in the currency in which amounts are told, and lists that go by it."""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import datetime
from decimal import Context, Decimal
from typing import NamedTuple, Protocol

import numpy as np

from api.handlers.analytics.paging import up_to
from cryptwire.clock import to_us
from cryptwire.domain.conversion import Conversion
from cryptwire.domain.hopper import Asset
from cryptwire.errors import Invalid
from cryptwire.storage.conversions import Conversions
from cryptwire.storage.keyset import Condition, Order, Row
from cryptwire.storage.result_list import ListedResult, ResultList

PROFIT = "profit"
"""The column that no statement knows: it depends on the currency that is asked for."""
MOST = 50_000
_EXACT = Context(prec=200)
_GRAIN = Decimal("1e-18")
_AT_ONCE = 1_000  # results, before others have their turn
_MICROS = 1_000_000


class HasEarned(Protocol):
    """What a profit is made of; see ``ListedResult``."""

    @property
    def at(self) -> datetime: ...

    @property
    def currency(self) -> str: ...

    @property
    def net(self) -> Decimal | None: ...

    @property
    def rate(self) -> Decimal | None: ...


async def profits(conversions: Conversions, into: Asset, rows: Sequence[HasEarned]) -> list[Decimal | None]:
    """The net of each row in ``into``, by the rates of when it was closed, rounded to 18 decimals; None: not known.

    Raises Unavailable.
    """
    spans: dict[tuple[str, int], list[int]] = defaultdict(list)
    for place, row in enumerate(rows):
        spans[row.currency, row.at.year].append(place)

    async def conversion(asset: str, places: Sequence[int]) -> Conversion:
        times = [rows[place].at for place in places]
        return await conversions.between(Asset(asset), into, min(times), max(times))

    told = await asyncio.gather(*(conversion(asset, places) for (asset, _), places in spans.items()))
    found: list[Decimal | None] = [None] * len(rows)
    for rates, places in zip(told, spans.values(), strict=True):
        for begin in range(0, len(places), _AT_ONCE):
            these = places[begin : begin + _AT_ONCE]
            seconds = np.array([to_us(rows[place].at) // _MICROS for place in these], np.int64)
            for place, rate in zip(these, rates.exactly_at(seconds), strict=True):
                found[place] = _profit(rows[place], rate)
            await asyncio.sleep(0)
    return found


def _profit(row: HasEarned, rate: Decimal | None) -> Decimal | None:
    if row.net is None or row.rate is None or rate is None:
        return None
    return _EXACT.multiply(_EXACT.multiply(row.net, row.rate), rate).quantize(_GRAIN, context=_EXACT)


class ProfitPage(NamedTuple):
    """Some results with their profits, in order; ``on_all``: how many there are on all pages together."""

    rows: list[tuple[ListedResult, Decimal | None]]
    has_more: bool
    on_all: int


async def by_profit(
    listed: ResultList,
    conversions: Conversions,
    into: Asset,
    hoppers: Sequence[str],
    order: Order,
    conditions: Sequence[Condition],
    is_wanted: Callable[[Decimal | None], bool],
    after: Row | None,
    first: int,
    *,
    looks_at: int = MOST,
) -> ProfitPage:
    """A page of those results whose profit in ``into`` ``is_wanted``, in any order, that of ``PROFIT`` too.

    As in other orders, what is unknown comes last, and what is alike goes by time, the same way. All of them are looked
    at. Raises Invalid when that are more than ``looks_at``, or when ``after`` is not there any more; Unavailable.
    """
    most, is_by_profit = up_to(first), order.column == PROFIT
    said = Order("at", order.is_descending) if is_by_profit else order
    earned = await listed.earned(hoppers, said, conditions, looks_at + 1)
    if len(earned) > looks_at:
        raise Invalid(f"by profit {looks_at:,} closed positions can be looked at; narrow the filter by since or until")
    told = await profits(conversions, into, earned)
    places = list(range(len(earned)))
    if is_by_profit:
        known = [place for place in places if told[place] is not None]
        known.sort(key=lambda place: told[place] or Decimal(0), reverse=order.is_descending)
        places = known + [place for place in places if told[place] is None]
    begin = 0
    if after is not None:
        begin = next((number for number, place in enumerate(places, 1) if earned[place].row == after), 0)
        if not begin:
            raise Invalid("what stood before this page is not there any more; leave after out to begin anew")
    wanted = [number for number, place in enumerate(places) if is_wanted(told[place])]
    behind = [places[number] for number in wanted if number >= begin]
    profit = {earned[place].row: told[place] for place in behind[:most]}
    rows = await listed.some(list(profit))
    return ProfitPage([(row, profit[row.row]) for row in rows], len(behind) > most, len(wanted))
