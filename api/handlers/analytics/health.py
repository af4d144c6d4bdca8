"""How well the hoppers of a scope are seen, and how those do from whom we have what is shown."""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from api.handlers.analytics.reading import Reading
from api.handlers.linking import Linked, LinkState
from cryptwire.domain.candle import SPAN, opening
from cryptwire.domain.coin_profit import EXACT
from cryptwire.domain.data_health import Judged, Sight, judged
from cryptwire.domain.hopper import Asset, Exchange
from cryptwire.domain.hopper_change import KnownHopper
from cryptwire.domain.imports import ImportProgress, ImportState
from cryptwire.domain.portfolio import Portfolio
from cryptwire.errors import Unavailable
from cryptwire.storage.hopper_health import HopperHealth
from cryptwire.storage.sources import Source

_DAY = timedelta(days=1)
_GATEWAY_SECONDS = 3.0
_FRAMES = "frames"
"""What a streamer's heartbeat says that has heard its exchange; one that waits for its turn says something else."""
_DEVIATES = 0.02
NO_GATEWAY = "the gateway does not answer: how the account is linked is not known"
NO_HEARTBEATS = "Redis does not answer: when exchanges were heard is known of tracked hoppers alone"


@dataclass(frozen=True, slots=True)
class Unexplained:
    """Units of a coin; ``value`` in the currency of the scope at its rate of now, None: nobody tells one."""

    asset: Asset
    quantity: Decimal
    value: Decimal | None


@dataclass(frozen=True, slots=True)
class HopperSight:
    """``gap`` of the last day; ``own_total`` in the base currency when Cryptohopper told its own, a day's quarter of an
    hour old at most; ``deviation`` of that from Cryptohopper's, a fraction.
    """

    known: KnownHopper
    stored: HopperHealth | None
    live: Portfolio | None
    polled_at: datetime | None
    silent_since: datetime | None
    gap: timedelta | None
    differences: Sequence[Unexplained]
    own_total: Decimal | None
    deviation: float | None
    judged: Judged


@dataclass(frozen=True, slots=True)
class DataHealth:
    """``exchanges``: when each was last heard; ``notes``: what cannot be told now."""

    hoppers: Sequence[HopperSight]
    link: Linked | None
    imports: ImportProgress | None
    exchanges: Mapping[Exchange, datetime | None]
    sources: Mapping[str, Source]
    rates_at: datetime | None
    notes: Sequence[str]


async def data_health(reading: Reading) -> DataHealth:
    """Read once for an operation. Raises Unavailable while the database is away; of others it is told."""
    return await reading.once("data health", lambda: _read(reading))


async def _read(reading: Reading) -> DataHealth:
    scope, sources, ids = reading.scope, reading.sources, reading.scope.ids
    until = opening(scope.now)
    (link, link_note), (heard, heard_note) = await asyncio.gather(_link(reading), _heard(reading))
    stored, imports, silent, differences, asked, rates_at = await asyncio.gather(
        sources.health.rows.of(ids, scope.now, until - _DAY, until),
        sources.health.links.progress(scope.user),
        sources.health.outages.since([*(f"hopper:{id}" for id in ids), f"user:{scope.user}"]),
        sources.health.differences.differences(ids, scope.zone, scope.since, scope.until),
        sources.health.asked.all(),
        sources.health.rates.last_at(),
    )
    totals = await sources.days.worth(
        [(id, one.seen_at) for id, one in stored.items() if one.seen_at is not None and one.total is not None]
    )
    worth = await _worth(reading, {asset for units in differences.values() for asset in units})
    live = {
        id: portfolio for id in ids if (portfolio := sources.portfolios.of(id, scope.now)) is not None
    }  # of which ages alone are told
    for one in scope.hoppers:
        heard.setdefault(one.hopper.exchange, None)
        if one.hopper.id in live and (at := live[one.hopper.id].prices_at) is not None:
            before = heard[one.hopper.exchange]
            heard[one.hopper.exchange] = at if before is None else max(before, at)
    is_importing = imports is not None and imports.state in (ImportState.WAITING, ImportState.RUNNING)
    hoppers = []
    for one in scope.hoppers:
        id = one.hopper.id
        units = [
            Unexplained(asset, quantity, None if (price := worth[asset]) is None else EXACT.multiply(quantity, price))
            for asset, quantity in differences.get(id, {}).items()
        ]
        row = stored.get(id)
        then = None if row is None or row.seen_at is None else totals.get((id, row.seen_at))
        total = None if then is None else then.value
        since = silent.get(f"hopper:{id}", silent.get(f"user:{scope.user}"))
        hoppers.append(_sight(reading, one, row, live.get(id), link, units, total, since, is_importing=is_importing))
    notes = [note for note in (link_note, heard_note) if note]
    return DataHealth(hoppers, link, imports, heard, asked, rates_at, notes)


async def _link(reading: Reading) -> tuple[Linked | None, str]:
    try:
        async with asyncio.timeout(_GATEWAY_SECONDS):
            return await reading.sources.health.links.state(reading.scope.user), ""
    except (Unavailable, TimeoutError):
        return None, NO_GATEWAY


async def _heard(reading: Reading) -> tuple[dict[Exchange, datetime | None], str]:
    """When the streamer heard each exchange of the scope."""
    exchanges = {one.hopper.exchange for one in reading.scope.hoppers}
    try:
        beats = await reading.sources.health.heartbeats.all()
    except Unavailable:
        return dict.fromkeys(sorted(exchanges)), NO_HEARTBEATS
    found: dict[Exchange, datetime | None] = {}
    for exchange in sorted(exchanges):
        ages = [
            beat.age for who, beat in beats.items() if who.startswith(f"streamer/{exchange}.") and beat.work == _FRAMES
        ]
        found[exchange] = reading.scope.now - max(min(ages), timedelta(0)) if ages else None
    return found, ""


async def _worth(reading: Reading, assets: Collection[Asset]) -> dict[Asset, Decimal | None]:
    """Of one unit of each in the currency of the scope, now."""
    scope, between = reading.scope, reading.sources.conversions.between
    return {
        asset: (await between(asset, scope.currency, scope.now, scope.now)).exactly(scope.now)
        for asset in sorted(assets)
    }


def _sight(
    reading: Reading,
    known: KnownHopper,
    row: HopperHealth | None,
    live: Portfolio | None,
    link: Linked | None,
    differences: Sequence[Unexplained],
    total: float | None,
    silent_since: datetime | None,
    *,
    is_importing: bool,
) -> HopperSight:
    scope, hopper = reading.scope, known.hopper
    gap = None if row is None else _gap(row, scope.now)
    reads = [None if live is None else live.assets_at, None if row is None else row.read_at]
    own = None if total is None else Decimal(repr(total))
    deviation = None
    if own is not None and row is not None and row.total is not None and row.total > 0:
        deviation = float(own / row.total - 1)
    waits = None if row is None else row.result_waits_since
    sight = Sight(
        scope.now,
        hopper.exchange,
        hopper.refresh_every,
        known.deleted_at,
        known.unlinked_at,
        link is not None and link.state is LinkState.MUST_LINK_AGAIN,
        row is not None and row.is_tracked,
        (None if row is None else row.held_for) or timedelta(0),
        None if live is None else live.at,
        None if live is None else live.prices_at,
        max((at for at in reads if at is not None), default=None),
        None if row is None else row.candle_at,
        gap,
        silent_since,
        timedelta(0) if waits is None else scope.now - waits,
        is_importing,
        row is None or row.filled_at is not None,
        _remarks(row, link, deviation),
    )
    return HopperSight(
        known,
        row,
        live,
        sight.polled_at,
        silent_since,
        gap,
        differences,
        own,
        deviation,
        judged(sight),
    )


def _gap(row: HopperHealth, now: datetime) -> timedelta | None:
    """Of the last day, or of as much of it as there are candles at all: missing ones count whole."""
    if row.first_at is None:
        return None
    until = opening(now)
    expected = (until - max(until - _DAY, row.first_at)) // SPAN
    return max(expected - row.candles, 0) * SPAN + row.gap


def _remarks(row: HopperHealth | None, link: Linked | None, deviation: float | None) -> list[str]:
    said = []
    if link is not None and link.missing:
        said.append(f"not all that is needed was allowed when the account was linked: {', '.join(link.missing)}")
    if row is None:
        return said
    if row.wrong:
        said.append(f"Cryptohopper says: {row.wrong}")
    if row.is_enabled is False:
        said.append("the hopper is switched off at Cryptohopper")
    if row.import_problem:
        said.append(f"not all of it could be imported: {row.import_problem}")
    if row.fill_said:
        said.append(f"of its past: {row.fill_said}")
    if row.results_said:
        said.append(f"of its results: {row.results_said}")
    if row.open_flows:
        said.append(f"{row.open_flows} movements of money wait until it is known what they are")
    if deviation is not None and abs(deviation) > _DEVIATES:
        said.append(f"Cryptohopper's own total was another one: ours is {deviation:+.1%} of it away")
    if row.trade_at is not None and row.webhook_at is None:
        said.append("no webhook ever told of a trade; trades are found by comparing lists")
    return said
