"""Notices: what a user, or who runs the system, is told without having asked."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum

from cryptwire.domain.hopper import HopperId, UserId


class NoticeClass(Enum):
    """What a notice is about (requirement R26). Actions and failures always reach a user by one channel at least."""

    ACTION = "action"
    FAILURE = "failure"
    DATA_PROBLEM = "data-problem"
    INFO = "info"


@dataclass(frozen=True, slots=True)
class Notice:
    """Something worth telling ``user``; None: those who run the system.

    ``kind`` names the sentence it becomes (``import-done``), ``facts`` what is filled in: text without secrets. Of the
    same ``key`` a user is told once; a key that holds a date or a number lets it be told again.
    """

    user: UserId | None
    about: NoticeClass
    kind: str
    key: str
    at: datetime
    facts: Mapping[str, str] = field(default_factory=dict)
    hopper: HopperId | None = None
