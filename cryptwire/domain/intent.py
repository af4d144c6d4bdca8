"""Intents: the wish of one rule set to act, once for each of its epochs, and how far it came."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Any

from cryptwire.domain.action import IntentId, RuleSetId
from cryptwire.domain.hopper import HopperId, UserId
from cryptwire.domain.rule_set import Action


class IntentState(Enum):
    """How far an intent came. ``PARTIAL`` and ``FAILED`` wait for a person: try again, or abandon."""

    OPEN = "open"
    WAITING = "waiting"
    """One of its actions is to wait."""
    DONE = "done"
    PARTIAL = "partial"
    FAILED = "failed"
    ABANDONED = "abandoned"

    @property
    def is_over(self) -> bool:
        return self not in (IntentState.OPEN, IntentState.WAITING)


@dataclass(frozen=True, slots=True)
class Wish:
    """What a rule set that fired wants done, before it is written down: unique by rule set, version and epoch (R10).

    ``mode_number`` is the rule set's when it fired. ``snapshot`` is the message that was decided on, ``snapshot_id``
    its name (R1). ``is_shadow``: nothing is sent.
    """

    rule_set: RuleSetId
    version: int
    mode_number: int
    epoch: int
    hopper: HopperId
    user: UserId
    is_shadow: bool
    snapshot_id: str
    snapshot: bytes
    decided_at: datetime
    actions: tuple[Action, ...]


@dataclass(frozen=True, slots=True)
class Intent:
    """A wish that was written down. ``progress`` is the executor's, as JSON; ``turn`` grows with each change of it.

    ``fault``: why its actions cannot be read, which are none then; empty when they can.
    """

    id: IntentId
    wish: Wish
    state: IntentState
    progress: Mapping[str, Any]
    turn: int
    fault: str = ""
