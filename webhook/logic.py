"""What a call says, and whether Cryptohopper said it. Facts: both of Cryptohopper's forms of webhooks."""

import hashlib
import hmac
import json
from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import IntEnum
from typing import Any

from cryptwire.domain.hopper import HopperId
from cryptwire.errors import Invalid

_PREFIX = "sha512="
_OVERLAP = timedelta(minutes=5)
_FIRST_SIGHT = timedelta(hours=24)
_LONGEST_ID = 40
_IDENTITIES = ("id", "trade_id", "order_id")
_FIRST_PAUSE = 1.0
_LONGEST_PAUSE = 60.0


class Form(IntEnum):
    """Of a call: an app's, documented, or the one of ``webhook_create``, of which only a sample is known."""

    APP = 1
    SHARED = 2


@dataclass(frozen=True, slots=True)
class Secrets:
    """What calls are signed with; without ``shared`` nothing of that form is accepted."""

    app: str = field(repr=False)
    shared: str | None = field(default=None, repr=False)


def signer(body: bytes, app_signature: str | None, shared_signature: str | None, secrets: Secrets) -> Form | None:
    """Whose signature ``body`` carries; None for nobody's. Where the app's is given, it alone is looked at.

    The app's: header ``X-Hub-Signature``, hexadecimal HMAC-SHA512 of the raw body, which a prefix ``sha512=`` may
    stand before. The shared one: ``X-Cryptohopper-Signature``, HMAC-SHA256. Compared in constant time.
    """
    if app_signature is not None:
        given = app_signature.strip().lower().removeprefix(_PREFIX)
        return Form.APP if _matches(body, given, secrets.app, "sha512") else None
    if shared_signature is not None and secrets.shared:
        given = shared_signature.strip().lower()
        return Form.SHARED if _matches(body, given, secrets.shared, "sha256") else None
    return None


def _matches(body: bytes, given: str, secret: str, digest: str) -> bool:
    expected = hmac.digest(secret.encode(), body, digest).hex()
    return hmac.compare_digest(given.encode(errors="replace"), expected.encode())


@dataclass(frozen=True, slots=True)
class Hint:
    """One message of a call. ``hopper`` is None when it does not say whose it is; ``digest`` when it has no identity.

    Two messages that say no more than a coin may be two trades, so only one that names a trade or an order can be
    known again.
    """

    is_trade: bool
    hopper: HopperId | None = None
    digest: bytes | None = None


@dataclass(frozen=True, slots=True)
class Call:
    """``kind`` is ``validate``, ``messages``, or one that nobody told us of; ``strange`` what was not understood of it.

    ``malformed`` is the number of messages that are none.
    """

    kind: str
    hints: tuple[Hint, ...] = ()
    malformed: int = 0
    strange: str = ""


def parsed(body: bytes, form: Form = Form.APP) -> Call:
    """What a call says, read leniently: what is not understood is told. Raises Invalid for what is no call at all."""
    try:
        call = json.loads(body)
        if not isinstance(call, dict):
            raise Invalid("a call that is no object")
        return _app_call(call) if form is Form.APP else _shared_call(call)
    except (ValueError, RecursionError):
        raise Invalid("a call that is no JSON") from None


def _app_call(call: dict[str, Any]) -> Call:
    kind, messages = call.get("type"), call.get("messages")
    if kind == "validate":
        return Call("validate")
    if kind != "messages":
        return Call("unknown", strange="a call of an unknown type")
    if not isinstance(messages, list):
        return Call("messages", strange="messages are no list")
    understood = [each for each in messages if isinstance(each, dict) and isinstance(each.get("type"), str)]
    hints = tuple(_hint(each["type"].startswith("trade"), each, each.get("data")) for each in understood)
    malformed = len(messages) - len(understood)
    return Call("messages", hints, malformed, "messages that are no object with a type" if malformed else "")


def _shared_call(call: dict[str, Any]) -> Call:
    event, payload = call.get("event"), call.get("payload")
    if not isinstance(event, str) or not event:
        return Call("unknown", strange="a call without an event")
    is_trade = event == "order_filled" or event.startswith("trade")
    if is_trade and not isinstance(payload, dict):
        return Call("messages", malformed=1, strange="a trade without a payload")
    return Call("messages", (_hint(is_trade, call, payload),))


def _hint(is_trade: bool, message: dict[str, Any], data: object) -> Hint:
    if not is_trade or not isinstance(data, dict):
        return Hint(is_trade)
    is_identified = any(_is_id(data.get(name)) for name in _IDENTITIES)
    digest = hashlib.sha256(json.dumps(message, sort_keys=True).encode()).digest() if is_identified else None
    hopper = data.get("hopper_id")
    text = str(hopper).strip() if _is_id(hopper) else ""
    is_named = 0 < len(text) <= _LONGEST_ID and text.isascii() and text.isalnum()
    return Hint(True, HopperId(text) if is_named else None, digest)


def _is_id(value: object) -> bool:
    return isinstance(value, int | str) and not isinstance(value, bool) and value != ""


class Seen:
    """Digests of messages that were taken, remembered for ``span``, the newest ``most`` of them."""

    def __init__(self, span: timedelta = timedelta(minutes=10), most: int = 100_000) -> None:
        self._span = span
        self._most = most
        self._at: OrderedDict[bytes, datetime] = OrderedDict()

    def is_new(self, digest: bytes, now: datetime) -> bool:
        at = self._at.get(digest)
        return at is None or now - at >= self._span

    def add(self, digest: bytes, now: datetime) -> None:
        self._at[digest] = now
        self._at.move_to_end(digest)
        while self._at:
            oldest = next(iter(self._at))
            if len(self._at) <= self._most and now - self._at[oldest] < self._span:
                return
            del self._at[oldest]


def read_from(last_at: datetime | None, now: datetime) -> datetime:
    """From when on the trade list is read: five minutes before the newest trade that is known, else a day back."""
    return now - _FIRST_SIGHT if last_at is None else last_at - _OVERLAP


def pause(failures: int, chance: float, retry_after: float = 0) -> timedelta:
    """How long to wait after so many failures in a row: 1 s doubling to 60 s, between half and all of that.

    Never shorter than ``retry_after``. ``chance`` in [0, 1) spreads those who failed together.
    """
    longest = min(_LONGEST_PAUSE, _FIRST_PAUSE * 2 ** min(failures - 1, 10))
    return timedelta(seconds=max(retry_after, longest * (0.5 + chance / 2)))
