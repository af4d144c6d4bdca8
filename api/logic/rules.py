"""Whether a rule set may be armed, and what of a text from outside may go along."""

from datetime import datetime

from cryptwire.domain.hopper import Hopper
from cryptwire.domain.rule_effects import is_destructive
from cryptwire.domain.rule_set import SHADOW_LASTS, RuleSet, RuleSetBody
from cryptwire.errors import Invalid

MOST_NOTE = 300
MOST_BODY = 64 * 1024  # bytes of a rule set's canonical JSON


def note(text: str | None, what: str = "note") -> str:
    """What somebody says to a change, empty when nothing; raises Invalid."""
    plain = (text or "").strip()
    if len(plain) > MOST_NOTE or not plain.isprintable():
        raise Invalid(f"{what} is one line of at most {MOST_NOTE} characters")
    return plain


def words_to_type(body: RuleSetBody, hopper: Hopper) -> str | None:
    """What must be typed before this is armed (R21): the hopper's name; None when it neither sells nor turns it off."""
    return (hopper.name.strip() or hopper.id) if is_destructive(body) else None


def is_proven(rule_set: RuleSet, now: datetime) -> bool:
    """Whether this version was a day in shadow, or was replayed (R22)."""
    watched_since = rule_set.shadow_since
    return rule_set.replayed_at is not None or (watched_since is not None and now - watched_since >= SHADOW_LASTS)


def must_be_typed(body: RuleSetBody, hopper: Hopper, typed: str | None) -> None:
    """Raises Invalid, naming what to type."""
    words = words_to_type(body, hopper)
    if words is not None and (typed or "").strip() != words:
        raise Invalid(f"this sells or turns the hopper off: type its name as confirmation to arm it: {words}")


def must_have_reason(reason: str) -> None:
    """Raises Invalid unless somebody says why an unproven version is to act."""
    if not reason:
        raise Invalid(
            "this version was neither 24 hours in SHADOW nor replayed: do one of both first, or say in note why it is"
            " to act at once; that is logged"
        )
