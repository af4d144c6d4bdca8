"""Numbers, moments and spans as people read them; a dash for what is not known."""

import math
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal, localcontext
from zoneinfo import ZoneInfo

from cryptwire.domain.currencies import CASH
from cryptwire.domain.hopper import Asset
from cryptwire.domain.preferences import Preferences

UNKNOWN = "–"
MASKED = "•••"
_MINUS = "\u2212"
_THIN = "\u202f"
_DAY, _HOUR = 86_400, 3_600


def percent(value: float | None, digits: int = 2, *, is_signed: bool = True) -> str:
    """A fraction in percent."""
    if value is None or not math.isfinite(value):
        return UNKNOWN
    return f"{_number(Decimal(repr(value * 100)), digits, is_signed=is_signed)}{_THIN}%"


def ratio(value: float | None, digits: int = 2) -> str:
    """A number without a unit."""
    return UNKNOWN if value is None or not math.isfinite(value) else _number(Decimal(repr(value)), digits)


def days(value: float | None) -> str:
    """A count of days."""
    return UNKNOWN if value is None else f"{value:.0f} {'day' if value == 1 else 'days'}"


def count(value: int | None) -> str:
    return UNKNOWN if value is None else f"{value:,}"


def span(seconds: float | None) -> str:
    """How long something took, to two units."""
    if seconds is None or not math.isfinite(seconds):
        return UNKNOWN
    if seconds >= _DAY:
        whole, hours = divmod(round(seconds / _HOUR), 24)
        return f"{whole:,} d {hours} h"
    if seconds >= _HOUR:
        hours, minutes = divmod(round(seconds / 60), 60)
        return f"{hours} h {minutes} min"
    return f"{seconds / 60:.0f} min"


def day(on: date | None) -> str:
    return UNKNOWN if on is None else f"{on.day} {on:%b %Y}"


def moment(at: datetime | None, zone: ZoneInfo) -> str:
    """A moment by the user's clock."""
    if at is None:
        return UNKNOWN
    local = at.astimezone(zone)
    return f"{local.day} {local:%b %Y, %H:%M}"


def age(at: datetime | None, now: datetime) -> str:
    """How old something is."""
    if at is None:
        return "nothing is known"
    passed = max(now - at, timedelta(0)).total_seconds()
    return "this moment" if passed < 60 else f"{span(passed)} old"


@dataclass(frozen=True, slots=True)
class Amounts:
    """Amounts in one currency, with the decimals that its user wants."""

    currency: Asset
    decimals: int
    is_masked: bool

    @classmethod
    def of(cls, currency: Asset, preferences: Preferences, *, is_masked: bool) -> "Amounts":
        decimals = preferences.stablecoin_decimals if currency in CASH else preferences.other_decimals
        return cls(currency, decimals, is_masked)

    def told(self, amount: Decimal | float | None, *, is_signed: bool = False) -> str:
        """The number alone; the currency stands beside it, once."""
        if amount is None:
            return MASKED if self.is_masked else UNKNOWN
        exact = amount if isinstance(amount, Decimal) else Decimal(repr(amount))
        return _number(exact, self.decimals, is_signed=is_signed) if exact.is_finite() else UNKNOWN

    def units(self, amount: Decimal | None) -> str:
        """Units of some coin: eight decimals at most."""
        if amount is None:
            return MASKED if self.is_masked else UNKNOWN
        told = _number(amount, 8)
        return told.rstrip("0").rstrip(".") if "." in told else told


def _number(value: Decimal, digits: int, *, is_signed: bool = False) -> str:
    with localcontext(prec=100, rounding=ROUND_HALF_UP):
        rounded = round(value, digits) if digits else value.to_integral_value()
        size = f"{abs(rounded):,f}"
    sign = _MINUS if rounded < 0 else "+" if is_signed and rounded > 0 else ""
    return f"{sign}{size}"
