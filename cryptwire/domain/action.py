"""An action on a hopper: with what right somebody wants it, and what became of it."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import NewType

IntentId = NewType("IntentId", str)
"""A UUID, as text, made by whoever wants something done."""
RuleSetId = NewType("RuleSetId", str)


class Outcome(Enum):
    """What is known of an action at its end."""

    DONE = "done"
    """Upstream said that it takes it; whether it has an effect is to be read back."""
    REFUSED = "refused"
    """Upstream does not do it."""
    NOT_SENT = "not-sent"
    UNKNOWN = "unknown"
    """It was sent, and no answer came that makes sense."""


@dataclass(frozen=True, slots=True)
class Fence:
    """The right of a pod: the fence of the hopper's assignment."""

    number: int


@dataclass(frozen=True, slots=True)
class SessionToken:
    """The right of a user: a token that the API signed for his session."""

    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Act:
    """Who wants an action, beside user and hopper. ``number`` is which request of the intent it is: each is sent once.

    ``rule_set`` is whose act it is, empty for a person's.
    """

    intent: IntentId
    number: int
    right: Fence | SessionToken
    rule_set: RuleSetId = RuleSetId("")


@dataclass(frozen=True, slots=True)
class Acted:
    """Upstream's answer to an action that it took; ``is_repeated``: it was sent before, and this was answered then."""

    said: str
    sent_at: datetime
    answered_at: datetime
    is_repeated: bool = False
