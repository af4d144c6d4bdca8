"""Cryptohopper's answers, read: bytes in, values of ours out; nothing here talks.

Survives what is known of the API (shared reference, 3.9 and 5): numbers as text, empty or null; an empty list where a
map belongs, and the reverse; junk before the JSON; errors under HTTP 200; pairs in four spellings. No error made here
holds anything of what upstream said but its status, for an answer may repeat a secret.
"""

import json
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from email.utils import parsedate_to_datetime
from typing import Any

from cryptwire.clock import from_us
from cryptwire.domain.account import Position
from cryptwire.domain.hopper import Asset, Exchange, Hopper, HopperId, LinkedHopper, UserId
from cryptwire.domain.ticker import Pair
from cryptwire.domain.trade import Side, Trade, TradeId
from cryptwire.errors import CryptwireError, Exhausted, Forbidden, Invalid, LinkAgain, NotFound, Unavailable
from gateway.logic import refresh_every
from gateway.ports import Grant, Rows, TokenRefused, TradePage

PAGE = 500
"""Rows of a full page of the trade list."""

_EXCHANGES = {"gdax": "coinbase", "huobi": "htx", "okex": "okx", "crypto": "cryptocom"}
_QUOTES = ("FDUSD", "USDT", "USDC", "BUSD", "TUSD", "USD", "EUR", "GBP", "BTC", "ETH", "BNB", "DAI", "TRY", "AUD")
_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_COIN = re.compile(r"[^\s\x00-\x1f/:|]{1,32}")
_SECRET = re.compile(r"key|secret|passphrase|password|passwd|credential|token|private|^kraken_|^api_", re.IGNORECASE)
_SECRET_WITHIN = re.compile(_SECRET.pattern.replace("^", ""), re.IGNORECASE)
_TOKEN = re.compile(r"[\x21-\x7e]{1,8192}")
_RETRY_AFTER = 5.0  # seconds, where upstream names no time
_LONGEST_RETRY = 300.0
_DEFAULT_LIFE = 86_400.0  # seconds, where upstream names no life
_LONGEST_LIFE = 10 * 31_556_952.0
_FAR = Decimal(10) ** 30


# ---- envelopes ----


def answer(status: int, body: bytes, retry_after: str | None, now: datetime) -> Any:
    """What lies under ``data``. Raises the error that the answer is, whatever its HTTP status says."""
    said = _json(body)
    code = status if status >= 400 else _code(said)
    if code is not None:
        raise _error(code, said, retry_after, now)
    if status >= 300:
        raise Unavailable(f"Cryptohopper answers {status}")
    if not isinstance(said, dict):
        raise Unavailable("Cryptohopper's answer is broken or cut off")
    if "data" not in said:
        raise Unavailable("Cryptohopper's answer holds no data")
    return said["data"]


def grant(status: int, body: bytes) -> Grant:
    """The tokens of an answer of the token endpoint. Raises LinkAgain for ``invalid_grant``, else Unavailable."""
    said = _json(body)
    if not isinstance(said, dict):
        raise Unavailable(f"Cryptohopper's sign-in answers {status}, not readable")
    if isinstance(said.get("data"), dict):
        said = said["data"]
    error = said.get("error")
    if status >= 400 or error:
        if error == "invalid_grant":
            raise LinkAgain("Cryptohopper does not accept this sign-in any more; link the account again")
        known = error if isinstance(error, str) and error in _OAUTH_ERRORS else "an error"
        raise Unavailable(f"Cryptohopper's sign-in answers {status}: {known}")
    access, refresh, scopes = said.get("access_token"), said.get("refresh_token"), said.get("scope")
    if not isinstance(access, str) or not _TOKEN.fullmatch(access):
        raise Unavailable("Cryptohopper's sign-in gave no token")
    lives = number(said.get("expires_in"))
    names = scopes if isinstance(scopes, list) else str(scopes or "").replace(",", " ").split()
    return Grant(
        access,
        refresh if isinstance(refresh, str) and refresh else None,
        tuple(dict.fromkeys(str(name)[:40] for name in names)),
        timedelta(seconds=_DEFAULT_LIFE if lives is None else min(max(float(lives), 0.0), _LONGEST_LIFE)),
    )


_OAUTH_ERRORS = frozenset(
    {"invalid_client", "invalid_scope", "unauthorized_client", "invalid_request", "access_denied", "server_error"}
    | {"unsupported_grant_type", "temporarily_unavailable", "redirect_uri_mismatch"}
)


def _json(body: bytes) -> Any:
    """The JSON in a body, from its first brace: text may stand before it. None when there is none that is whole."""
    text = body.decode("utf-8", "replace").lstrip("\ufeff \t\r\n")
    begin = 0 if text.startswith("[") else text.find("{")
    if begin < 0 or text.startswith("<"):
        return None
    try:
        return _DECODER.raw_decode(text, begin)[0]
    except (ValueError, RecursionError):
        return None


def _not_a_number(text: str) -> None:
    """NaN and Infinity count as null."""


_DECODER = json.JSONDecoder(parse_float=Decimal, parse_constant=_not_a_number)


def _code(said: Any) -> int | None:
    """The HTTP-like code of an error that came under HTTP 200, None when it is none."""
    if not isinstance(said, dict):
        return None
    error, status = said.get("error"), _whole(said.get("status"))
    inner = _whole(error.get("code")) if isinstance(error, dict) else _whole(error)
    for code in (inner, status):
        if code is not None and 400 <= code < 600:
            return code
    has_failed = bool(error) and str(error) not in ("0", "false")
    if has_failed or ("data" not in said and "message" in said):
        code = _whole(said.get("code"))
        return code if code is not None and 400 <= code < 600 else 500
    return None


def _error(code: int, said: Any, retry_after: str | None, now: datetime) -> CryptwireError:
    match code:
        case 401:
            return TokenRefused("Cryptohopper does not accept the token")
        case 402:
            return Forbidden("Cryptohopper has not authorised this device (402)")
        case 403 if said is None:
            return Unavailable("Cryptohopper's edge blocks this address (403)")
        case 403:
            return Forbidden("Cryptohopper refuses (403): the link lacks this right, or an address is not allowed")
        case 404:
            return NotFound("Cryptohopper does not know it (404)")
        case 400 | 409 | 422:
            return Invalid(f"Cryptohopper refuses the request ({code})")
        case 429:
            return Exhausted("Cryptohopper says that it is too much", _wait(retry_after, now))
    return Unavailable(f"Cryptohopper answers {code}")


def _wait(retry_after: str | None, now: datetime) -> float:
    """Seconds of a Retry-After header: a number or a date."""
    if not retry_after:
        return _RETRY_AFTER
    seconds = number(retry_after)
    if seconds is None:
        try:
            at = parsedate_to_datetime(retry_after)
        except ValueError:
            return _RETRY_AFTER
        seconds = Decimal((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() - now.timestamp())
    return min(max(float(seconds), 1.0), _LONGEST_RETRY)


# ---- scalars ----


def number(value: Any) -> Decimal | None:
    """A finite number, also as text; None for what is empty, null or none."""
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        return None
    try:
        found = Decimal(value.strip() if isinstance(value, str) else value)
    except InvalidOperation:
        return None
    return found if found.is_finite() and abs(found) < _FAR else None


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
        value = str(value)
    return value.strip() if isinstance(value, str) and _ID.fullmatch(value.strip()) else None


def coin(value: Any) -> Asset | None:
    """The name of a coin, upper case."""
    text = value.strip().upper() if isinstance(value, str) else ""
    return Asset(text) if _COIN.fullmatch(text) else None


def exchange(value: Any) -> Exchange:
    """ccxt's id of an exchange; empty when none was told."""
    name = value.strip().lower() if isinstance(value, str) else ""
    return Exchange(_EXCHANGES.get(name, name)[:40])


def _whole(value: Any) -> int | None:
    found = number(value)
    return int(found) if found is not None and found == found.to_integral_value() else None


def _text(value: Any) -> str:
    return value.strip()[:200] if isinstance(value, str) else ""


def pair_of(spelled: Any, currency: Any, home: Pair) -> Pair | None:
    """Base and quote of ``BTCUSDT``, ``BTC/USDT``, ``BTC-USDT`` or ``USDT_BTC``; None when they cannot be told.

    ``currency`` is the base coin where it is given; the hopper's base currency is the quote where nothing says better.
    """
    text = spelled.strip().upper().split(":")[0] if isinstance(spelled, str) else ""
    base = coin(currency)
    parts = [part for part in re.split(r"[/_\-|\s]+", text) if part]
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


def _rows(value: Any, name: str) -> list[Mapping[str, Any]]:
    """The objects of a list. PHP gives a list whose numbers have gaps as a map."""
    if isinstance(value, dict):
        value = list(value.values())
    if not isinstance(value, list):
        raise Unavailable(f"Cryptohopper's answer holds no list of {name}")
    return [row if isinstance(row, dict) else {} for row in value]


# ---- objects ----


def hoppers(data: Any, user: UserId) -> list[LinkedHopper]:
    """A user's hoppers; one without a usable id is left out, for nothing could be asked about it."""
    listed = data.get("hoppers") if isinstance(data, dict) and "hoppers" in data else data
    return [found for row in _rows(listed, "hoppers") if (found := _hopper(row, user)) is not None]


def hopper(data: Any, user: UserId, asked: HopperId) -> LinkedHopper:
    row = data.get("hopper", data) if isinstance(data, dict) else None
    found = _hopper(row, user) if isinstance(row, dict) else None
    if found is None or found.hopper.id != asked:
        raise Unavailable("Cryptohopper's answer is not about this hopper")
    return found


def _hopper(row: Mapping[str, Any], user: UserId) -> LinkedHopper | None:
    known = identity(row.get("id")) or identity(row.get("hopper_id"))
    if known is None:
        return None
    plan = _text(row.get("plan_name"))
    return LinkedHopper(
        Hopper(
            HopperId(known),
            user,
            _text(row.get("name")),
            exchange(row.get("exchange")),
            coin(row.get("base_currency")) or Asset(""),
            flag(row.get("paper_trading")),
            refresh_every(plan),
        ),
        flag(row.get("enabled")),
        plan,
        number(row.get("total_cur")),
        moment(row.get("created")),
    )


def config(data: Any) -> dict[str, str]:
    """The flat configuration; what is not text as JSON. Fields named like keys and secrets are dropped, also within."""
    if data == []:
        return {}
    if not isinstance(data, dict):
        raise Unavailable("Cryptohopper's answer holds no configuration")
    inner = data.get("config")
    stripped = _stripped(inner if isinstance(inner, dict) and len(data) == 1 else data)
    return {name: value if isinstance(value, str) else _dumps(value) for name, value in stripped.items()}


def _stripped(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _stripped(inner) for name, inner in value.items() if not _SECRET.search(name)}
    if isinstance(value, list):
        return [_stripped(inner) for inner in value]
    if isinstance(value, str) and value.lstrip()[:1] in ("{", "["):  # JSON within a text
        within = _json(value.encode())
        if isinstance(within, dict | list):
            return _dumps(_stripped(within))
        return "" if _SECRET_WITHIN.search(value) else value
    return value


def _dumps(value: Any) -> str:
    return json.dumps(value, default=str, separators=(",", ":"))


def assets(data: Any) -> dict[Asset, Decimal]:
    """The balance of each coin, those above 0. Raises Unavailable rather than leave one out and make a sum wrong."""
    if data == []:
        return {}
    if not isinstance(data, dict):
        raise Unavailable("Cryptohopper's answer holds no assets")
    found: dict[Asset, Decimal] = {}
    for name, value in data.items():
        asset, amount = coin(name), number(value)
        if asset is None or (amount is None and value not in (None, "")):
            raise Unavailable("Cryptohopper's answer holds an asset that cannot be read")
        if amount is not None and amount > 0:
            found[asset] = found.get(asset, Decimal(0)) + amount
    return found


def positions(data: Any, home: Pair) -> Rows[Position]:
    """Open positions: those without id, amount or pair are skipped."""
    rows = _rows(data, "positions")
    is_open = [row for row in rows if not flag(row.get("sold"))]
    found = tuple(position for row in is_open if (position := _position(row, home)) is not None)
    return Rows(found, len(is_open) - len(found))


def _position(row: Mapping[str, Any], home: Pair) -> Position | None:
    known, pair = identity(row.get("id")), pair_of(row.get("pair"), row.get("currency"), home)
    amount = number(row.get("amount"))
    if known is None or pair is None or amount is None or amount <= 0:
        return None
    rate, cost = _first(row, "rate"), _first(row, "cost", "val")
    if rate is None:
        rate = Decimal(0) if cost is None else cost / amount
    return Position(
        known,
        pair.base,
        pair.quote,
        amount,
        rate,
        rate * amount if cost is None else cost,
        moment(row.get("buy_time")),
    )


def _first(row: Mapping[str, Any], *names: str) -> Decimal | None:
    """The first of these fields that is a number above 0."""
    return next((found for name in names if (found := number(row.get(name))) is not None and found > 0), None)


def trades(data: Any, hopper: HopperId, home: Pair) -> TradePage:
    """One page of the trade list; what has no id, side, amount, price, time or pair is skipped."""
    if data == []:
        return TradePage((), 0, True, 0)
    if not isinstance(data, dict) or "trades" not in data:
        raise Unavailable("Cryptohopper's answer holds no trades")
    rows = _rows(data["trades"], "trades")
    found = tuple(trade for row in rows if (trade := _trade(row, hopper, home)) is not None)
    told = _whole(data.get("results"))
    length = len(rows) if told is None else max(told, len(rows))
    return TradePage(found, length, not rows or length < PAGE, len(rows) - len(found))


def _trade(row: Mapping[str, Any], hopper: HopperId, home: Pair) -> Trade | None:
    known, at = identity(row.get("id")), moment(row.get("date"))
    side = _SIDES.get(_text(row.get("type")).lower())
    there = exchange(row.get("exchange")) or home.exchange
    pair = pair_of(row.get("pair"), row.get("currency"), home._replace(exchange=there))
    amount, rate, total = _first(row, "amount"), _first(row, "rate"), _first(row, "total")
    if amount is not None and rate is None and total is not None:
        rate = total / amount
    if known is None or at is None or side is None or pair is None or amount is None or rate is None:
        return None
    return Trade(
        hopper,
        TradeId(known),
        pair,
        side,
        amount,
        rate,
        amount * rate if total is None else total,
        number(row.get("fee")) or Decimal(0),
        coin(row.get("fee_currency")) or pair.quote,
        at,
        _none_if_zero(identity(row.get("buy_id"))),
        _text(row.get("trigger_strategy")) or None,
        _percent(row.get("result")) if side is Side.SELL else None,
    )


_SIDES = {"buy": Side.BUY, "sell": Side.SELL}


def _none_if_zero(known: str | None) -> str | None:
    return None if known == "0" else known


def _percent(value: Any) -> Decimal | None:
    return number(value.strip().rstrip("%") if isinstance(value, str) else value)


def falls(times: Iterable[datetime]) -> bool:
    """Whether moments come newest first."""
    last: datetime | None = None
    for at in times:
        if last is not None and at > last:
            return False
        last = at
    return True
