"""What a text from outside may be, and what the parts of a portfolio are worth."""

import re
from datetime import datetime, timedelta

from cryptwire.domain.hopper import HopperId
from cryptwire.domain.portfolio import Holding, Portfolio
from cryptwire.errors import NotFound

FRESH_FOR = timedelta(seconds=30)
SHOWN_FOR = timedelta(minutes=10)
_HOPPER = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)
_HASHED = re.compile(r"-(?=[^/]*[A-Z0-9])[A-Za-z0-9_-]{8}\.[a-z0-9]{2,5}", re.ASCII)


def hopper_id(text: str) -> HopperId:
    """``text`` as a hopper's id; raises NotFound when no hopper can have it."""
    if not _HOPPER.fullmatch(text):
        raise NotFound("there is no such hopper")
    return HopperId(text)


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
