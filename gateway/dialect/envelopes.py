"""What lies around the data: where the JSON begins, which error an answer is, whatever its HTTP status says."""

import json
import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from email.utils import parsedate_to_datetime
from typing import Any

from cryptwire.errors import (
    CryptwireError,
    Exhausted,
    Forbidden,
    Invalid,
    LinkAgain,
    NotFound,
    Unavailable,
    Unconfirmed,
)
from gateway.dialect.scalars import number, whole
from gateway.ports import Grant, TokenRefused

_TOKEN = re.compile(r"[\x21-\x7e]{1,8192}")
_RETRY_AFTER = 5.0  # seconds, where upstream names no time
_LONGEST_RETRY = 300.0
_DEFAULT_LIFE = 86_400.0  # seconds, where upstream names no life
_LONGEST_LIFE = 10 * 31_556_952.0
_BEGINNINGS = 8  # braces that are tried where text stands before the JSON
_KNOWN = frozenset({"data", "error", "status", "message", "Message", "code", "access_token"})
_OAUTH_ERRORS = frozenset(
    {"invalid_client", "invalid_scope", "unauthorized_client", "invalid_request", "access_denied", "server_error"}
    | {"unsupported_grant_type", "temporarily_unavailable", "redirect_uri_mismatch"}
)


def answer(status: int, body: bytes, retry_after: str | None, now: datetime) -> Any:
    """What lies under ``data``. Raises the error that the answer is, whatever its HTTP status says."""
    found = parsed(body)
    code = status if status >= 400 else _code(found)
    if code is not None:
        raise _error(code, found, retry_after, now)
    if status >= 300:
        raise Unavailable(f"Cryptohopper answers {status}")
    if not isinstance(found, dict):
        raise Unavailable("Cryptohopper's answer is broken or cut off")
    if "data" not in found:
        raise Unavailable("Cryptohopper's answer holds no data")
    return found["data"]


def done(status: int, body: bytes, retry_after: str | None, now: datetime) -> Any:
    """What lies under ``data`` of an action's answer.

    A status of 4xx, also one that came under 200, is a refusal: surely nothing was done. Raises Unconfirmed for what
    leaves open what became of the action.
    """
    found = parsed(body)
    code = status if status >= 400 else _code(found)
    if code is not None and 400 <= code < 500:
        error = _error(code, found, retry_after, now)
        if type(error) is Unavailable:  # a read may be tried again; this was refused, and not by a lack of connection
            kind = Forbidden if code == 403 else Invalid
            raise kind(f"Cryptohopper refuses the request ({code})")
        raise error
    if code is not None or status >= 300:
        raise Unconfirmed(f"Cryptohopper answers {code or status}; whether it was done is not known")
    if not isinstance(found, dict) or "data" not in found:
        raise Unconfirmed("Cryptohopper's answer is broken or cut off; whether it was done is not known")
    return found["data"]


def grant(status: int, body: bytes) -> Grant:
    """The tokens of an answer of the token endpoint. Raises LinkAgain for ``invalid_grant``, else Unavailable."""
    said = parsed(body)
    if not isinstance(said, dict):
        raise Unavailable(f"Cryptohopper's sign-in answers {status}, not readable")
    if isinstance(said.get("data"), dict):
        said = said["data"]
    error = said.get("error")
    if status >= 300 or error:
        if error == "invalid_grant":
            raise LinkAgain("Cryptohopper does not accept this sign-in any more; link the account again")
        known = error if isinstance(error, str) and error in _OAUTH_ERRORS else "an error"
        raise Unavailable(f"Cryptohopper's sign-in answers {status}: {known}")
    access, refresh, scopes = said.get("access_token"), said.get("refresh_token"), said.get("scope")
    if not _is_token(access):
        raise Unavailable("Cryptohopper's sign-in gave no token")
    lives = number(said.get("expires_in"))
    names = scopes if isinstance(scopes, list) else str(scopes or "").replace(",", " ").split()
    return Grant(
        access,
        refresh if _is_token(refresh) else None,
        tuple(dict.fromkeys(str(name)[:40] for name in names)),
        timedelta(seconds=_DEFAULT_LIFE if lives is None else min(max(float(lives), 0.0), _LONGEST_LIFE)),
    )


def _is_token(value: Any) -> bool:
    return isinstance(value, str) and _TOKEN.fullmatch(value) is not None


def parsed(body: bytes) -> Any:
    """The JSON in a body; text may stand before it. None when there is none that is whole.

    Where tags stand before it (PHP's notices), it must reach to the end: a page with a script in it is no answer.
    """
    text = body.decode("utf-8", "replace").strip("\ufeff \t\r\n")
    if text.startswith("["):
        return _at(text, 0)[0]
    is_tagged = text.startswith("<")
    first: Any = None
    begin = -1
    for _ in range(_BEGINNINGS):
        begin = text.find("{", begin + 1)
        if begin < 0:
            break
        found, end = _at(text, begin)
        if not isinstance(found, dict) or (is_tagged and end < len(text)):
            continue
        if _KNOWN & found.keys():
            return found
        first = found if first is None else first
    return first


def _at(text: str, begin: int) -> tuple[Any, int]:
    try:
        return _DECODER.raw_decode(text, begin)
    except (ValueError, RecursionError):
        return None, begin


def _not_a_number(text: str) -> str:
    """NaN and Infinity stay what they are, a text that is no number: a balance of them is not known, and not 0."""
    return text


def _as_it_is(found: dict[str, Any]) -> dict[str, Any]:
    """Costs little, and lets other threads in between two objects: the parser itself never does."""
    return found


_DECODER = json.JSONDecoder(parse_float=Decimal, parse_constant=_not_a_number, object_hook=_as_it_is)


def _code(said: Any) -> int | None:
    """The HTTP-like code of an error that came under HTTP 200, None when it is none."""
    if not isinstance(said, dict):
        return None
    error, status = said.get("error"), whole(said.get("status"))
    inner = whole(error.get("code")) if isinstance(error, dict) else whole(error)
    for code in (inner, status):
        if code is not None and 400 <= code < 600:
            return code
    has_failed = bool(error) and str(error)[:8].lower() not in ("0", "false")
    if has_failed or ("data" not in said and ("message" in said or "Message" in said)):
        code = whole(said.get("code"))
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
