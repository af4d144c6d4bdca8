"""The list of closed positions: every column in order and filtered, page by page."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from enum import Enum
from typing import cast

import strawberry

from api.handlers.analytics.paging import among, between, cursor_of, place_of, up_to, within
from api.handlers.analytics.results import PROFIT, by_profit, profits
from api.handlers.analytics.scope import Asked
from api.schema.analytics import Kind, parts
from api.schema.analytics.parts import Between, quotient
from api.schema.context import Info
from api.schema.rules import covered, field
from cryptwire.domain.hopper import Asset
from cryptwire.storage.keyset import Condition, Order
from cryptwire.storage.result_list import ListedResult

NEWEST_FIRST = Order("at", is_descending=True)
_MOST_SECONDS = 2**31 - 1  # that GraphQL's Int holds
_QUOTE = "in quote, all fees in; null: {}amounts are masked."


@strawberry.enum(description="What came of a closed position.")
class ResultOutcome(Enum):
    WON = strawberry.enum_value(1, description="It earned something, all fees out.")
    EVEN = strawberry.enum_value(0, description="It earned and lost nothing.")
    LOST = strawberry.enum_value(-1, description="It lost something.")
    UNKNOWN = strawberry.enum_value(None, description="Nobody knows what it had cost.")


@covered("view", "trades")
@strawberry.type(
    description="What one trade closed: a position, a part of one, or parts of several. A buy that closes a short is"
    " told the other way round: it was opened by a sale."
)
class Result:
    hopper_id: strawberry.ID = strawberry.field(description="Cryptohopper's id of the hopper.")
    trade_id: strawberry.ID = strawberry.field(description="Of the trade that closed it, within the hopper.")
    at: datetime = strawberry.field(description="When it was closed.")
    opened_at: datetime | None = strawberry.field(
        description="When it was opened; of several buys the mean by quantity; null: not known."
    )
    held_for: int | None = strawberry.field(description="Seconds from openedAt to at; null: not known.")
    exchange: str = strawberry.field(description="By ccxt's id.")
    coin: str = strawberry.field(description="What was held, or sold short.")
    quote: str = strawberry.field(description="What it was paid with.")
    is_short: bool = strawberry.field(description="True when coins were sold first and bought back.")
    quantity: Decimal | None = strawberry.field(description="Units of the coin; null when amounts are masked.")
    entry_price: Decimal | None = quotient("What one unit was opened at, in quote, fees in; null: not known.")
    exit_price: Decimal | None = quotient("What one unit was closed at, in quote, fees in; null: not known.")
    proceeds: Decimal | None = strawberry.field(description=f"What its sale brought, {_QUOTE.format('')}")
    cost: Decimal | None = strawberry.field(description=f"What it cost, {_QUOTE.format('nobody knows, or ')}")
    fees: Decimal | None = strawberry.field(
        description="Of both sides, in quote, as far as anybody could convert them; null when amounts are masked."
    )
    net: Decimal | None = strawberry.field(description=f"Proceeds less cost, {_QUOTE.format('nobody knows, or ')}")
    gain: Decimal | None = quotient(
        "Net in parts of the cost, of a short of what its sale brought: 0.05 is five percent; null: not known."
    )
    profit: Decimal | None = strawberry.field(
        description="Net in currency, by the rates of when it was closed; null: not known, or amounts are masked."
    )
    currency: str = strawberry.field(description="In which profit is told.")
    buy_trigger: str | None = strawberry.field(
        description="Why it was opened, in Cryptohopper's words; `several`: for different reasons; null: not known."
    )
    sell_trigger: str | None = strawberry.field(
        description="Why it was closed, in Cryptohopper's words; null: not told."
    )
    buy_strategy: str | None = strawberry.field(
        description="The name of the strategy that opened it; `several`: different ones; null: none, or not known."
    )
    sell_strategy: str | None = strawberry.field(
        description="The name of the strategy that closed it; null: none, or not told."
    )


@strawberry.enum(description="A column that closed positions can be ordered by.")
class ResultColumn(Enum):
    AT = "at"
    OPENED_AT = "opened_at"
    HELD_FOR = "held_for"
    HOPPER = strawberry.enum_value("hopper", description="By the hoppers' names.")
    EXCHANGE = "exchange"
    COIN = "coin"
    QUOTE = "quote"
    IS_SHORT = "is_short"
    QUANTITY = "quantity"
    ENTRY_PRICE = strawberry.enum_value("entry_price", description="The number alone, whatever the quote.")
    EXIT_PRICE = strawberry.enum_value("exit_price", description="The number alone, whatever the quote.")
    PROCEEDS = strawberry.enum_value("proceeds", description="The number alone, whatever the quote.")
    COST = strawberry.enum_value("cost", description="The number alone, whatever the quote.")
    FEES = strawberry.enum_value("fees", description="The number alone, whatever the quote.")
    NET = strawberry.enum_value("net", description="The number alone, whatever the quote.")
    GAIN = "gain"
    PROFIT = strawberry.enum_value(PROFIT, description="In the currency that is asked for; of 50,000 at most.")
    OUTCOME = strawberry.enum_value("outcome", description="Lost, even, won.")
    BUY_TRIGGER = "buy_trigger"
    SELL_TRIGGER = "sell_trigger"
    BUY_STRATEGY = "buy_strategy"
    SELL_STRATEGY = "sell_strategy"


@strawberry.input(description="An order; what is alike goes by time, the same way, and what is unknown comes last.")
class ResultSort:
    column: ResultColumn = strawberry.field(default=ResultColumn.AT, description="By what.")
    descending: bool = strawberry.field(default=True, description="The largest, or newest, first.")


@strawberry.input(
    description="What closed positions must be, all of it; what is left out does not matter. Lists have 100 values at"
    " most."
)
class ResultFilter:
    since: datetime | None = strawberry.field(default=None, description="Closed at that moment or later.")
    until: datetime | None = strawberry.field(default=None, description="Closed before that moment.")
    outcomes: list[ResultOutcome] | None = strawberry.field(default=None, description="Any of these.")
    is_short: bool | None = strawberry.field(default=None, description="Only shorts, or none.")
    exchanges: list[str] | None = strawberry.field(default=None, description="By ccxt's ids.")
    coins: list[str] | None = strawberry.field(default=None, description="Any of these.")
    quotes: list[str] | None = strawberry.field(default=None, description="Any of these.")
    buy_triggers: list[str | None] | None = strawberry.field(default=None, description="Any of these; null: not known.")
    sell_triggers: list[str | None] | None = strawberry.field(default=None, description="Any of these; null: not told.")
    buy_strategies: list[str | None] | None = strawberry.field(
        default=None, description="Any of these; null: none, or not known."
    )
    sell_strategies: list[str | None] | None = strawberry.field(
        default=None, description="Any of these; null: none, or not told."
    )
    opened_since: datetime | None = strawberry.field(default=None, description="Opened at that moment or later.")
    opened_until: datetime | None = strawberry.field(default=None, description="Opened before that moment.")
    entry_price: Between | None = strawberry.field(
        default=None, description="In quote; bounds count in six digits while amounts are masked."
    )
    exit_price: Between | None = strawberry.field(
        default=None, description="In quote; bounds count in six digits while amounts are masked."
    )
    gain: Between | None = strawberry.field(
        default=None, description="In parts of the cost, of a short of what its sale brought; in six digits, too."
    )
    held_for: Between | None = strawberry.field(default=None, description="Seconds.")
    quantity: Between | None = strawberry.field(default=None, description="Refused while amounts are masked.")
    proceeds: Between | None = strawberry.field(default=None, description="Refused while amounts are masked.")
    cost: Between | None = strawberry.field(default=None, description="Refused while amounts are masked.")
    fees: Between | None = strawberry.field(default=None, description="Refused while amounts are masked.")
    net: Between | None = strawberry.field(default=None, description="Refused while amounts are masked.")
    profit: Between | None = strawberry.field(
        default=None,
        description="In the currency that is asked for; among 50,000 at most. Refused while amounts are masked.",
    )

    def conditions(self, *, is_masked: bool) -> list[Condition]:
        """All but that of profit.

        Raises Invalid; also for bounds of what is masked, which could be found by asking again and again.
        """
        amounts = {name: getattr(self, name) for name in _AMOUNTS}
        if is_masked:
            parts.refuse_bounds({**amounts, PROFIT: self.profit})
        found = within("at", self.since, self.until) + within("opened_at", self.opened_since, self.opened_until)
        outcomes = None if self.outcomes is None else [cast("int | None", each.value) for each in self.outcomes]
        found += among("outcome", outcomes, "outcomes")
        found += among("is_short", None if self.is_short is None else [self.is_short], "isShort")
        for column, values, what in (
            ("exchange", self.exchanges, "exchanges"),
            ("coin", self.coins, "coins"),
            ("quote", self.quotes, "quotes"),
            ("buy_trigger", self.buy_triggers, "buyTriggers"),
            ("sell_trigger", self.sell_triggers, "sellTriggers"),
            ("buy_strategy", self.buy_strategies, "buyStrategies"),
            ("sell_strategy", self.sell_strategies, "sellStrategies"),
        ):
            found += among(column, values, what)
        for column, said in {**amounts, "held_for": self.held_for}.items():
            if said is not None:
                found += between(column, said.least, said.most)
        for column, said in {"entry_price": self.entry_price, "exit_price": self.exit_price, "gain": self.gain}.items():
            if said is not None:
                told = said.coarse() if is_masked else said
                found += between(column, told.least, told.most)
        return found


_AMOUNTS = ("quantity", "proceeds", "cost", "fees", "net")


@covered("view", "trades")
@strawberry.type(description="Closed positions, as they were asked for.")
class ResultConnection:
    nodes: list[Result] = strawberry.field(description="At most as many as were asked for.")
    has_more: bool = strawberry.field(description="True when there are more behind them.")
    end_cursor: strawberry.ID | None = strawberry.field(description="Pass it as after for the next; null for none.")
    hoppers: strawberry.Private[Sequence[str]]
    conditions: strawberry.Private[Sequence[Condition]]
    counted: strawberry.Private[int | None] = None

    @field("view", "trades", "How many there are on all pages together; counted only when it is asked for.")
    async def total(self, info: Info) -> int:
        if self.counted is not None:
            return self.counted
        return await info.context.services.analytics.result_list.count(self.hoppers, self.conditions)


def _told(row: ListedResult, currency: Asset, profit: Decimal | None) -> Result:
    told = row._asdict()
    del told["rate"]
    return Result(
        **{**told, "currency": currency},
        held_for=None if row.held_for is None else min(row.held_for, _MOST_SECONDS),
        entry_price=row.entry_price,
        exit_price=row.exit_price,
        gain=row.gain,
        profit=profit,
    )


@strawberry.type
class ResultQuery:
    @field(
        "view",
        "trades",
        "Closed positions of one hopper, several, or (without hopperIds) all of a kind, the newest first unless sort"
        " says otherwise; first is 1 to 100, after a cursor. What a trade closed is known a second or two after it."
        " NOT_FOUND also for a hopper that is somebody else's.",
    )
    async def results(
        self,
        info: Info,
        hopper_ids: list[strawberry.ID] | None = None,
        kind: Kind | None = None,  # type: ignore[valid-type]
        first: int = 50,
        after: str | None = None,
        filter: ResultFilter | None = None,
        sort: ResultSort | None = None,
        currency: str | None = None,
        masked: bool | None = None,
    ) -> ResultConnection:
        caller, sources = await info.context.caller(), info.context.services.analytics
        asked = Asked(hopper_ids, kind, currency=currency, is_masked=masked)
        scope = await sources.scope(caller.user, asked)
        order = Order(sort.column.value, sort.descending) if sort else NEWEST_FIRST
        conditions = filter.conditions(is_masked=scope.is_masked) if filter else []
        place = None if after is None else place_of(after, order)
        bounds = filter.profit if filter and filter.profit != Between() else None  # no bound leaves out nothing
        count = None
        if bounds is not None or order.column == PROFIT:
            is_wanted = bounds.holds if bounds is not None else _any
            found = await by_profit(
                sources.result_list,
                sources.conversions,
                scope.currency,
                scope.ids,
                order,
                conditions,
                is_wanted,
                place,
                first,
            )
            told, has_more, count = found
        else:
            rows = await sources.result_list.page(scope.ids, order, conditions, place, up_to(first) + 1)
            page, has_more = rows[:first], len(rows) > first
            told = list(zip(page, await profits(sources.conversions, scope.currency, page), strict=True))
        nodes = [_told(row, scope.currency, profit) for row, profit in told]
        return ResultConnection(
            nodes=parts.masked(nodes) if scope.is_masked else nodes,
            has_more=has_more,
            end_cursor=strawberry.ID(cursor_of(order, told[-1][0].row)) if told else None,
            hoppers=scope.ids,
            conditions=conditions,
            counted=count,
        )


def _any(_: Decimal | None) -> bool:
    return True
