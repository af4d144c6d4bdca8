"""What a call says, and whether Cryptohopper said it. Facts: Cryptohopper's form 1 of webhooks."""

import hashlib
import hmac
import json
from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from cryptwire.domain.hopper import HopperId
from cryptwire.errors import Invalid

_PREFIX = "sha512="
_OVERLAP = timedelta(minutes=5)
_FIRST_SIGHT = timedelta(hours=24)
_LONGEST_ID = 40
_FIRST_PAUSE = 1.0
_LONGEST_PAUSE = 60.0


def is_signed(body: bytes, signature: str, secret: str) -> bool:
    """Whether ``signature`` is the hexadecimal HMAC-SHA512 of ``body``; a prefix ``sha512=`` may stand before it."""
    expected = hmac.new(secret.encode(), body, hashlib.sha512).hexdigest()
    given = signature.strip().lower().removeprefix(_PREFIX)
    return hmac.compare_digest(given.encode(errors="replace"), expected.encode())


@dataclass(frozen=True, slots=True)
class Hint:
    """One message of a call. ``hopper`` is None when it does not say whose it is."""

    digest: bytes
    is_trade: bool
    hopper: HopperId | None


@dataclass(frozen=True, slots=True)
class Call:
    """``kind`` is ``validate``, ``messages``, or one that nobody told us of."""

    kind: str
    hints: tuple[Hint, ...]
    malformed: int


def parsed(body: bytes) -> Call:
    """What a call says, read leniently: a message that is no object is counted. Raises Invalid for what is no call."""
    try:
        call = json.loads(body)
        if not isinstance(call, dict):
            raise Invalid("a call that is no object")
        messages = call.get("messages")
        listed = messages if isinstance(messages, list) else []
        hints = tuple(_hint(message) for message in listed if isinstance(message, dict))
    except (ValueError, RecursionError):
        raise Invalid("a call that is no JSON") from None
    return Call(str(call.get("type", "")), hints, len(listed) - len(hints))


def _hint(message: dict[str, Any]) -> Hint:
    digest = hashlib.sha256(json.dumps(message, sort_keys=True).encode()).digest()
    data = message.get("data")
    hopper = data.get("hopper_id") if isinstance(data, dict) else None
    if isinstance(hopper, bool) or not isinstance(hopper, int | str):
        hopper = None
    text = str(hopper).strip() if hopper is not None else ""
    is_named = 0 < len(text) <= _LONGEST_ID and text.isascii() and text.isalnum()
    return Hint(digest, str(message.get("type", "")).startswith("trade"), HopperId(text) if is_named else None)


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
