"""What the history is told."""

from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Settings:
    """From ``CRYPTWIRE_HISTORY_<FIELD>``. ``pod``: whose hoppers; ``reach``: how far back, in seconds."""

    pod: str
    database_url: str = field(repr=False)
    redis_url: str = field(repr=False)
    nats_url: str = field(repr=False)
    gateway_address: str
    certificates: Path
    reach: timedelta = timedelta(days=90)
    health_port: int = 0
