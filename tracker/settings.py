"""What the tracker is told."""

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from cryptwire.domain.candle import SPAN
from cryptwire.errors import Invalid


@dataclass(frozen=True, slots=True)
class Settings:
    """From ``CRYPTWIRE_TRACKER_<FIELD>``; spans in seconds.

    ``pod`` names the shard. ``span`` is for tests only: whole seconds that divide 900.
    """

    pod: str
    database_url: str
    redis_url: str
    nats_url: str
    gateway_address: str
    certificates: Path
    health_port: int = 0
    span: timedelta = SPAN
    live_every: timedelta = timedelta(seconds=2)

    def __post_init__(self) -> None:
        seconds = self.span.total_seconds()
        if seconds < 1 or seconds % 1 or 900 % seconds:
            raise Invalid(f"CRYPTWIRE_TRACKER_SPAN is whole seconds that divide 900, not {seconds:g}")
