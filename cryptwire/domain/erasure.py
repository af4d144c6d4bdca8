"""Erasures: of users who have deleted their accounts."""

from dataclasses import dataclass

from cryptwire.domain.hopper import HopperId, UserId


@dataclass(frozen=True, slots=True)
class Erasure:
    """A user who is leaving, and his hoppers; ``is_erased``: his row went, and only what comes late is swept."""

    user: UserId
    hoppers: tuple[HopperId, ...]
    is_erased: bool
