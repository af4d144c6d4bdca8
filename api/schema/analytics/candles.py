"""Candles of what all hoppers of a scope are worth."""

from datetime import UTC, datetime

import strawberry

from api.handlers.analytics.candles import scope_bars
from api.schema.analytics.parts import Part, amount, analytic
from api.schema.rules import covered
from cryptwire.domain.bar import Resolution
from cryptwire.domain.definitions import DEFINITIONS


@covered("view", "candles")
@strawberry.type(description="Bars in columns of equal length, oldest first; a bar without a candle is left out.")
class AnalyticsCandles:
    at: list[datetime] = strawberry.field(
        description="When each begins; days, weeks and months: 00:00 UTC of their first local date."
    )
    open: list[float | None] = amount("Value when it began.")
    high: list[float | None] = amount("The highest value.")
    low: list[float | None] = amount("The lowest value.")
    close: list[float | None] = amount("Value when it ended.")
    volume: list[float | None] = amount("What was bought and sold, by trade time.")
    is_sum: bool = strawberry.field(
        description="True for several hoppers: highs and lows are of what they were worth together each quarter hour."
    )
    currency: str = strawberry.field(description="In which all of it is told.")
    definition: str = strawberry.field(description="What a candle is.")
    as_of: datetime | None = strawberry.field(description="When the newest candle ended that is in them.")


@strawberry.type
class CandleFigures(Part):
    @analytic(
        "view",
        "candles",
        "Closed candles of the days of the choice, folded into bars of a resolution (15, 60, 240, 1D, 1W, 1M), 5,000 at"
        " most; the one in progress is told by /stream.",
    )
    async def candles(self, resolution: str = "60") -> AnalyticsCandles:
        found = await scope_bars(self.reading, Resolution.of(resolution))
        bars = found.bars
        return AnalyticsCandles(
            at=[datetime.fromtimestamp(second, UTC) for second in bars.at.tolist()],
            open=bars.open.tolist(),
            high=bars.high.tolist(),
            low=bars.low.tolist(),
            close=bars.close.tolist(),
            volume=bars.volume.tolist(),
            is_sum=found.is_sum,
            currency=self.scope.currency,
            definition=DEFINITIONS["candle"],
            as_of=found.as_of,
        )
