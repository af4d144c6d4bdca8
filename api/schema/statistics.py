"""The days of a hopper, in columns."""

from collections.abc import Iterable
from datetime import date, datetime
from decimal import Decimal
from typing import Self

import strawberry

from api import logic
from api.handlers.history import ReadDays
from api.schema.analytics import parts
from api.schema.context import Info
from api.schema.rules import covered, field
from cryptwire.domain.daily import Daily
from cryptwire.domain.hopper import Asset


@covered("view", "statistics")
@strawberry.type(description="Units of a coin.")
class Units:
    asset: str = strawberry.field(description="Currency or coin, upper case.")
    quantity: Decimal | None = strawberry.field(description="How many, with its sign; null when amounts are masked.")


@covered("view", "statistics")
@strawberry.type(
    description="A hopper's days in columns of equal length, oldest first. Money is in that day's currency; null: not"
    " known, or amounts are masked."
)
class DailyStatistics:
    zone: str = strawberry.field(description="The user's zone, in which these days begin and end.")
    version: int = strawberry.field(description="The version of the hopper's history that these figures are of.")
    newest_version: int = strawberry.field(description="It grows when what counts as a flow changes.")
    computed_until: datetime | None = strawberry.field(description="Until when days are there; null: none is yet.")
    dates: list[date] = strawberry.field(
        name="date", description="The user's local dates; a date without figures is left out."
    )
    ends_at: list[datetime] = strawberry.field(description="The midnight at which each ended.")
    currency: list[str] = strawberry.field(
        description="The base currency that the hopper had when each ended; days of different ones do not add up."
    )
    value: list[Decimal | None] = strawberry.field(description="Stored quantities times prices at midnight.")
    opening: list[float | None] = parts.amount("Value at the first candle's beginning.")
    closing: list[float | None] = parts.amount("Value at the last candle's end.")
    realised: list[Decimal | None] = strawberry.field(description="Profit of what was closed, fees out.")
    unrealised: list[Decimal | None] = strawberry.field(
        description="Worth of open positions less their cost: as Cryptohopper told it at midnight, without fees; where"
        " midnight was made up afterwards as the trades tell it, with the fees of buying."
    )
    fees: list[Decimal | None] = strawberry.field(description="Fees, converted when they were paid.")
    results: list[int] = strawberry.field(description="How many sells closed something.")
    trades: list[int] = strawberry.field(description="How many fills there were.")
    positions: list[int | None] = strawberry.field(description="Open positions at midnight.")
    free: list[Decimal | None] = strawberry.field(description="What is neither invested nor reserved.")
    invested: list[Decimal | None] = strawberry.field(description="Worth of open positions.")
    reserved: list[Decimal | None] = strawberry.field(description="Worth of what the hopper may not sell.")
    flows: list[Decimal | None] = strawberry.field(
        description="Money that came, less what went, without a trade; converted when it moved."
    )
    index: list[float | None] = parts.amount("Value without flows; null when nothing was left.")
    index_began_at: list[datetime | None] = strawberry.field(
        description="When the index began anew after nothing was left; null: with the first candle. Compare only alike."
    )
    gap: list[float] = strawberry.field(description="Seconds of the day without fresh prices.")
    is_made_up: list[bool] = strawberry.field(description="True when midnight was missed and made up afterwards.")
    differences: list[Units] = strawberry.field(description="Units that neither trades nor flows explain, summed.")
    other_fees: list[Units] = strawberry.field(description="Fees in coins that could not be converted, summed.")

    @classmethod
    def of(cls, read: ReadDays) -> Self:
        days = read.days
        return cls(
            zone=read.zone,
            version=read.version,
            newest_version=read.newest_version,
            computed_until=read.until,
            dates=[day.date for day in days],
            ends_at=[day.ends_at for day in days],
            currency=[day.currency for day in days],
            value=[day.balance for day in days],
            opening=[day.opening for day in days],
            closing=[day.closing for day in days],
            realised=[*(day.realised for day in days)],
            unrealised=[day.unrealised for day in days],
            fees=[*(day.fees for day in days)],
            results=[day.results for day in days],
            trades=[day.trades for day in days],
            positions=[day.positions for day in days],
            free=[day.free for day in days],
            invested=[day.invested for day in days],
            reserved=[day.reserved for day in days],
            flows=[*(day.flows for day in days)],
            index=[day.index_value for day in days],
            index_began_at=[day.index.began_at for day in days],
            gap=[day.gap for day in days],
            is_made_up=[day.is_made_up for day in days],
            differences=_summed(days, "differences"),
            other_fees=_summed(days, "other_fees"),
        )


def _summed(days: Iterable[Daily], name: str) -> list[Units]:
    sums: dict[Asset, Decimal] = {}
    for day in days:
        for asset, amount in getattr(day, name).items():
            sums[asset] = sums.get(asset, Decimal(0)) + amount
    return [Units(asset=asset, quantity=amount) for asset, amount in sorted(sums.items()) if amount]


@strawberry.type
class StatisticsQuery:
    @field(
        "view",
        "statistics",
        "A hopper's days from since to until, both among them, 3,700 at most; of an older version of its history when"
        " one is named. NOT_FOUND also when the hopper is somebody else's.",
    )
    async def daily_statistics(
        self,
        info: Info,
        hopper_id: strawberry.ID,
        since: date,
        until: date,
        version: int | None = None,
        masked: bool | None = None,
    ) -> DailyStatistics:
        caller, services = await info.context.caller(), info.context.services
        zone = (await services.people.by_id(caller.user)).zone
        read = await services.history.days(caller.user, zone, logic.hopper_id(hopper_id), since, until, version)
        told = DailyStatistics.of(read)
        return parts.masked(told) if await info.context.is_masked(masked) else told
