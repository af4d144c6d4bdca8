"""Numbers, moments, switches, names and pairs, in every form in which they come."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from cryptwire.clock import from_us
from cryptwire.domain.hopper import Asset, Exchange
from cryptwire.domain.ticker import Pair
from cryptwire.errors import Unavailable

_EXCHANGES = {"gdax": "coinbase", "huobi": "htx", "okex": "okx", "crypto": "cryptocom"}
_QUOTES = ("FDUSD", "USDT", "USDC", "BUSD", "TUSD", "USD", "EUR", "GBP", "BTC", "ETH", "BNB", "DAI", "TRY", "AUD")
_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_COIN = re.compile(r"[^\s\x00-\x1f/:|]{1,32}")
_UNSEEN = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]+")
_FAR = Decimal(10) ** 30


def number(value: Any) -> Decimal | None:
    """A finite number, also as text; None for what is empty, null or none."""
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        return None
    try:
        found = Decimal(value.strip() if isinstance(value, str) else value)
    except InvalidOperation:
        return None
    return found if found.is_finite() and abs(found) < _FAR else None


def whole(value: Any) -> int | None:
    """A whole number."""
    found = number(value)
    return int(found) if found is not None and found == found.to_integral_value() else None


def percent(value: Any) -> Decimal | None:
    """A number of percent, with or without the sign."""
    return number(value.strip().rstrip("%") if isinstance(value, str) else value)


def moment(value: Any) -> datetime | None:
    """UTC of ``YYYY-MM-DD HH:MM:SS`` (no zone is UTC) or of an epoch in seconds or milliseconds."""
    epoch = number(value)
    try:
        if epoch is not None:
            if epoch <= 0:
                return None
            return from_us(int(epoch * (1000 if epoch > 10**11 else 1_000_000)))
        if not isinstance(value, str):
            return None
        at = datetime.fromisoformat(value.strip())
    except (ValueError, OverflowError):
        return None
    try:
        return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except OverflowError:
        return None


def flag(value: Any) -> bool:
    """Whether a switch is on: 1, "1", true, "true", "yes", "on"."""
    if isinstance(value, str):
        return value.strip().lower() in ("1", "true", "yes", "on")
    return value is True or value == 1


def identity(value: Any) -> str | None:
    """An id as text; None when it can be none."""
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value) if abs(value) < 10**64 else ""  # Python refuses to write much longer ones
    return value.strip() if isinstance(value, str) and _ID.fullmatch(value.strip()) else None


def coin(value: Any) -> Asset | None:
    """The name of a coin, upper case."""
    name = value.strip().upper() if isinstance(value, str) else ""
    return Asset(name) if _COIN.fullmatch(name) else None


def exchange(value: Any) -> Exchange:
    """ccxt's id of an exchange; empty when none was told."""
    name = text(value).lower()
    return Exchange(_EXCHANGES.get(name, name)[:40])


def text(value: Any, most: int = 200) -> str:
    """Words as they can be shown and kept: one line, ``most`` characters; empty for what is no text."""
    return _UNSEEN.sub(" ", value).strip()[:most] if isinstance(value, str) else ""


def pair_of(spelled: Any, currency: Any, home: Pair) -> Pair | None:
    """Base and quote of ``BTCUSDT``, ``BTC/USDT``, ``BTC-USDT`` or ``USDT_BTC``; None when they cannot be told.

    ``currency`` is the base coin where it is given; the hopper's base currency is the quote where nothing says better.
    """
    said = spelled.strip().upper().split(":")[0] if isinstance(spelled, str) else ""
    base = coin(currency)
    parts = [part for part in re.split(r"[/_\-|\s]+", said) if part]
    if len(parts) >= 2:
        first, second = parts[0], parts[1]
        is_reversed = base == second and base != first
        return _pair(home, second, first) if is_reversed else _pair(home, first, second)
    joined = parts[0] if parts else ""
    if base:
        if not joined or joined == base:
            return _pair(home, base, home.quote)
        if joined.startswith(base):
            return _pair(home, base, joined[len(base) :])
        if joined.endswith(base):
            return _pair(home, base, joined[: -len(base)])
    for quote in (home.quote, *_QUOTES):
        if quote and joined.endswith(quote) and joined != quote:
            return _pair(home, joined[: -len(quote)], quote)
    return None


def _pair(home: Pair, base: str, quote: str) -> Pair | None:
    first, second = coin(base), coin(quote)
    return Pair(home.exchange, first, second) if first and second and first != second else None


def objects(value: Any, name: str) -> list[Mapping[str, Any]]:
    """The objects of a list; what is none is an empty one. PHP gives a list whose numbers have gaps as a map."""
    if isinstance(value, dict):
        value = list(value.values())
    if not isinstance(value, list):
        raise Unavailable(f"Cryptohopper's answer holds no list of {name}")
    return [row if isinstance(row, dict) else {} for row in value]
