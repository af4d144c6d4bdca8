"""Open positions, reserved coins and shorts, as they stand now."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from enum import Enum
from typing import Any, Self

import strawberry

from api.handlers.analytics import positions
from api.handlers.analytics.listed import page_of
from api.handlers.analytics.paging import among
from api.handlers.analytics.positions import NOT_IN_BALANCE, OpenPositions, open_positions
from api.handlers.analytics.scope import Scope
from api.schema.analytics.parts import Between, Part, analytic, plain
from api.schema.rules import covered
from cryptwire.domain import account, open_position
from cryptwire.domain.coin_profit import EXACT
from cryptwire.domain.definitions import DEFINITIONS
from cryptwire.domain.open_position import Limit
from cryptwire.errors import Invalid
from cryptwire.storage.keyset import Order, Row

PositionKind = strawberry.enum(
    account.PositionKind,
    name="PositionKind",
    description="Open, reserved (coins that the hopper keeps and may not sell), short (coins that are owed).",
)
PriceSource = strawberry.enum(
    open_position.PriceSource,
    name="PriceSource",
    description="At what a position would be closed: the best offer, or the last price where no offer is told.",
)
CostSource = strawberry.enum(
    open_position.CostSource,
    name="CostSource",
    description="Who tells a cost: the trades, with the fees of buying, or Cryptohopper, without.",
)


@strawberry.enum(description="A column that positions can be ordered by; money in the currency of the choice.")
class PositionColumn(Enum):
    COIN = "coin"
    HOPPER = strawberry.enum_value("hopper", description="By the hoppers' names.")
    KIND = "kind"
    COST = "cost"
    VALUE = "value"
    PROFIT = strawberry.enum_value("profit", description="Profit if it were closed.")
    SHARE = strawberry.enum_value("share", description="The same as a fraction of the cost.")
    AGE = "age"
    WEIGHT = "weight"
    STOP_DISTANCE = strawberry.enum_value("stop_distance", description="Distance to the stop loss.")
    ARM_DISTANCE = strawberry.enum_value("arm_distance", description="Distance to where the trailing stop arms.")
    TARGET_DISTANCE = strawberry.enum_value("target_distance", description="Distance to where it is sold at a profit.")
    EXCHANGE = "exchange"
    QUOTE = "quote"
    QUANTITY = strawberry.enum_value("quantity", description="The number alone, whatever the coin.")
    RATE = strawberry.enum_value("rate", description="The number alone, whatever the quote.")
    PRICE = strawberry.enum_value("price", description="The number alone, whatever the quote.")
    UNREALISED = strawberry.enum_value("unrealised", description="Value less cost, in the currency.")
    BUY_TRIGGER = "buy_trigger"
    BUY_STRATEGY = "buy_strategy"


@strawberry.input(description="An order; what is unknown comes last.")
class PositionSort:
    column: PositionColumn = strawberry.field(default=PositionColumn.VALUE, description="By what.")
    descending: bool = strawberry.field(default=True, description="The largest, or oldest, first.")


@strawberry.input(
    description="What positions must be, all of it; what is left out does not matter. Lists have 100 values at most."
)
class PositionFilter:
    kinds: list[PositionKind] | None = strawberry.field(default=None, description="Any of these.")  # type: ignore[valid-type]
    coins: list[str] | None = strawberry.field(default=None, description="Any of these.")
    quotes: list[str] | None = strawberry.field(default=None, description="Any of these.")
    exchanges: list[str] | None = strawberry.field(default=None, description="By ccxt's ids.")
    buy_triggers: list[str | None] | None = strawberry.field(default=None, description="Any of these; null: not told.")
    buy_strategies: list[str | None] | None = strawberry.field(
        default=None, description="Any of these; null: none, or not known."
    )
    age: Between | None = strawberry.field(default=None, description="Seconds since it was opened.")
    rate: Between | None = strawberry.field(default=None, description="What was paid for one unit, in quote.")
    stop_distance: Between | None = strawberry.field(default=None, description="To the stop loss, a fraction.")
    arm_distance: Between | None = strawberry.field(default=None, description="To the arm of the trailing stop.")
    quantity: Between | None = strawberry.field(default=None, description="Refused while amounts are masked.")
    cost: Between | None = strawberry.field(default=None, description="In the currency; refused while masked.")
    value: Between | None = strawberry.field(default=None, description="In the currency; refused while masked.")
    profit: Between | None = strawberry.field(default=None, description="In the currency; refused while masked.")
    share: Between | None = strawberry.field(
        default=None,
        description="Profit as a fraction of the cost; bounds count in six digits while amounts are masked.",
    )
    weight: Between | None = strawberry.field(default=None, description="Of its hopper; in six digits, too.")

    def of(self, found: Iterable[positions.OpenPosition], scope: Scope) -> list[positions.OpenPosition]:
        """Those that are so. Raises Invalid; also for bounds of what is masked, which would be found by asking on."""
        hidden = [name for name in ("quantity", "cost", "value", "profit") if getattr(self, name) is not None]
        if scope.is_masked and hidden:
            raise Invalid(f"amounts are masked: leave {', '.join(hidden)} out of the filter, or ask with masked: false")
        chosen: dict[str, set[str | None]] = {}
        for column, values, what in (
            ("kind", self.kinds and [account.PositionKind(kind).value for kind in self.kinds], "kinds"),
            ("coin", self.coins and [coin.upper() for coin in self.coins], "coins"),
            ("quote", self.quotes and [quote.upper() for quote in self.quotes], "quotes"),
            ("exchange", self.exchanges and [exchange.lower() for exchange in self.exchanges], "exchanges"),
            ("buy_trigger", self.buy_triggers, "buyTriggers"),
            ("buy_strategy", self.buy_strategies, "buyStrategies"),
        ):
            if among(column, values, what):
                chosen[column] = set(values or ())
        bounds = {name: said for name in _BOUNDED if (said := getattr(self, name)) is not None}
        if scope.is_masked:
            bounds = {name: said.coarse() if name in ("share", "weight") else said for name, said in bounds.items()}
        return [
            one
            for one in found
            if all(_key(one, column, scope) in values for column, values in chosen.items())
            and all(said.holds(_key(one, column, scope)) for column, said in bounds.items())
        ]


_BOUNDED = ("age", "rate", "stop_distance", "arm_distance", "quantity", "cost", "value", "profit", "share", "weight")


@covered("view", "statistics")
@strawberry.type(description="A price at which something happens to a position.")
class PositionLimit:
    percent: Decimal = plain("As it is set, of the price that was paid; of a trailing stop, of the peak.")
    price: Decimal = plain("The price, in quote.")
    distance: float | None = strawberry.field(
        description="How far the last price is from it, as a fraction of the last price: so far it must fall, or rise"
        " where it is below 0; null without a price."
    )

    @classmethod
    def of(cls, limit: Limit | None) -> Self | None:
        return None if limit is None else cls(percent=limit.percent, price=limit.price, distance=limit.distance)


@covered("view", "statistics")
@strawberry.type(description="What a position is worth in one currency.")
class PositionMoney:
    currency: str = strawberry.field(description="Which.")
    cost: Decimal | None = strawberry.field(description="What it cost; of a short, what its sale brought.")
    value: Decimal | None = strawberry.field(description="At the last price; null without one.")
    unrealised: Decimal | None = strawberry.field(
        description="Value less cost, which is by `costSource`; of a short, cost less value. The sum may be less than"
        " that of days and of a range, which know no fees."
    )
    profit_if_closed: Decimal | None = strawberry.field(
        description="What closing it now would bring, the fee of that taken off, less the cost."
    )


@covered("view", "statistics")
@strawberry.type(description="A position that is open, reserved or short.")
class OpenPosition:
    hopper_id: strawberry.ID = strawberry.field(description="Cryptohopper's id of the hopper.")
    id: strawberry.ID = strawberry.field(description="Cryptohopper's, among those of its hopper and kind.")
    kind: PositionKind = strawberry.field(description="What it is.")  # type: ignore[valid-type]
    coin: str = strawberry.field(description="What is held, or owed.")
    quote: str = strawberry.field(description="What it was paid with.")
    exchange: str = strawberry.field(description="By ccxt's id.")
    quantity: Decimal | None = strawberry.field(description="Units.")
    rate: Decimal = plain("Price of one unit as Cryptohopper tells it, in quote.")
    price: Decimal | None = plain("The last price, in quote; null: it has none.")
    closing_price: Decimal | None = plain("The price at which it would be closed, in quote.")
    price_source: PriceSource | None = strawberry.field(description="Which price that is.")  # type: ignore[valid-type]
    is_routed: bool = strawberry.field(description="True when the coin is priced through another one.")
    price_at: datetime | None = strawberry.field(description="When that price was received.")
    price_age: float | None = strawberry.field(description="Seconds since then.")
    in_quote: PositionMoney = strawberry.field(description="In quote.")
    in_currency: PositionMoney = strawberry.field(
        description="In the currency of the choice, at the rate of now; null where nobody tells one."
    )
    cost_source: CostSource = strawberry.field(description="Who tells the cost.")  # type: ignore[valid-type]
    profit_share: float | None = strawberry.field(description="Profit if it were closed, as a fraction of the cost.")
    fee_rate: float | None = strawberry.field(
        description="The fee of closing it, as a fraction: what the hopper's last trades cost; null: none is known."
    )
    fee_trades: int = strawberry.field(description="From how many trades that is made, 50 at most.")
    opened_at: datetime | None = strawberry.field(description="When it was opened; null: not told.")
    age: float | None = strawberry.field(description="Seconds since then.")
    weight: float | None = strawberry.field(description="Its share of the worth of its hopper.")
    stop_loss: PositionLimit | None = strawberry.field(description="Where it is sold at a loss.")
    take_profit: PositionLimit | None = strawberry.field(description="Where it is sold at a profit.")
    trailing_arm: PositionLimit | None = strawberry.field(description="Where the trailing stop arms.")
    is_armed: bool | None = strawberry.field(
        description="Whether the last price is at the arm or above; null: it has no trailing stop, or no price."
    )
    trailing_stop: PositionLimit | None = strawberry.field(
        description="Of one that is armed: where it would be if the last price were the peak. It is there or higher:"
        " Cryptohopper does not tell the peak."
    )
    buy_trigger: str | None = strawberry.field(description="What opened it, in Cryptohopper's words; null: not told.")
    buy_strategy: str | None = strawberry.field(
        description="The strategy that opened it; null: none, or the trade is not known."
    )
    is_held: bool = strawberry.field(description="True when its owner told the hopper not to sell it.")
    read_at: datetime = strawberry.field(description="When it was read.")
    is_live: bool = strawberry.field(description="True when its hopper is tracked, and it is read again and again.")
    is_data_error: bool = strawberry.field(description="True when its coin is not in the balance; it is not added.")
    note: str | None = strawberry.field(description="What to know about it.")

    @classmethod
    def of(cls, one: positions.OpenPosition, scope: Scope) -> Self:
        position, price, valued, lot = one.position, one.price, one.valued, one.cost.lot
        is_short = one.kind is account.PositionKind.SHORT
        amounts = {
            "cost": valued.cost,
            "value": valued.value,
            "unrealised": valued.unrealised,
            "profit_if_closed": valued.profit,
        }
        converted = {name: one.told_in_currency(amount) for name, amount in amounts.items()}
        return cls(
            hopper_id=strawberry.ID(one.hopper.id),
            id=strawberry.ID(position.id),
            kind=one.kind,
            coin=position.base,
            quote=position.quote,
            exchange=one.hopper.exchange,
            quantity=position.quantity,
            rate=position.rate,
            price=None if price is None else price.last,
            closing_price=None if price is None else price.buys if is_short else price.sells,
            price_source=None if price is None else price.source,
            is_routed=price is not None and price.is_routed,
            price_at=None if price is None else price.at,
            price_age=_age(None if price is None else price.at, scope),
            in_quote=PositionMoney(currency=position.quote, **amounts),
            in_currency=PositionMoney(currency=scope.currency, **converted),
            cost_source=one.cost.source,
            profit_share=valued.share,
            fee_rate=None if one.fee is None else float(one.fee.rate),
            fee_trades=0 if one.fee is None else one.fee.trades,
            opened_at=position.opened_at,
            age=_age(position.opened_at, scope),
            weight=one.weight,
            stop_loss=PositionLimit.of(one.limits.stop_loss),
            take_profit=PositionLimit.of(one.limits.take_profit),
            trailing_arm=PositionLimit.of(one.limits.arm),
            is_armed=one.limits.is_armed,
            trailing_stop=PositionLimit.of(one.limits.stop),
            buy_trigger=_trigger(one),
            buy_strategy=None if lot is None else lot.strategy,
            is_held=position.is_held,
            read_at=one.read_at,
            is_live=one.is_live,
            is_data_error=one.is_data_error,
            note=_note(one),
        )


def _age(at: datetime | None, scope: Scope) -> float | None:
    return None if at is None else max(0.0, (scope.now - at).total_seconds())


def _note(one: positions.OpenPosition) -> str | None:
    said = []
    if one.is_data_error:
        said.append(NOT_IN_BALANCE)
    if one.price is None:
        said.append(f"nobody tells a price of {one.position.base} in {one.position.quote}")
    elif one.fee is None:
        said.append("no trade tells what closing it would cost, so its profit is not known")
    if one.rate is None:
        said.append(f"nobody tells what {one.position.quote} is worth")
    return "; ".join(said) or None


@covered("view", "statistics")
@strawberry.type(
    description="All positions of a kind, on all pages; each amount is the sum of those where it is known."
)
class PositionSum:
    kind: PositionKind = strawberry.field(description="Kinds are not summed with each other.")  # type: ignore[valid-type]
    count: int = strawberry.field(description="How many there are.")
    priced: int = strawberry.field(description="How many of them have a price in the currency; the others add nothing.")
    data_errors: int = strawberry.field(description="How many are left out because their coin is not in the balance.")
    money: PositionMoney = strawberry.field(description="Of those that have a price.")
    closable: int = strawberry.field(description="Of how many the profit if they were closed is known.")
    profit_share: float | None = strawberry.field(description="That profit as a fraction of what these cost.")
    unpriced: list[str] = strawberry.field(description="Coins of those that have none.")

    @classmethod
    def of(cls, kind: account.PositionKind, listed: Sequence[positions.OpenPosition], scope: Scope) -> Self:
        right = [one for one in listed if not one.is_data_error]
        priced = [one for one in right if one.rate is not None and one.valued.value is not None]
        closable = [one for one in priced if one.valued.profit is not None]
        profit = _sum(one.told_in_currency(one.valued.profit) for one in closable)
        cost = _sum(one.told_in_currency(one.valued.cost) for one in closable)
        return cls(
            kind=kind,
            count=len(listed),
            priced=len(priced),
            data_errors=len(listed) - len(right),
            money=PositionMoney(
                currency=scope.currency,
                cost=_sum(one.told_in_currency(one.valued.cost) for one in priced),
                value=_sum(one.told_in_currency(one.valued.value) for one in priced),
                unrealised=_sum(one.told_in_currency(one.valued.unrealised) for one in priced),
                profit_if_closed=profit if closable else None,
            ),
            closable=len(closable),
            profit_share=float(profit / cost) if cost > 0 else None,
            unpriced=sorted({one.position.base for one in right} - {one.position.base for one in priced}),
        )


def _sum(amounts: Iterable[Decimal | None]) -> Decimal:
    total = Decimal(0)
    for amount in amounts:
        total = EXACT.add(total, amount or Decimal(0))
    return total


@covered("view", "statistics")
@strawberry.type(description="Positions as they stand now, whatever the range.")
class OpenPositionPage:
    currency: str = strawberry.field(description="The currency of the choice.")
    definition: str = strawberry.field(description="What profit if it were closed is.")
    nodes: list[OpenPosition] = strawberry.field(description="At most as many as were asked for.")
    count: int = strawberry.field(description="How many there are on all pages together.")
    has_more: bool = strawberry.field(description="True when there are more behind them.")
    end_cursor: strawberry.ID | None = strawberry.field(description="Pass it as after for the next; null for none.")
    sums: list[PositionSum] = strawberry.field(description="By kind, of those that pass the filter.")
    read_at: datetime | None = strawberry.field(description="When the oldest of them was read.")
    prices_at: datetime | None = strawberry.field(description="When the oldest of their prices was received.")
    left_out: list[strawberry.ID] = strawberry.field(description="Hoppers of which nothing can be read any more.")
    notes: list[str] = strawberry.field(description="What is to be known about it.")

    @classmethod
    def of(
        cls,
        found: OpenPositions,
        scope: Scope,
        wanted: PositionFilter,
        sort: PositionSort,
        first: int,
        after: str | None,
    ) -> Self:
        listed = wanted.of(found.positions, scope)
        order = Order(sort.column.value, sort.descending)
        page = page_of(
            listed,
            order,
            lambda one: _key(one, order.column, scope),
            lambda one: Row(one.hopper.id, one.id),
            first,
            after,
        )
        by_kind = {kind: [one for one in listed if one.kind is kind] for kind in account.PositionKind}
        prices = [one.price.at for one in listed if one.price is not None and one.price.at is not None]
        return cls(
            currency=scope.currency,
            definition=DEFINITIONS["profit-if-closed"],
            nodes=[OpenPosition.of(one, scope) for one in page.rows],
            count=len(listed),
            has_more=page.has_more,
            end_cursor=None if page.cursor is None else strawberry.ID(page.cursor),
            sums=[PositionSum.of(kind, some, scope) for kind, some in by_kind.items() if some],
            read_at=min((one.read_at for one in listed), default=None),
            prices_at=min(prices, default=None),
            left_out=[strawberry.ID(id) for id in found.left_out],
            notes=list(found.notes),
        )


def _key(one: positions.OpenPosition, column: str, scope: Scope) -> Any:
    return _KEYS[column](one, scope)


def _distance(limit: Limit | None) -> float | None:
    return None if limit is None else limit.distance


def _trigger(one: positions.OpenPosition) -> str | None:
    return one.position.trigger or (None if one.cost.lot is None else one.cost.lot.trigger)


_KEYS: Mapping[str, Callable[[positions.OpenPosition, Scope], Any]] = {
    "coin": lambda one, _: one.position.base,
    "hopper": lambda one, _: one.hopper.name,
    "kind": lambda one, _: one.kind.value,
    "exchange": lambda one, _: one.hopper.exchange,
    "quote": lambda one, _: one.position.quote,
    "quantity": lambda one, _: one.position.quantity,
    "rate": lambda one, _: one.position.rate,
    "price": lambda one, _: None if one.price is None else one.price.last,
    "cost": lambda one, _: one.told_in_currency(one.valued.cost),
    "value": lambda one, _: one.told_in_currency(one.valued.value),
    "unrealised": lambda one, _: one.told_in_currency(one.valued.unrealised),
    "profit": lambda one, _: one.told_in_currency(one.valued.profit),
    "share": lambda one, _: one.valued.share,
    "age": lambda one, scope: _age(one.position.opened_at, scope),
    "weight": lambda one, _: one.weight,
    "stop_distance": lambda one, _: _distance(one.limits.stop_loss),
    "arm_distance": lambda one, _: _distance(one.limits.arm),
    "target_distance": lambda one, _: _distance(one.limits.take_profit),
    "buy_trigger": lambda one, _: _trigger(one),
    "buy_strategy": lambda one, _: None if one.cost.lot is None else one.cost.lot.strategy,
}


@strawberry.type
class PositionFigures(Part):
    @analytic(
        "view",
        "statistics",
        "Open positions, reserved coins and shorts of the hoppers that can be read, as newly as they are known and at"
        " the last prices, whatever the range; first is 1 to 100, after a cursor.",
    )
    async def open_positions(
        self,
        first: int = 50,
        after: str | None = None,
        filter: PositionFilter | None = None,
        sort: PositionSort | None = None,
    ) -> OpenPositionPage:
        found = await open_positions(self.reading)
        wanted, order = filter or PositionFilter(), sort or PositionSort()
        return OpenPositionPage.of(found, self.scope, wanted, order, first, after)
