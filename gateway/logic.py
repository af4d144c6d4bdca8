"""Decisions of the gateway: who may call what, how long to wait, what upstream's answers mean for us."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from cryptwire.errors import Forbidden

MAY_CALL: Mapping[str, frozenset[str]] = {
    "LinkAccount": frozenset({"api", "devstack"}),
    "GetLinkState": frozenset({"api", "devstack"}),
    "ListHoppers": frozenset({"api", "devstack", "processor", "webhook"}),
    "GetHopper": frozenset({"processor", "tracker"}),
    "GetConfig": frozenset({"processor"}),
    "GetAssets": frozenset({"processor", "tracker"}),
    "ListPositions": frozenset({"processor", "tracker"}),
    "ListTradesSince": frozenset({"processor", "tracker", "webhook"}),
}
"""Which services may make a call; what is not named here nobody may."""

ATTEMPTS = 4
"""How often a read goes upstream at most."""

_REFRESH_SECONDS = {"hero": 60, "adventurer": 120, "explorer": 300, "pioneer": 600}
_UNKNOWN_REFRESH = timedelta(seconds=300)
_FIRST_PAUSE = 0.25


def must_call(service: str, call: str) -> None:
    """Raises Forbidden unless ``service`` may make ``call``."""
    if service not in MAY_CALL.get(call, frozenset()):
        raise Forbidden(f"{service[:40] or 'nobody'} may not call {call}")


def refresh_every(plan: str) -> timedelta:
    """How often upstream renews the data of a plan, by its name.

    An assumption: the plans are public and so are "60 s to 10 min", which belongs to which is not. Unknown: 300 s.
    """
    for word in plan.lower().replace("-", " ").split():
        if word in _REFRESH_SECONDS:
            return timedelta(seconds=_REFRESH_SECONDS[word])
    return _UNKNOWN_REFRESH


def pause(attempt: int, chance: float) -> timedelta:
    """How long to wait after the ``attempt``-th failure (from 1): doubling, spread by ``chance`` in [0, 1)."""
    return timedelta(seconds=_FIRST_PAUSE * 2 ** (attempt - 1) * (0.5 + chance))


def is_complete(oldest: datetime | None, since: datetime, is_falling: bool) -> bool:
    """Whether a page of a list that is newest first already reaches beyond ``since``, so that no more is needed.

    Only when the page itself is in falling order, and with an hour to spare: the order is a custom, not a promise.
    """
    return oldest is not None and is_falling and oldest < since - timedelta(hours=1)
