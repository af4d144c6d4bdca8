"""A payment provider's events as they are posted: JSON, signed by HMAC-SHA256 over ``<timestamp>.<body>``.

The header says ``t=<seconds since the epoch>,v1=<hexadecimal>``; while a secret is changed there may be several v1.
An adapter for a provider that signs otherwise gives the same BillingEvent.
"""

import hashlib
import hmac
import json
import re
from datetime import UTC, datetime, timedelta

from cryptwire.domain.hopper import UserId
from cryptwire.domain.plan import BillingEvent, BillingKind
from cryptwire.errors import Invalid, Unauthenticated

HEADER = "billing-signature"
TOLERANCE = timedelta(minutes=5)
_CHECKOUT_LASTS = timedelta(minutes=30)
_USER = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_TIMESTAMP = re.compile(r"[0-9]{1,12}", re.ASCII)
_MOST_HEADER = 1_000
_MOST_SIGNATURES = 5
_FIELDS = {"id", "user", "subscription", "kind", "plan", "at"}


def signature(body: bytes, secret: str, at: datetime) -> str:
    """The header for ``body``, sent at ``at``."""
    seconds = str(int(at.timestamp()))
    return f"t={seconds},v1={_digest(seconds, body, secret)}"


def must_be_signed(body: bytes, header: str, secret: str, now: datetime) -> None:
    """Raises Unauthenticated unless ``header`` was made with ``secret`` for ``body``, at most five minutes ago."""
    parts = [part.partition("=")[::2] for part in header[:_MOST_HEADER].split(",")]
    seconds = next((value.strip() for name, value in parts if name.strip() == "t"), "")
    given = [value.strip() for name, value in parts if name.strip() == "v1"][:_MOST_SIGNATURES]
    if not _TIMESTAMP.fullmatch(seconds):
        raise Unauthenticated("the signature is missing or wrong")
    right = _digest(seconds, body, secret).encode()
    is_right = [hmac.compare_digest(each.encode("utf-8", "replace"), right) for each in given]
    if not any(is_right):
        raise Unauthenticated("the signature is missing or wrong")
    if abs(now.timestamp() - int(seconds)) > TOLERANCE.total_seconds():
        raise Unauthenticated(f"the signature is older than {TOLERANCE.total_seconds():.0f} s, or of the future")


def event_to_wire(event: BillingEvent) -> bytes:
    """The body of an event; its provider is told by where it is sent."""
    fields = {
        "id": event.id,
        "user": event.user,
        "subscription": event.subscription,
        "kind": event.kind.value,
        "plan": event.plan,
        "at": event.at.isoformat(),
    }
    return json.dumps(fields if event.until is None else fields | {"until": event.until.isoformat()}).encode()


def event_from_wire(body: bytes, provider: str, now: datetime) -> BillingEvent:
    """The event of a body; raises Invalid that says what is wrong with it, also when it is of the future."""
    try:
        fields = json.loads(body)
    except (ValueError, RecursionError):
        raise Invalid("an event must be JSON") from None
    if not isinstance(fields, dict) or not _FIELDS <= fields.keys() <= _FIELDS | {"until"}:
        raise Invalid(f"an event is an object with {', '.join(sorted(_FIELDS))}, and until with kind paid")
    for name, value in fields.items():
        if not isinstance(value, str):
            raise Invalid(f"{name} must be a text")
    if not _USER.fullmatch(fields["user"]):
        raise Invalid("user must be a user's id")
    kinds = {kind.value: kind for kind in BillingKind}
    if fields["kind"] not in kinds:
        raise Invalid(f"kind must be one of {', '.join(kinds)}")
    at = _moment("at", fields["at"])
    if at > now + TOLERANCE:
        raise Invalid("at is in the future")
    return BillingEvent(
        provider,
        fields["id"],
        UserId(fields["user"]),
        fields["subscription"],
        kinds[fields["kind"]],
        fields["plan"],
        at,
        _moment("until", fields["until"]) if "until" in fields else None,
    )


def checkout(user: UserId, plan: str, at: datetime, secret: str) -> str:
    """What the test provider's page is handed: who pays for what; good for half an hour."""
    words = f"{user}.{plan}.{int(at.timestamp())}"
    return f"{words}.{_of_checkout(words, secret)}"


def read_checkout(text: str, secret: str, now: datetime) -> tuple[UserId, str]:
    """User and plan; raises Unauthenticated."""
    words, _, given = text[:_MOST_HEADER].rpartition(".")
    if not hmac.compare_digest(given.encode("utf-8", "replace"), _of_checkout(words, secret).encode()):
        raise Unauthenticated("this checkout was not begun here")
    user, plan, seconds = words.split(".")
    if not 0 <= now.timestamp() - int(seconds) <= _CHECKOUT_LASTS.total_seconds():
        raise Unauthenticated("this checkout was begun too long ago; begin it again")
    return UserId(user), plan


def _of_checkout(words: str, secret: str) -> str:
    return hmac.new(secret.encode(), f"checkout|{words}".encode("utf-8", "replace"), hashlib.sha256).hexdigest()


def _digest(seconds: str, body: bytes, secret: str) -> str:
    return hmac.new(secret.encode(), seconds.encode() + b"." + body, hashlib.sha256).hexdigest()


def _moment(name: str, text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is None or not 2000 <= moment.year < 3000:
            raise ValueError
        return moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise Invalid(f"{name} must be a moment in ISO 8601 with an offset") from None
