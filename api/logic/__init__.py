"""Who may try to sign in, what a text from outside may be, and what the parts of a portfolio are worth."""

import re
from collections import OrderedDict, deque
from collections.abc import Iterable
from datetime import datetime, timedelta

from cryptwire.domain.hopper import HopperId
from cryptwire.domain.portfolio import Holding, Portfolio
from cryptwire.errors import Exhausted, NotFound

FRESH_FOR = timedelta(seconds=30)
SHOWN_FOR = timedelta(minutes=10)
_MINUTE = timedelta(minutes=1)
_MOST_KEYS = 100_000
_HOPPER = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)
_HASHED = re.compile(r"-(?=[^/]*[A-Z0-9])[A-Za-z0-9_-]{8}\.[a-z0-9]{2,5}", re.ASCII)


class Attempts:
    """A limit of attempts a minute under each key; remembers 100,000 keys, the newest."""

    def __init__(self, a_minute: int) -> None:
        self._a_minute = a_minute
        self._taken: OrderedDict[str, deque[datetime]] = OrderedDict()

    def take(self, keys: Iterable[str], now: datetime) -> None:
        """Count an attempt under each of ``keys``; raises Exhausted, and counts nothing, when one has none left."""
        keys = list(keys)
        for key in keys:
            taken = self._taken.get(key, deque())
            while taken and taken[0] <= now - _MINUTE:
                taken.popleft()
            if len(taken) >= self._a_minute:
                wait = (taken[0] + _MINUTE - now).total_seconds()
                raise Exhausted(f"too many attempts to sign in; try again in {max(1, round(wait))} s", wait)
        for key in keys:
            self._taken.setdefault(key, deque()).append(now)
            self._taken.move_to_end(key)
        while len(self._taken) > _MOST_KEYS:
            self._taken.popitem(last=False)

    def give_back(self, keys: Iterable[str]) -> None:
        """The last attempt under each of ``keys`` was right and does not count."""
        for key in keys:
            taken = self._taken.get(key)
            if taken:
                taken.pop()
            if not taken:
                self._taken.pop(key, None)


def hopper_id(text: str) -> HopperId:
    """``text`` as a hopper's id; raises NotFound when no hopper can have it."""
    if not _HOPPER.fullmatch(text):
        raise NotFound("there is no such hopper")
    return HopperId(text)


def could_be_email(text: str) -> bool:
    """False for what no account has and a database could not even look for."""
    return 3 <= len(text) <= 254 and text.isprintable()


def value_of(holding: Holding) -> float | None:
    """What a holding is worth in the base currency; None when it could not be priced."""
    return None if holding.price is None else float(holding.quantity) * holding.price


def is_shown(portfolio: Portfolio, now: datetime) -> bool:
    """False for a state that says nothing about today any more."""
    return now - portfolio.at <= SHOWN_FOR


def is_fresh(portfolio: Portfolio, now: datetime) -> bool:
    """True while both the prices and the state itself are fresh."""
    return portfolio.is_fresh and now - portfolio.at <= FRESH_FOR


def is_hashed(path: str) -> bool:
    """True for a file whose name changes with its content: it may be kept for ever."""
    return _HASHED.search(path) is not None
