"""What the money of a scope would have become in one coin, or left in what it was at the beginning."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

import numpy as np

from api.handlers.analytics.days import all_days, scope_days
from api.handlers.analytics.reading import Reading
from cryptwire.domain.benchmark import Alongside, Floats, Ints, Price, basket, held_alongside
from cryptwire.domain.hopper import Asset
from cryptwire.domain.hopper_days import PortfolioDays, came


@dataclass(frozen=True, slots=True)
class Beside:
    """The portfolio and what it is compared with; ``missing``: coins left out since nobody knows their price.

    ``as_of``: how new the newest value is.
    """

    days: PortfolioDays
    held: Alongside
    missing: list[str]
    note: str | None
    as_of: datetime | None = None


async def beside_coin(reading: Reading, coin: Asset) -> Beside:
    """Held in ``coin``."""
    days = await all_days(reading)
    prices, missing = await _prices(reading, days, [coin])
    if missing:
        return _nothing(days, missing, f"nobody told what {coin} was worth")
    return await _beside(reading, days, prices[coin], [])


async def beside_holding(reading: Reading) -> Beside:
    """Left in the coins that were held at the beginning; what comes buys the same mix, what goes sells it."""
    days = await all_days(reading)
    if not len(days):
        return _nothing(days, [], "no day is known")
    begins = datetime.fromtimestamp(int(days.begins_at[0]), UTC)
    held = await reading.sources.balances.at([(id, begins) for id in reading.scope.ids])
    quantities: dict[str, float] = {}
    for midnight in held.values():
        for asset, quantity in midnight.quantities.items():
            quantities[asset] = quantities.get(asset, 0.0) + float(quantity)
    if not quantities:
        return _nothing(days, [], "what was held at the beginning is not known")
    prices, missing = await _prices(reading, days, [Asset(one) for one in sorted(quantities)])
    known = {asset: quantity for asset, quantity in quantities.items() if asset in prices}
    if not known:
        return _nothing(days, missing, "nobody told what was held at the beginning was worth")
    lacking = {one.hopper.id for one in reading.scope.hoppers} - {id for id, _ in held}
    note = f"without {len(lacking)} hoppers that held nothing known at the beginning" if lacking else None
    return await _beside(reading, days, basket(known, prices), missing, note)


async def _beside(
    reading: Reading, days: PortfolioDays, price: Price, missing: list[str], note: str | None = None
) -> Beside:
    read = await scope_days(reading)
    paid = [(one.place, one.at, float(one.amount)) for one in came(days)]
    held = held_alongside(days.begins_at, days.ends_at, days.base, paid, price)
    if held.used_up_at is not None:
        used_up = "more was taken out than there would have been"
        note = used_up if note is None else f"{note}; {used_up}"
    return Beside(days, held, missing, note, read.as_of)


def _nothing(days: PortfolioDays, missing: list[str], note: str) -> Beside:
    unknown = np.full(len(days), np.nan)
    return Beside(days, Alongside(unknown, unknown, None), missing, note)


async def _prices(reading: Reading, days: PortfolioDays, assets: list[Asset]) -> tuple[Mapping[str, Price], list[str]]:
    """Prices in the currency of the scope, of those coins that have one when the first day begins; and the others."""
    if not len(days):
        return {}, list(assets)
    paid_at = [one.at for one in came(days)]
    moments = np.unique(np.concatenate([days.begins_at, days.ends_at, np.array(paid_at, np.int64)]))
    told = await reading.sources.conversions.at(assets, reading.scope.currency, moments)
    begins = np.searchsorted(moments, days.begins_at[0])
    missing: list[str] = [asset for asset in assets if np.isnan(told[asset][begins])]
    return {asset: partial(_at, moments, told[asset]) for asset in assets if asset not in missing}, missing


def _at(moments: Ints, told: Floats, seconds: Ints) -> Floats:
    """What was told at some of ``moments``, (n,), ascending."""
    found: Floats = told[np.searchsorted(moments, seconds)]
    return found
