"""What the analyser is told."""

from dataclasses import dataclass
from datetime import timedelta

from cryptwire.domain.candle import SPAN
from cryptwire.errors import Invalid


@dataclass(frozen=True, slots=True)
class Settings:
    """From ``CRYPTWIRE_ANALYSER_<FIELD>``; spans in seconds.

    ``pod`` names the shard. ``span`` is for tests only and that of the tracker: whole seconds that divide 900.
    ``gather`` is how long live messages are waited for, to be computed together.
    """

    pod: str
    database_url: str
    redis_url: str
    nats_url: str
    health_port: int = 0
    connections: int = 4
    span: timedelta = SPAN
    gather: timedelta = timedelta(milliseconds=25)
    pairs_every: timedelta = timedelta(seconds=2)

    def __post_init__(self) -> None:
        seconds = self.span.total_seconds()
        if seconds < 1 or seconds % 1 or 900 % seconds:
            raise Invalid(f"CRYPTWIRE_ANALYSER_SPAN is whole seconds that divide 900, not {seconds:g}")
        if not 1 <= self.connections <= 50:
            raise Invalid(f"CRYPTWIRE_ANALYSER_CONNECTIONS is 1 to 50, not {self.connections}")
