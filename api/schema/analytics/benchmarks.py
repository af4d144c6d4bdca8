"""The portfolio beside what else the money could have been in."""

from datetime import date, datetime
from typing import Self

import numpy as np
import strawberry

from api.handlers.analytics.benchmarks import Beside, beside_coin, beside_holding
from api.handlers.analytics.scope import Scope, currency_of
from api.schema.analytics.parts import Money, Part, Ratio, amount, analytic, money
from api.schema.analytics.performance import exact, measured, moment_of, numbers, whole
from api.schema.rules import covered
from cryptwire.domain import drawdown, performance
from cryptwire.domain.hopper_days import date_of
from cryptwire.domain.measured import Measured


@covered("view", "statistics")
@strawberry.type(
    description="The portfolio beside the same money in something else, bought and sold when money came and went; in"
    " columns of equal length, oldest first."
)
class Benchmark:
    dates: list[date] = strawberry.field(name="date", description="The user's local dates.")
    index: list[float] = strawberry.field(description="What 1 in the portfolio has become.")
    benchmark_index: list[float] = strawberry.field(description="What 1 in the other has become.")
    value: list[float | None] = amount("What the portfolio was worth.")
    benchmark_value: list[float | None] = amount("What the other would have been worth.")
    excess: Ratio = strawberry.field(description="Return of the portfolio less that of the other.")
    difference: Money = strawberry.field(description="What the portfolio is worth more than the other would be.")
    beta: Ratio = strawberry.field(description="How much of its moves the portfolio shares.")
    alpha: Ratio = strawberry.field(description="What is earned beyond that.")
    information_ratio: Ratio = strawberry.field(description="How steadily it is ahead.")
    missing: list[str] = strawberry.field(description="Coins that were left out since nobody knows their price.")
    note: str | None = strawberry.field(description="What to know about it.")
    as_of: datetime | None = strawberry.field(description="How new the newest value is.")
    currency: str = strawberry.field(description="In which amounts are told.")

    @classmethod
    def of(cls, scope: Scope, beside: Beside) -> Self:
        days, held, ended = beside.days, beside.held, whole(beside.days, scope)
        # who was not there, or of whom it is not known, on a day is not behind what the other did on it
        other_returns = np.where(np.isnan(days.returns), np.nan, held.returns)
        own_returns = np.where(np.isnan(held.returns), np.nan, days.returns)
        own, other = performance.cumulative(own_returns), performance.cumulative(other_returns)
        excess = Measured.none(own.sample_size, beside.note or own.note or other.note or "not known")
        if own.value is not None and other.value is not None:
            excess = Measured.of(own.value - other.value, own.sample_size, own.note)
        worth, would = (float(column[-1]) if len(column) else float("nan") for column in (days.values, held.values))
        ahead = None if worth != worth or would != would else exact(worth) - exact(would)
        returns, against = days.returns[ended], held.returns[ended]
        to_midnight = moment_of(days.ends_at[ended])
        return cls(
            dates=[date_of(day) for day in days.days.tolist()],
            index=drawdown.growth(days.returns).tolist(),
            benchmark_index=drawdown.growth(other_returns).tolist(),
            value=numbers(days.values),
            benchmark_value=numbers(held.values),
            excess=measured("excess-return", excess, beside.as_of),
            difference=money(scope, "benchmark-difference", ahead, len(days), beside.as_of, beside.note),
            beta=measured("beta", performance.beta(returns, against), to_midnight),
            alpha=measured("alpha", performance.alpha(returns, against), to_midnight),
            information_ratio=measured(
                "information-ratio", performance.information_ratio(returns, against), to_midnight
            ),
            missing=beside.missing,
            note=beside.note,
            as_of=beside.as_of,
            currency=scope.currency,
        )


@strawberry.type
class BenchmarkFigures(Part):
    @analytic("view", "statistics", "Beside the same money in one coin.")
    async def benchmark(self, coin: str = "BTC") -> Benchmark:
        return Benchmark.of(self.scope, await beside_coin(self.reading, currency_of(coin)))

    @analytic("view", "statistics", "Beside the coins that were held at the beginning, left alone.")
    async def holding(self) -> Benchmark:
        return Benchmark.of(self.scope, await beside_holding(self.reading))
