"""The list of trades: every column in order and filtered, page by page."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from enum import Enum
from typing import cast

import strawberry

from api.handlers.analytics.paging import among, between, cursor_of, place_of, up_to, within
from api.handlers.analytics.scope import Asked
from api.schema.analytics import Kind, parts
from api.schema.analytics.parts import Between, plain
from api.schema.context import Info
from api.schema.rules import covered, field
from cryptwire.domain.trade import Side
from cryptwire.storage.keyset import Condition, Order
from cryptwire.storage.trade_list import ListedTrade

TradeSide = strawberry.enum(Side, name="TradeSide", description="Of a trade, as seen by the hopper.")
NEWEST_FIRST = Order("at", is_descending=True)


@covered("view", "trades")
@strawberry.type(description="A fill.")
class Trade:
    hopper_id: strawberry.ID = strawberry.field(description="Cryptohopper's id of the hopper.")
    id: strawberry.ID = strawberry.field(description="Cryptohopper's, within the hopper.")
    at: datetime = strawberry.field(description="When it was made.")
    exchange: str = strawberry.field(description="By ccxt's id.")
    coin: str = strawberry.field(description="What was bought or sold.")
    quote: str = strawberry.field(description="What it was paid with.")
    side: TradeSide = strawberry.field(description="Whether coins were bought or sold.")  # type: ignore[valid-type]
    quantity: Decimal | None = strawberry.field(description="Units of the coin; null when amounts are masked.")
    rate: Decimal = plain("Price of one unit, in quote.")
    total: Decimal | None = strawberry.field(description="In quote, without the fee; null when amounts are masked.")
    fee: Decimal | None = strawberry.field(description="Units of feeCurrency; null when amounts are masked.")
    fee_currency: str = strawberry.field(description="What the fee was paid in.")
    trigger: str | None = strawberry.field(description="Why it was made, in Cryptohopper's words; null: not told.")
    strategy: str | None = strawberry.field(description="The name of the strategy that made it; null: none, or untold.")
    result: Decimal | None = plain("Of a sell: profit in percent as Cryptohopper says; null: not told.")
    net: Decimal | None = strawberry.field(
        description="Of what closed something: what was earned by it, in quote, all fees out; null: nothing was closed,"
        " what was sold is not known, or amounts are masked."
    )


@strawberry.enum(description="A column that trades can be ordered by.")
class TradeColumn(Enum):
    AT = "at"
    HOPPER = strawberry.enum_value("hopper", description="By the hoppers' names.")
    EXCHANGE = "exchange"
    COIN = "coin"
    QUOTE = "quote"
    SIDE = "side"
    QUANTITY = "quantity"
    RATE = "rate"
    TOTAL = strawberry.enum_value("total", description="The number alone, whatever the quote.")
    FEE = strawberry.enum_value("fee", description="The number alone, whatever the currency.")
    FEE_CURRENCY = "fee_currency"
    TRIGGER = "trigger"
    STRATEGY = "strategy"
    RESULT = "result"
    NET = strawberry.enum_value("net", description="The number alone, whatever the quote.")


@strawberry.input(description="An order; what is alike goes by time, the same way, and what is unknown comes last.")
class TradeSort:
    column: TradeColumn = strawberry.field(default=TradeColumn.AT, description="By what.")
    descending: bool = strawberry.field(default=True, description="The largest, or newest, first.")


@strawberry.input(
    description="What trades must be, all of it; what is left out does not matter. Lists have 100 values at most."
)
class TradeFilter:
    since: datetime | None = strawberry.field(default=None, description="Made at that moment or later.")
    until: datetime | None = strawberry.field(default=None, description="Made before that moment.")
    sides: list[TradeSide] | None = strawberry.field(default=None, description="Bought, sold.")  # type: ignore[valid-type]
    exchanges: list[str] | None = strawberry.field(default=None, description="By ccxt's ids.")
    coins: list[str] | None = strawberry.field(default=None, description="Any of these.")
    quotes: list[str] | None = strawberry.field(default=None, description="Any of these.")
    fee_currencies: list[str] | None = strawberry.field(default=None, description="Any of these.")
    triggers: list[str | None] | None = strawberry.field(default=None, description="Any of these; null: not told.")
    strategies: list[str | None] | None = strawberry.field(default=None, description="Any of these; null: not told.")
    rate: Between | None = strawberry.field(default=None, description="Price, in quote.")
    result: Between | None = strawberry.field(default=None, description="Percent.")
    quantity: Between | None = strawberry.field(default=None, description="Refused while amounts are masked.")
    total: Between | None = strawberry.field(default=None, description="Refused while amounts are masked.")
    fee: Between | None = strawberry.field(default=None, description="Refused while amounts are masked.")
    net: Between | None = strawberry.field(default=None, description="Refused while amounts are masked.")

    def conditions(self, *, is_masked: bool) -> list[Condition]:
        """Raises Invalid; also for bounds of what is masked, which could be found by asking again and again."""
        amounts = {"quantity": self.quantity, "total": self.total, "fee": self.fee, "net": self.net}
        if is_masked:
            parts.refuse_bounds(amounts)
        found = within("at", self.since, self.until)
        found += among("side", self.sides and [int(side) for side in self.sides], "sides")
        for column, values, what in (
            ("exchange", self.exchanges, "exchanges"),
            ("coin", self.coins, "coins"),
            ("quote", self.quotes, "quotes"),
            ("fee_currency", self.fee_currencies, "feeCurrencies"),
            ("trigger", self.triggers, "triggers"),
            ("strategy", self.strategies, "strategies"),
        ):
            found += among(column, values, what)
        for column, said in {**amounts, "rate": self.rate, "result": self.result}.items():
            if said is not None:
                found += between(column, said.least, said.most)
        return found


@covered("view", "trades")
@strawberry.type(description="Trades, as they were asked for.")
class TradeConnection:
    nodes: list[Trade] = strawberry.field(description="At most as many as were asked for.")
    has_more: bool = strawberry.field(description="True when there are more behind them.")
    end_cursor: strawberry.ID | None = strawberry.field(description="Pass it as after for the next; null for none.")
    hoppers: strawberry.Private[Sequence[str]]
    conditions: strawberry.Private[Sequence[Condition]]

    @field("view", "trades", "How many there are on all pages together; counted only when it is asked for.")
    async def total(self, info: Info) -> int:
        return await info.context.services.analytics.trade_list.count(self.hoppers, self.conditions)


def _told(page: Sequence[ListedTrade]) -> list[Trade]:
    """As they are: their fields have the same names."""
    return cast("list[Trade]", page)


@strawberry.type
class TradeQuery:
    @field(
        "view",
        "trades",
        "Trades of one hopper, several, or (without hopperIds) all of a kind, the newest first unless sort says"
        " otherwise; first is 1 to 100, after a cursor. NOT_FOUND also for a hopper that is somebody else's.",
    )
    async def trades(
        self,
        info: Info,
        hopper_ids: list[strawberry.ID] | None = None,
        kind: Kind | None = None,  # type: ignore[valid-type]
        first: int = 50,
        after: str | None = None,
        filter: TradeFilter | None = None,
        sort: TradeSort | None = None,
        masked: bool | None = None,
    ) -> TradeConnection:
        caller, sources = await info.context.caller(), info.context.services.analytics
        asked = Asked(hopper_ids, kind, is_masked=masked)
        scope = await sources.scope(caller.user, asked)
        order = Order(sort.column.value, sort.descending) if sort else NEWEST_FIRST
        conditions = filter.conditions(is_masked=scope.is_masked) if filter else []
        place = None if after is None else place_of(after, order)
        found = await sources.trade_list.page(scope.ids, order, conditions, place, up_to(first) + 1)
        page, has_more = found[:first], len(found) > first
        return TradeConnection(
            nodes=parts.masked([Trade(**one._asdict()) for one in page]) if scope.is_masked else _told(page),
            has_more=has_more,
            end_cursor=strawberry.ID(cursor_of(order, page[-1].row)) if page else None,
            hoppers=scope.ids,
            conditions=conditions,
        )
