"""A trade, which is one fill."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal, localcontext
from enum import IntEnum
from typing import NewType

from cryptwire.domain.hopper import Asset, HopperId
from cryptwire.domain.ticker import Pair

TradeId = NewType("TradeId", str)
_DIGITS = 200  # more than amounts have: a Decimal is rounded to 28 unless it is told not to


class Side(IntEnum):
    """Of a trade, as seen by the hopper."""

    BUY = 1
    SELL = 2


@dataclass(frozen=True, slots=True)
class Trade:
    """One fill; immutable; known by ``id`` within its hopper.

    ``quantity`` in units of the pair's base, ``rate`` and ``total`` in its quote, ``total`` without the ``fee``, which
    is paid in ``fee_currency``. Of a sell: ``buy_id`` tells what it closes and ``result`` the profit in percent as
    Cryptohopper says; both may be unknown. ``trigger`` is Cryptohopper's name of what caused it, ``strategy`` that of
    the strategy; None where there was none, or none was told.
    """

    hopper: HopperId
    id: TradeId
    pair: Pair
    side: Side
    quantity: Decimal
    rate: Decimal
    total: Decimal
    fee: Decimal
    fee_currency: Asset
    at: datetime
    buy_id: str | None = None
    trigger: str | None = None
    result: Decimal | None = None
    strategy: str | None = None

    def changes(self) -> dict[Asset, Decimal]:
        """What it adds to the balance of each asset, fee included; exact."""
        sign = 1 if self.side is Side.BUY else -1
        with localcontext(prec=_DIGITS):
            change = {self.pair.base: sign * self.quantity, self.pair.quote: -sign * self.total}
            change[self.fee_currency] = change.get(self.fee_currency, Decimal(0)) - self.fee
        return change


_RECENT = timedelta(minutes=30)


def news(added: Sequence[Trade], now: datetime, *, is_first_look: bool) -> list[Trade]:
    """Which of the trades that were just stored are told to others, in their order.

    All of them. At the first look at a hopper they are its past, which nobody waits for: then those of the last half
    hour, since they may belong to the candle in progress, and the newest in any case, from which others learn that
    there is something to read.
    """
    if not is_first_look or not added:
        return list(added)
    newest = max(added, key=lambda trade: trade.at)
    return [trade for trade in added if trade is newest or trade.at > now - _RECENT]
