"""The tracker's ports onto the gateway."""

from datetime import datetime

from cryptwire.clock import Clock
from cryptwire.domain.account import Account
from cryptwire.domain.hopper import Hopper
from cryptwire.domain.trade import Trade
from cryptwire.errors import Unavailable
from cryptwire.gateway_client import GatewayClient

_TRIES = 3


class GatewayBalances:
    """Balances and positions of one instant: assets are read first and last, and again if they differ."""

    def __init__(self, gateway: GatewayClient, clock: Clock) -> None:
        self._gateway = gateway
        self._clock = clock

    async def read(self, hopper: Hopper) -> Account:
        """The account now; raises Unavailable when it changed during each of three readings."""
        before, _ = await self._gateway.assets(hopper.user, hopper.id)
        for _attempt in range(_TRIES):
            positions = await self._gateway.positions(hopper.user, hopper.id)
            after, _ = await self._gateway.assets(hopper.user, hopper.id)
            if before == after:
                return Account(hopper.id, self._clock.now(), after, positions)
            before = after
        raise Unavailable(f"the balances of hopper {hopper.id} change faster than they can be read")

    async def trades_since(self, hopper: Hopper, since: datetime) -> list[Trade]:
        """The trade list from ``since`` on, oldest first."""
        return await self._gateway.trades_since(hopper.user, hopper.id, since)
