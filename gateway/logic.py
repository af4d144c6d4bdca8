"""Decisions of the gateway: what comes first, how long to wait, when a list is read to its end."""

from datetime import datetime, timedelta

from gateway.ports import Urgency

ATTEMPTS = 4
"""How often a read goes upstream at most."""

_REFRESH_SECONDS = {"hero": 60, "adventurer": 120, "explorer": 300, "pioneer": 600}
_UNKNOWN_REFRESH = timedelta(seconds=300)
_FIRST_PAUSE = 0.25
_TRADES = frozenset({"ListTradesSince", "ListOutput"})


def urgency(caller: str, call: str, *, is_import: bool, max_age: timedelta = timedelta(0)) -> Urgency:
    """How urgent a service's read is, within the budget of its user's token.

    First what the controller asks to be read now: the checks of its actions. Where it takes what is a while old it
    looks, and checks nothing, so that goes with what the API asks while somebody looks at the screen, or links an
    account; then polls of balances, reads of trades, and long histories.
    """
    if is_import:
        return Urgency.IMPORT
    if caller == "controller" and not max_age:
        return Urgency.ACTION
    if caller in ("api", "controller") or call == "LinkAccount":
        return Urgency.SIGN_IN
    return Urgency.TRADES if call in _TRADES else Urgency.POLL


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
