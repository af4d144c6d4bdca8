"""Last prices of exchange pairs."""

from datetime import datetime
from typing import Self

import strawberry

from api.handlers.prices import MOST, Priced
from api.schema.context import Info
from api.schema.rules import covered, field


@covered("view", "market")
@strawberry.type(description="The last price of a pair of an exchange, or why there is none.")
class PairPrice:
    symbol: str = strawberry.field(description="What was asked for.")
    exchange: str | None = strawberry.field(description="By ccxt's id; null: no such pair is known.")
    base: str | None = strawberry.field(description="What is bought.")
    quote: str | None = strawberry.field(description="What it is paid with.")
    last: float | None = strawberry.field(description="Units of quote for one of base; null: none is known.")
    bid: float | None = strawberry.field(description="The best offer to buy, where it is told.")
    ask: float | None = strawberry.field(description="The best offer to sell, where it is told.")
    received_at: datetime | None = strawberry.field(description="When that was received here.")
    age: float | None = strawberry.field(
        description="Seconds since then; a pair that nobody trades keeps its price and grows old."
    )
    reason: str | None = strawberry.field(description="Why there is no price; null: there is one.")

    @classmethod
    def of(cls, one: Priced, now: datetime) -> Self:
        pair, ticker = one.pair, one.ticker
        reason = one.reason
        if ticker is None and reason is None:
            reason = "its price is not known any more"
        return cls(
            symbol=one.symbol,
            exchange=None if pair is None else pair.exchange,
            base=None if pair is None else pair.base,
            quote=None if pair is None else pair.quote,
            last=None if ticker is None else ticker.last,
            bid=None if ticker is None else ticker.bid,
            ask=None if ticker is None else ticker.ask,
            received_at=None if ticker is None else ticker.received_at,
            age=None if ticker is None else max(0.0, (now - ticker.received_at).total_seconds()),
            reason=reason,
        )


@strawberry.type
class PriceQuery:
    @field(
        "view",
        "market",
        f"The last prices of pairs such as BINANCE:BTCUSDT or BINANCE:BTC/USDT, {MOST} at most, in the order asked;"
        " those that are not known say why.",
    )
    async def prices(self, info: Info, pairs: list[str]) -> list[PairPrice]:
        services = info.context.services
        found = await services.prices.of(pairs)
        now = services.clock.now()
        return [PairPrice.of(one, now) for one in found]
