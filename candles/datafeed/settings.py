"""What the datafeed is told."""

from dataclasses import dataclass, field
from datetime import timedelta

from cryptwire.domain.candle import SPAN


@dataclass(frozen=True, slots=True)
class Settings:
    """From ``CRYPTWIRE_DATAFEED_<FIELD>``; spans in seconds.

    ``database_url`` is that of the role ``cryptwire_datafeed``. ``span`` is for tests only: that of the tracker's
    candles.
    """

    database_url: str = field(repr=False)
    nats_url: str = field(repr=False)
    host: str = "127.0.0.1"
    port: int = 8082
    health_port: int = 0
    connections: int = 4
    span: timedelta = SPAN
