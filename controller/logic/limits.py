"""How often rules may act, whatever they say (R19)."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

from cryptwire.domain.intent import Wish
from cryptwire.domain.rule_set import Action, Notify, PanicSell, Wait

_HOUR, _DAY = timedelta(hours=1), timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Limits:
    """Actions of a hopper within the past hour and the past 24 hours, and panics of an account within the past 24."""

    an_hour: int = 12
    a_day: int = 48
    panics_a_day: int = 3


def held_back(wish: Wish, before: Iterable[Wish], limits: Limits) -> str:
    """Why ``wish`` must not be acted on, empty when it may. ``before``: the account's wishes, 24 hours back at least.

    Notices and waits are no actions: what only tells is never held back. What is in shadow counts among its like.
    """
    acts = _acts(wish.actions)
    if not acts:
        return ""
    alike = [one for one in before if one.is_shadow == wish.is_shadow and wish.decided_at - one.decided_at < _DAY]
    here = [one for one in alike if one.hopper == wish.hopper]
    an_hour = sum(_acts(one.actions) for one in here if wish.decided_at - one.decided_at < _HOUR)
    a_day = sum(_acts(one.actions) for one in here)
    panics = sum(_is_panic(one.actions) for one in alike if one.user == wish.user)
    if an_hour + acts > limits.an_hour:
        return f"rules did {an_hour} actions on this hopper within an hour; {limits.an_hour} are the most"
    if a_day + acts > limits.a_day:
        return f"rules did {a_day} actions on this hopper within a day; {limits.a_day} are the most"
    if _is_panic(wish.actions) and panics >= limits.panics_a_day:
        return f"rules of this account panicked {panics} times within a day; {limits.panics_a_day} are the most"
    return ""


def _acts(actions: Iterable[Action]) -> int:
    return sum(not isinstance(action.deed, Notify | Wait) for action in actions)


def _is_panic(actions: Iterable[Action]) -> bool:
    return any(isinstance(action.deed, PanicSell) for action in actions)
