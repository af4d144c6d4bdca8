"""Data health: how new what is shown is, and what it lacks."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Self

import strawberry

from api.handlers.analytics import health
from api.handlers.analytics.health import data_health
from api.handlers.analytics.scope import Scope
from api.schema.analytics.parts import Part, analytic
from api.schema.links import ImportProgress, Link
from api.schema.rules import covered
from cryptwire.domain import candle
from cryptwire.domain import data_health as domain
from cryptwire.domain.coin_profit import EXACT
from cryptwire.domain.definitions import DEFINITIONS
from cryptwire.domain.hopper import Exchange
from cryptwire.storage.sources import Source

Verdict = strawberry.enum(
    domain.Verdict,
    name="HealthVerdict",
    description="In one word: good; delayed; blind (what is shown says nothing about now).",
)
CandleQuality = strawberry.enum(candle.Quality, name="CandleQuality", description="How much a candle may be trusted.")


@covered("view", "statistics")
@strawberry.type(description="Units of a coin that neither trades nor flows explain.")
class UnexplainedUnits:
    coin: str = strawberry.field(description="Currency or coin, upper case.")
    quantity: Decimal | None = strawberry.field(description="How many, with their sign.")
    value: Decimal | None = strawberry.field(
        description="What they are worth now, in the currency of the choice; null where nobody tells it."
    )


@covered("view", "statistics")
@strawberry.type(description="What an exchange's prices are like.")
class ExchangeHealth:
    exchange: str = strawberry.field(description="By ccxt's id.")
    heard_at: datetime | None = strawberry.field(
        description="When it was last heard; a quiet pair's price is as fresh as this. Null: it is not listened to."
    )
    age: float | None = strawberry.field(description="Seconds since then.")


@covered("view", "market")
@strawberry.type(description="How those do who tell exchange rates, market caps and all-time highs.")
class SourceHealth:
    source: str = strawberry.field(description="Who.")
    read_at: datetime | None = strawberry.field(description="When it last told something; null: never.")
    age: float | None = strawberry.field(description="Seconds since then.")
    failures: int = strawberry.field(description="How often in a row it did not.")

    @classmethod
    def of(cls, name: str, source: Source, scope: Scope) -> Self:
        return cls(source=name, read_at=source.read_at, age=_age(source.read_at, scope), failures=source.failures)


@covered("view", "statistics")
@strawberry.type(description="How well one hopper is seen. Null: never, or not known.")
class HopperHealth:
    hopper_id: strawberry.ID = strawberry.field(description="Cryptohopper's id.")
    name: str = strawberry.field(description="The name given to it at Cryptohopper.")
    verdict: Verdict = strawberry.field(description="In one word.")  # type: ignore[valid-type]
    reason: str = strawberry.field(description="Why, in words.")
    remarks: list[str] = strawberry.field(description="What else is to be known.")
    is_tracked: bool = strawberry.field(description="True when it is followed live; else it is read at midnights.")
    silent_since: datetime | None = strawberry.field(description="Since when nothing comes from it; null: it does.")
    live_at: datetime | None = strawberry.field(description="When its last live state was computed.")
    polled_at: datetime | None = strawberry.field(description="When its balance was last read.")
    prices_at: datetime | None = strawberry.field(description="When its exchange was heard for its live state.")
    webhook_at: datetime | None = strawberry.field(description="When a webhook last told that it has traded.")
    trade_at: datetime | None = strawberry.field(description="When its last trade was made.")
    trade_stored_at: datetime | None = strawberry.field(description="When a trade was last stored.")
    trades_complete_until: datetime | None = strawberry.field(
        description="Every trade before is stored: it was compared."
    )
    trades_mended: int = strawberry.field(description="Trades that only comparing has found.")
    candle_at: datetime | None = strawberry.field(description="When its last candle opened.")
    candle_quality: CandleQuality | None = strawberry.field(description="Of that candle.")  # type: ignore[valid-type]
    gap: float | None = strawberry.field(description="Seconds of the last day without fresh prices or without candles.")
    differences: list[UnexplainedUnits] = strawberry.field(description="What nothing explains, over the range.")
    differences_value: Decimal | None = strawberry.field(
        description="What all of these are worth now, in the currency of the choice, as far as that is known."
    )
    open_flows: int = strawberry.field(description="Movements of money of which it is not decided what they are.")
    filled_since: datetime | None = strawberry.field(description="Its past is filled in from then on.")
    filled_until: datetime | None = strawberry.field(description="Until then every candle is there.")
    filled_at: datetime | None = strawberry.field(description="When its past was first there; null: not yet.")
    results_until: datetime | None = strawberry.field(description="When the last trade with a result was made.")
    seen_at: datetime | None = strawberry.field(description="When Cryptohopper last listed it.")
    is_enabled: bool | None = strawberry.field(description="Whether it was switched on there.")
    upstream_total: Decimal | None = strawberry.field(
        description="Cryptohopper's own sum then, in the base currency: a cross-check."
    )
    own_total: Decimal | None = strawberry.field(description="Ours at that time, a quarter of an hour old at most.")
    deviation: float | None = strawberry.field(description="How far ours is from Cryptohopper's, a fraction of it.")
    base_currency: str = strawberry.field(description="Of the two.")
    deleted_at: datetime | None = strawberry.field(description="Since when Cryptohopper does not show it any more.")
    unlinked_at: datetime | None = strawberry.field(description="Since when its account is not linked any more.")

    @classmethod
    def of(cls, one: health.HopperSight) -> Self:
        row, live, hopper = one.stored, one.live, one.known.hopper
        values = [each.value for each in one.differences if each.value is not None]
        total = Decimal(0)
        for value in values:
            total = EXACT.add(total, value)
        return cls(
            hopper_id=strawberry.ID(hopper.id),
            name=hopper.name,
            verdict=one.judged.verdict,
            reason=one.judged.reason,
            remarks=list(one.judged.remarks),
            is_tracked=row is not None and row.is_tracked,
            silent_since=one.silent_since,
            live_at=None if live is None else live.at,
            polled_at=one.polled_at,
            prices_at=None if live is None else live.prices_at,
            webhook_at=None if row is None else row.webhook_at,
            trade_at=None if row is None else row.trade_at,
            trade_stored_at=None if row is None else row.stored_at,
            trades_complete_until=None if row is None else row.complete_until,
            trades_mended=0 if row is None else row.mended,
            candle_at=None if row is None else row.candle_at,
            candle_quality=None if row is None else row.quality,
            gap=None if one.gap is None else one.gap.total_seconds(),
            differences=[
                UnexplainedUnits(coin=each.asset, quantity=each.quantity, value=each.value) for each in one.differences
            ],
            differences_value=total if values or not one.differences else None,
            open_flows=0 if row is None else row.open_flows,
            filled_since=None if row is None else row.filled_since,
            filled_until=None if row is None else row.filled_until,
            filled_at=None if row is None else row.filled_at,
            results_until=None if row is None else row.results_until,
            seen_at=None if row is None else row.seen_at,
            is_enabled=None if row is None else row.is_enabled,
            upstream_total=None if row is None else row.total,
            own_total=one.own_total,
            deviation=one.deviation,
            base_currency=hopper.base,
            deleted_at=one.known.deleted_at,
            unlinked_at=one.known.unlinked_at,
        )


def _age(at: datetime | None, scope: Scope) -> float | None:
    return None if at is None else max(0.0, (scope.now - at).total_seconds())


@covered("view", "statistics")
@strawberry.type(description="How new what is shown is, and what it lacks; differences over the range, all else now.")
class DataHealth:
    at: datetime = strawberry.field(description="Now.")
    verdict: Verdict = strawberry.field(description="The worst of the hoppers that are linked.")  # type: ignore[valid-type]
    definition: str = strawberry.field(description="What the verdict says.")
    link: Link | None = strawberry.field(description="How the account is linked; null: that cannot be told now.")
    import_progress: ImportProgress | None = strawberry.field(
        name="import", description="How the newest import comes along; null: there never was one."
    )
    exchanges: list[ExchangeHealth] = strawberry.field(description="Of the hoppers, by name.")
    sources: list[SourceHealth] = strawberry.field(description="Who tells what currencies and coins are worth.")
    rates_at: datetime | None = strawberry.field(description="When the newest exchange rates were published.")
    hoppers: list[HopperHealth] = strawberry.field(description="Each, also those that are gone.")
    notes: list[str] = strawberry.field(description="What cannot be told now.")

    @classmethod
    def of(cls, found: health.DataHealth, scope: Scope) -> Self:
        verdicts = [one.judged.verdict for one in found.hoppers if one.known.is_linked]
        return cls(
            at=scope.now,
            verdict=max(verdicts, key=list(domain.Verdict).index, default=domain.Verdict.GOOD),
            definition=DEFINITIONS["data-health"],
            link=None if found.link is None else Link.of(found.link),
            import_progress=None if found.imports is None else ImportProgress.of(found.imports),
            exchanges=_exchanges(found.exchanges, scope),
            sources=[SourceHealth.of(name, source, scope) for name, source in found.sources.items()],
            rates_at=found.rates_at,
            hoppers=[HopperHealth.of(one) for one in found.hoppers],
            notes=list(found.notes),
        )


def _exchanges(heard: Mapping[Exchange, datetime | None], scope: Scope) -> list[ExchangeHealth]:
    return [ExchangeHealth(exchange=name, heard_at=at, age=_age(at, scope)) for name, at in sorted(heard.items())]


@strawberry.type
class HealthFigures(Part):
    @analytic(
        "view",
        "statistics",
        "How new what is shown of these hoppers is, and what it lacks: last reading, webhook, trade, prices and candle,"
        " what nothing explains over the range, the link, and upstream's own total beside ours.",
    )
    async def data_health(self) -> DataHealth:
        return DataHealth.of(await data_health(self.reading), self.scope)
