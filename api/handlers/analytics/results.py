"""What closed positions earned, in the currency in which amounts are told."""

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from decimal import Context, Decimal

from cryptwire.domain.conversion import Conversion
from cryptwire.domain.hopper import Asset
from cryptwire.storage.conversions import Conversions
from cryptwire.storage.result_list import ListedResult

_EXACT = Context(prec=200)
_GRAIN = Decimal("1e-18")


async def profits(conversions: Conversions, into: Asset, rows: Sequence[ListedResult]) -> list[Decimal | None]:
    """The net of each row in ``into``, by the rates of when it was closed, rounded to 18 decimals; None: not known.

    Raises Unavailable.
    """
    spans: dict[tuple[str, int], list[datetime]] = defaultdict(list)
    for row in rows:
        spans[row.currency, row.at.year].append(row.at)
    found = await asyncio.gather(
        *(conversions.between(Asset(asset), into, min(times), max(times)) for (asset, _), times in spans.items())
    )
    by_year = dict(zip(spans, found, strict=True))
    return [_profit(row, by_year[row.currency, row.at.year]) for row in rows]


def _profit(row: ListedResult, conversion: Conversion) -> Decimal | None:
    rate = conversion.exactly(row.at)
    if row.net is None or row.rate is None or rate is None:
        return None
    return _EXACT.multiply(_EXACT.multiply(row.net, row.rate), rate).quantize(_GRAIN, context=_EXACT)
