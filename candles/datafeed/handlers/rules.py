"""What each route of the datafeed needs. A route that is not named here cannot be made."""

from collections.abc import Mapping

from cryptwire.errors import Forbidden
from cryptwire.permissions import Needs, Permissions, Roles

_CANDLES = Needs("view", "candles")
STREAM = "/stream"
NEEDS: Mapping[str, Needs] = {
    "/udf/config": _CANDLES,
    "/udf/time": _CANDLES,
    "/udf/symbols": _CANDLES,
    "/udf/search": Needs("view", "hoppers"),
    "/udf/history": _CANDLES,
    "/udf/marks": Needs("view", "trades"),
    "/udf/levels": Needs("view", "trades"),
    STREAM: _CANDLES,
}
LIVE = Needs("view", "live-candles")
"""What a portfolio's bar in progress needs beyond that: a subscription of the stream, the last bar of history."""
MARKET = Needs("view", "market")
"""And for pairs of exchanges, live or not: their prices are public."""


class Rules:
    """The policy, as far as charts need it."""

    def __init__(self, permissions: Permissions) -> None:
        self._permissions = permissions

    def must(self, roles: Roles, needs: Needs) -> None:
        """Raises Forbidden."""
        if not self._permissions.can(roles, needs):
            raise Forbidden(f"this plan or token does not allow to {needs}")

    def may(self, roles: Roles, needs: Needs) -> bool:
        """Whether somebody in ``roles`` may."""
        return self._permissions.can(roles, needs)
