"""A webhook call that was signed and that nobody understands; a person looks at it."""

from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True)
class StrangeCall:
    """As it came, and why it is strange. ``form`` tells by which secret it was signed."""

    body: bytes = field(repr=False)
    form: int
    reason: str
    at: datetime


@dataclass(frozen=True, slots=True)
class KeptCall:
    """As it is kept: the beginning of its body, of ``size`` bytes in whole; how often it came, and when."""

    body: bytes = field(repr=False)
    size: int
    form: int
    reason: str
    first_at: datetime
    last_at: datetime
    times: int
