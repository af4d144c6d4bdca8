"""Hoppers and what they hold now."""

from collections.abc import AsyncIterator
from datetime import datetime
from decimal import Decimal
from typing import Self, cast

import strawberry

from api import logic
from api.handlers.changes import AGAIN_EVERY
from api.schema.analytics import parts
from api.schema.context import Info
from api.schema.rules import covered, field, subscription
from cryptwire.domain import account, hopper, hopper_change, portfolio


@covered("view", "live-portfolio")
@strawberry.type(description="The balance of one asset.")
class Holding:
    asset: str = strawberry.field(description="Currency or coin, upper case.")
    quantity: Decimal | None = strawberry.field(
        description="The whole balance, open orders and positions included; null when amounts are masked."
    )
    price: float | None = strawberry.field(description="Last price in the base currency; null when it has none.")
    value: float | None = parts.amount("Quantity times price; null when it has no price, or amounts are masked.")
    share: float | None = strawberry.field(
        description="Of the value of all, as a fraction; null when it has no price, or all is worth nothing."
    )

    @classmethod
    def of(cls, holding: portfolio.Holding, whole: float) -> Self:
        value = logic.value_of(holding)
        share = None if value is None or whole <= 0 else value / whole
        return cls(asset=holding.asset, quantity=holding.quantity, price=holding.price, value=value, share=share)


@covered("view", "live-portfolio")
@strawberry.type(description="An open position.")
class Position:
    id: strawberry.ID = strawberry.field(description="Cryptohopper's id.")
    pair: str = strawberry.field(description='What was bought and what it was paid with, e.g. "ETH/USDT".')
    quantity: Decimal | None = strawberry.field(description="Units bought; null when amounts are masked.")
    rate: Decimal = parts.quotient("Price paid for one unit.")
    cost: Decimal | None = strawberry.field(description="What all of it cost; null when amounts are masked.")
    opened_at: datetime | None = strawberry.field(description="When it was bought; null when it is not told.")

    @classmethod
    def of(cls, position: account.Position) -> Self:
        return cls(
            id=strawberry.ID(position.id),
            pair=f"{position.base}/{position.quote}",
            quantity=position.quantity,
            rate=position.rate,
            cost=position.cost,
            opened_at=position.opened_at,
        )


@covered("view", "live-portfolio")
@strawberry.type(description="A hopper's portfolio as it stands, at most ten minutes ago.")
class Portfolio:
    at: datetime = strawberry.field(description="When this was computed.")
    value: float | None = parts.amount("What all of it is worth, in the base currency; null when amounts are masked.")
    open: float | None = parts.amount(
        "What it was worth when the candle in progress opened; null when amounts are masked."
    )
    change: float | None = strawberry.field(
        description="From open to value, as a fraction; null when it was worth nothing."
    )
    prices_at: datetime | None = strawberry.field(description="When the exchange was last heard; null when never.")
    assets_at: datetime = strawberry.field(description="When balances and positions were read.")
    is_fresh: bool = strawberry.field(description="True while the exchange's feed lives and this is not old.")
    holdings: list[Holding] = strawberry.field(description="The balance, by asset.")
    positions: list[Position] = strawberry.field(description="Open positions.")
    unpriced: list[str] = strawberry.field(description="Assets that have no price and count nothing.")

    @classmethod
    def of(cls, live: portfolio.Portfolio, now: datetime) -> Self:
        value, open_ = live.candle.close, live.candle.open
        return cls(
            at=live.at,
            value=value,
            open=open_,
            change=value / open_ - 1 if open_ > 0 else None,
            prices_at=live.prices_at,
            assets_at=live.assets_at,
            is_fresh=logic.is_fresh(live, now),
            holdings=[Holding.of(holding, value) for holding in live.holdings],
            positions=[Position.of(position) for position in live.positions],
            unpriced=[holding.asset for holding in live.holdings if holding.price is None],
        )


@covered("view", "hoppers")
@strawberry.type(description="One of the user's trading bots at Cryptohopper.")
class Hopper:
    id: strawberry.ID = strawberry.field(description="Cryptohopper's id.")
    name: str = strawberry.field(description="The name given to it at Cryptohopper.")
    exchange: str = strawberry.field(description='The exchange it trades on, by ccxt\'s id, e.g. "binance".')
    base_currency: str = strawberry.field(description="The currency that everything of it is valued in.")
    is_paper: bool = strawberry.field(description="True when it trades with play money.")
    created_at: datetime = strawberry.field(
        description="When it was created at Cryptohopper, as far as that is told; else when it was first seen here."
    )
    is_linked: bool = strawberry.field(
        description="False when nothing new of it can be read: it was deleted, or the account is not linked any more."
    )
    deleted_at: datetime | None = strawberry.field(
        description="Since when Cryptohopper does not show it any more; its history stays."
    )

    @field(
        "view",
        "live-portfolio",
        "What it holds now; null when nothing was heard for ten minutes. Without amounts when masked, else as one"
        " prefers.",
    )
    async def portfolio(self, info: Info, masked: bool | None = None) -> Portfolio | None:
        services = info.context.services
        now = services.clock.now()
        live = services.portfolios.of(hopper.HopperId(self.id), now)
        return None if live is None else _told(live, now, is_masked=await info.context.is_masked(masked))

    @classmethod
    def of(cls, known: hopper_change.KnownHopper) -> Self:
        one = known.hopper
        return cls(
            id=strawberry.ID(one.id),
            name=one.name,
            exchange=one.exchange,
            base_currency=one.base,
            is_paper=one.is_paper,
            created_at=known.created_at,
            is_linked=known.is_linked,
            deleted_at=known.deleted_at,
        )


@strawberry.type
class HopperQuery:
    @field("view", "hoppers", "The user's hoppers, by name; those that were deleted only with `includeDeleted`.")
    async def hoppers(self, info: Info, include_deleted: bool = False) -> list[Hopper]:
        caller = await info.context.caller()
        known = await info.context.services.hoppers.known(caller.user)
        return [Hopper.of(one) for one in known if include_deleted or one.deleted_at is None]

    @field("view", "hoppers", "One of the user's hoppers; NOT_FOUND also when it is somebody else's.")
    async def hopper(self, info: Info, id: strawberry.ID) -> Hopper:
        caller = await info.context.caller()
        return Hopper.of(await info.context.services.hoppers.known_one(caller.user, logic.hopper_id(id)))


@strawberry.type
class HopperSubscription:
    @subscription(
        "view",
        "live-portfolio",
        "What a hopper holds, each 2 s while it is tracked; without amounts when masked, else as one prefers. NOT_FOUND"
        " when it is not the user's.",
    )
    async def live_portfolio(
        self, info: Info, hopper_id: strawberry.ID, masked: bool | None = None
    ) -> AsyncIterator[Portfolio]:
        services = info.context.services
        caller = await info.context.caller()
        one = await services.hoppers.of(caller.user, logic.hopper_id(hopper_id))
        is_masked = await info.context.is_masked(masked)
        looked_at = services.clock.now()
        async with services.portfolios.follow(one.id, looked_at) as news:
            news.tell(None)
            async for _ in news:
                now = services.clock.now()
                if now - looked_at >= AGAIN_EVERY:
                    await services.hoppers.of(caller.user, one.id)
                    is_masked = await info.context.is_masked(masked, again=True)
                    looked_at = now
                live = services.portfolios.of(one.id, now)
                if live is not None:
                    yield _told(live, now, is_masked=is_masked)


def _told(live: portfolio.Portfolio, now: datetime, *, is_masked: bool) -> Portfolio:
    told = Portfolio.of(live, now)
    return cast("Portfolio", parts.masked(told)) if is_masked else told
