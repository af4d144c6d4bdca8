"""Trades as they become known."""

from collections.abc import AsyncIterator

import strawberry

from api.handlers.analytics.scope import Asked
from api.handlers.changes import AGAIN_EVERY
from api.schema.analytics import Kind, parts
from api.schema.analytics.trades import Trade
from api.schema.context import Info
from api.schema.rules import subscription
from cryptwire.domain import trade


def _told(one: trade.Trade) -> Trade:
    """What it earned is not known before what it closed has been found."""
    return Trade(
        hopper_id=strawberry.ID(one.hopper),
        id=strawberry.ID(one.id),
        at=one.at,
        exchange=one.pair.exchange,
        coin=one.pair.base,
        quote=one.pair.quote,
        side=one.side,
        quantity=one.quantity,
        rate=one.rate,
        total=one.total,
        fee=one.fee,
        fee_currency=one.fee_currency,
        trigger=one.trigger,
        strategy=one.strategy,
        result=one.result,
        net=None,
    )


@strawberry.type
class TradeSubscription:
    @subscription(
        "view",
        "trades",
        "Each trade as it becomes known: of one hopper, several, or (without hopperIds) all of a kind that there are at"
        " the beginning; `net` is null yet. Nothing counts but the list: after a break read trades. NOT_FOUND for a"
        " hopper that is somebody else's.",
    )
    async def trades(
        self,
        info: Info,
        hopper_ids: list[strawberry.ID] | None = None,
        kind: Kind | None = None,  # type: ignore[valid-type]
        masked: bool | None = None,
    ) -> AsyncIterator[Trade]:
        services, caller = info.context.services, await info.context.caller()
        scope = await services.analytics.scope(caller.user, Asked(hopper_ids, kind, is_masked=masked))
        named = Asked(scope.ids, is_masked=masked)
        looked_at = services.clock.now()
        async with services.trade_news.of(scope.ids) as news:
            async for one in news:
                now = services.clock.now()
                if now - looked_at >= AGAIN_EVERY:
                    scope, looked_at = await services.analytics.scope(caller.user, named), now
                yield parts.masked(_told(one)) if scope.is_masked else _told(one)
