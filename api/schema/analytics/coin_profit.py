"""What each coin has earned, and where the change of value comes from."""

from datetime import datetime
from decimal import Decimal
from enum import Enum
from typing import Self

import strawberry

from api.handlers.analytics.coin_profit import CoinProfits, HopperAccount, coin_profits
from api.handlers.analytics.listed import page_of
from api.handlers.analytics.scope import Scope
from api.schema.analytics.parts import Part, analytic
from api.schema.rules import covered
from cryptwire.domain.coin_profit import CoinAccount
from cryptwire.domain.definitions import DEFINITIONS
from cryptwire.domain.hopper import Asset
from cryptwire.storage.keyset import Order, Row


@strawberry.enum(description="A column that coins can be ordered by.")
class CoinColumn(Enum):
    COIN = "coin"
    NET = "net"
    PROFIT = "profit"
    FEES = "fees"
    VALUE = strawberry.enum_value("value", description="Worth at the end.")
    CHANGE = strawberry.enum_value("change", description="Worth at the end less that at the start.")
    DIFFERENCE = "difference"
    TRADES = "trades"


@strawberry.input(description="An order; what is unknown comes last.")
class CoinSort:
    column: CoinColumn = strawberry.field(default=CoinColumn.NET, description="By what.")
    descending: bool = strawberry.field(default=True, description="The largest first.")


@covered("view", "statistics")
@strawberry.type(
    description="Where a change of value comes from, exactly: change = profit - fees + flows + income + conversions +"
    " difference, and net = profit - fees."
)
class CoinSum:
    start_value: Decimal | None = strawberry.field(description="Worth at the start; what had no price counts nothing.")
    end_value: Decimal | None = strawberry.field(description="Worth at the end.")
    change: Decimal | None = strawberry.field(description="The one less the other.")
    profit: Decimal | None = strawberry.field(description="What coins have earned, before fees.")
    fees: Decimal | None = strawberry.field(description="Fees of trades, worth what they were when they were paid.")
    net: Decimal | None = strawberry.field(description="Profit less fees.")
    flows: Decimal | None = strawberry.field(description="Deposits less withdrawals, transfers included.")
    income: Decimal | None = strawberry.field(description="Airdrops, staking and the like.")
    conversions: Decimal | None = strawberry.field(
        description="What conversions at the exchange brought less what they took."
    )
    difference: Decimal | None = strawberry.field(
        description="What cannot be told: units that nothing explains, and coins without a price."
    )
    currency_effect: Decimal | None = strawberry.field(
        description="How much of profit comes from the rates between the hoppers' currencies and this one; null: nobody"
        " knows."
    )

    @classmethod
    def of(cls, one: CoinAccount, effect: Decimal | None) -> Self:
        return cls(
            start_value=one.start,
            end_value=one.end,
            change=one.change,
            profit=one.profit,
            fees=one.fees,
            net=one.net,
            flows=one.flows,
            income=one.income,
            conversions=one.conversions,
            difference=one.difference,
            currency_effect=effect,
        )


@covered("view", "statistics")
@strawberry.type(
    description="One coin, exactly: endValue - startValue = profit + received - given - feesPaid + flows + income +"
    " conversions + difference."
)
class CoinResult:
    coin: str = strawberry.field(description="Currency or coin, upper case.")
    start_quantity: Decimal | None = strawberry.field(description="Units held at the start.")
    end_quantity: Decimal | None = strawberry.field(description="Units held at the end.")
    start_value: Decimal | None = strawberry.field(description="What these were worth.")
    end_value: Decimal | None = strawberry.field(description="What these were worth.")
    received: Decimal | None = strawberry.field(description="Worth of the units that trades brought, then.")
    given: Decimal | None = strawberry.field(description="Worth of the units that trades took, then.")
    fees_paid: Decimal | None = strawberry.field(description="Worth of the units that were paid as fees, of any trade.")
    flows: Decimal | None = strawberry.field(description="Deposits less withdrawals of it, transfers included.")
    income: Decimal | None = strawberry.field(description="Airdrops, staking and the like.")
    conversions: Decimal | None = strawberry.field(description="By conversions at the exchange.")
    difference_quantity: Decimal | None = strawberry.field(description="Units that nothing explains.")
    difference: Decimal | None = strawberry.field(
        description="What these are worth; of a coin without a price all that is left over."
    )
    profit: Decimal | None = strawberry.field(description="What is left: it was earned, before fees; null: untold.")
    fees: Decimal | None = strawberry.field(description="Fees of trades of this coin, in whatever they were paid.")
    net: Decimal | None = strawberry.field(description="Profit less fees; null: untold.")
    currency_effect: Decimal | None = strawberry.field(
        description="How much of profit comes from the rates between the hoppers' currencies and this one; null: nobody"
        " knows."
    )
    contribution: float | None = strawberry.field(
        description="Net as a fraction of the worth of everything at the start; null without any."
    )
    trades: int = strawberry.field(description="Trades of this coin.")
    unvalued: int = strawberry.field(description="Trades, fees and flows that nobody could value.")
    note: str | None = strawberry.field(description="What to know about it.")

    @classmethod
    def of(cls, coin: Asset, one: CoinAccount, found: CoinProfits, start: Decimal) -> Self:
        is_told = one.told > 0
        return cls(
            coin=coin,
            start_quantity=one.start_quantity,
            end_quantity=one.end_quantity,
            start_value=one.start,
            end_value=one.end,
            received=one.received,
            given=one.given,
            fees_paid=one.paid,
            flows=one.flows,
            income=one.income,
            conversions=one.conversions,
            difference_quantity=one.difference_quantity,
            difference=one.difference,
            profit=one.profit if is_told else None,
            fees=one.fees,
            net=one.net if is_told else None,
            currency_effect=found.effect_of(coin),
            contribution=float(one.net / start) if is_told and start > 0 else None,
            trades=one.trades,
            unvalued=one.unvalued,
            note=_note(one),
        )


def _note(one: CoinAccount) -> str | None:
    said = []
    if one.untold:
        where = f" in {one.untold} hoppers" if one.told else ""
        said.append(f"it has no price where it is held{where}: what is left over is in the difference account")
    if one.unvalued:
        said.append(
            f"{one.unvalued} trades, fees or flows could not be valued: their units are in the difference account"
        )
    return "; ".join(said) or None


@covered("view", "statistics")
@strawberry.type(description="One hopper's part.")
class HopperCoinSum:
    hopper_id: strawberry.ID = strawberry.field(description="Cryptohopper's id.")
    currency: str | None = strawberry.field(description="The base currency that it has at the end.")
    since: datetime | None = strawberry.field(
        description="From when: the midnight at or before the range, or the first in it of which enough is known."
    )
    until: datetime | None = strawberry.field(description="To when: the last midnight in the range, or this moment.")
    is_live: bool = strawberry.field(description="True when the end is this moment.")
    is_made_up: bool = strawberry.field(description="True when one of the midnights was missed and made up afterwards.")
    total: CoinSum | None = strawberry.field(description="All of its coins; null: `reason` says why.")
    reason: str | None = strawberry.field(description="Why it is left out; null: it is not.")

    @classmethod
    def of(cls, one: HopperAccount) -> Self:
        since, until = one.since, one.until
        return cls(
            hopper_id=strawberry.ID(one.hopper.id),
            currency=None if until is None else until.currency,
            since=None if since is None else since.at,
            until=None if until is None else until.at,
            is_live=until is not None and until.is_live,
            is_made_up=any(end is not None and end.is_made_up for end in (since, until)),
            total=None if one.reason else CoinSum.of(one.whole, one.effect),
            reason=one.reason,
        )


@covered("view", "statistics")
@strawberry.type(
    description="What coins have earned. All amounts are exact, and converted when they were one: the sum over coins is"
    " the sum over hoppers, to the last digit."
)
class CoinProfit:
    currency: str = strawberry.field(description="In which amounts are told.")
    definition: str = strawberry.field(description="What a coin's profit is.")
    difference_definition: str = strawberry.field(description="What is in the difference account.")
    as_of: datetime | None = strawberry.field(description="How new the newest end is.")
    total: CoinSum = strawberry.field(description="All coins of all hoppers.")
    hoppers: list[HopperCoinSum] = strawberry.field(description="Each hopper, and those that are left out.")
    coins: list[CoinResult] = strawberry.field(description="At most as many as were asked for.")
    count: int = strawberry.field(description="How many coins there are on all pages together.")
    has_more: bool = strawberry.field(description="True when there are more coins behind them.")
    end_cursor: strawberry.ID | None = strawberry.field(description="Pass it as after for the next; null for none.")
    notes: list[str] = strawberry.field(description="What is to be known about it.")

    @classmethod
    def of(cls, found: CoinProfits, scope: Scope, sort: CoinSort, first: int, after: str | None) -> Self:
        whole = found.whole
        order = Order(sort.column.value, sort.descending)
        named = list(found.coins.items())
        page = page_of(named, order, lambda row: _keys(*row)[order.column], lambda row: Row("", row[0]), first, after)
        return cls(
            currency=scope.currency,
            definition=DEFINITIONS["coin-profit"],
            difference_definition=DEFINITIONS["difference-account"],
            as_of=found.as_of,
            total=CoinSum.of(whole, found.effect),
            hoppers=[HopperCoinSum.of(one) for one in found.hoppers],
            coins=[CoinResult.of(coin, one, found, whole.start) for coin, one in page.rows],
            count=len(named),
            has_more=page.has_more,
            end_cursor=None if page.cursor is None else strawberry.ID(page.cursor),
            notes=list(found.notes),
        )


def _keys(coin: Asset, one: CoinAccount) -> dict[str, object]:
    return {
        "coin": coin,
        "net": one.net if one.told else None,
        "profit": one.profit if one.told else None,
        "fees": one.fees,
        "value": one.end,
        "change": one.change,
        "difference": one.difference,
        "trades": one.trades,
    }


@strawberry.type
class CoinFigures(Part):
    @analytic(
        "view",
        "statistics",
        "What each coin has earned between the midnight at or before the range and the last one in it (today: this"
        " moment), so that it adds up to the change of value; first is 1 to 100, after a cursor.",
    )
    async def coin_profit(self, first: int = 50, after: str | None = None, sort: CoinSort | None = None) -> CoinProfit:
        found = await coin_profits(self.reading)
        return CoinProfit.of(found, self.scope, sort or CoinSort(), first, after)
