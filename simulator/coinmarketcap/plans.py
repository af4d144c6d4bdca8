"""Keys, plans, credits and limits, and the errors that tell of them."""

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

ERRORS: Mapping[str, tuple[int, str]] = {
    "1001": (401, "This API Key is invalid."),
    "1002": (401, "API key missing."),
    "1003": (402, "Your API Key must be activated. Please go to pro.coinmarketcap.com/account/plan."),
    "1004": (402, "Your API Key's subscription plan has expired."),
    "1005": (403, "An API Key is required for this call."),
    "1006": (403, "Your API Key subscription plan doesn't support this endpoint."),
    "1007": (403, "This API Key has been disabled. Please contact support."),
    "1008": (429, "You've exceeded your API Key's HTTP request rate limit. Rate limits reset every minute."),
    "1009": (429, "You've exceeded your API Key's daily rate limit."),
    "1010": (429, "You've exceeded your API Key's monthly rate limit."),
    "1011": (429, "You've hit an IP rate limit."),
    "500": (500, "An internal server error occurred."),
}
"""Status and message of each error code; 500 and 400 carry their status as code."""


class Failed(Exception):
    """An error in CoinMarketCap's envelope."""

    def __init__(self, code: int, said: str = "", status: int = 0) -> None:
        self.code = code
        self.status, self.said = (status, said) if status else ERRORS[str(code)]
        super().__init__(self.said)


@dataclass(frozen=True, slots=True)
class Plan:
    """Requests a minute and credits a day and a month that a key has; 0 a day: only the month counts."""

    name: str
    minute: int
    day: int
    month: int
    has_performance: bool


PLANS: Mapping[str, Plan] = {
    "sim-basic": Plan("Basic", 30, 333, 10_000, has_performance=False),
    "sim-hobbyist": Plan("Hobbyist", 60, 0, 150_000, has_performance=False),
    "sim-startup": Plan("Startup", 120, 0, 450_000, has_performance=True),
    "sim-standard": Plan("Standard", 300, 0, 2_000_000, has_performance=True),
    "sim-professional": Plan("Professional", 600, 0, 5_000_000, has_performance=True),
}
"""By key. The keys of SPOILT have a fault of their own."""

SPOILT = {"sim-unpaid": 1003, "sim-expired": 1004, "sim-disabled": 1007}


class Usage:
    """Requests and credits of each key, by minute, day and month of UTC."""

    def __init__(self) -> None:
        self._spent: Counter[tuple[str, str]] = Counter()

    def admit(self, key: str, now: datetime) -> Plan:
        """The plan of a key that may ask now, which counts as a request. Raises Failed."""
        if not key:
            raise Failed(1002)
        if key in SPOILT:
            raise Failed(SPOILT[key])
        plan = PLANS.get(key)
        if plan is None:
            raise Failed(1001)
        minute, day, month = _spans(now)
        if self._spent[key, minute] >= plan.minute:
            raise Failed(1008)
        if plan.day and self._spent[key, day] >= plan.day:
            raise Failed(1009)
        if self._spent[key, month] >= plan.month:
            raise Failed(1010)
        self._spent[key, minute] += 1
        return plan

    def charge(self, key: str, credits_: int, now: datetime) -> None:
        for span in _spans(now)[1:]:
            self._spent[key, span] += credits_

    def spent(self, key: str, now: datetime) -> tuple[int, int, int]:
        """Requests this minute, credits today and this month."""
        minute, day, month = (self._spent[key, span] for span in _spans(now))
        return minute, day, month

    def set(self, key: str, now: datetime, **spent: int) -> None:
        """As if so much had been spent this ``minute``, ``day`` or ``month``."""
        for name, span in zip(("minute", "day", "month"), _spans(now), strict=True):
            if name in spent:
                self._spent[key, span] = spent[name]


def cost(items: int, per_credit: int, conversions: int) -> int:
    """Credits: one for each ``per_credit`` items begun, one at least, and one for each conversion beyond the first."""
    return max(1, math.ceil(items / per_credit)) + max(0, conversions - 1)


def _spans(now: datetime) -> tuple[str, str, str]:
    return now.strftime("%Y-%m-%dT%H:%M"), now.strftime("%Y-%m-%d"), now.strftime("%Y-%m")
