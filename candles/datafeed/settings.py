"""What the datafeed is told."""

from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from cryptwire.domain.candle import SPAN


@dataclass(frozen=True, slots=True)
class Settings:
    """From ``CRYPTWIRE_DATAFEED_<FIELD>``; spans in seconds.

    ``database_url`` is that of the role ``cryptwire_datafeed``. ``session_public_key_file`` verifies access tokens.
    Heartbeats go to ``redis_url``; the streamer's last prices are read there: without it no pairs of exchanges are
    shown. ``exchanges``: whose pairs are, ccxt's ids: those that the streamer has. ``span`` is for tests only: that of
    the tracker's candles.
    """

    database_url: str = field(repr=False)
    nats_url: str = field(repr=False)
    session_public_key_file: Path
    host: str = "127.0.0.1"
    port: int = 8082
    health_port: int = 0
    connections: int = 4
    span: timedelta = SPAN
    redis_url: str | None = field(default=None, repr=False)
    exchanges: tuple[str, ...] = ("binance", "kucoin")
