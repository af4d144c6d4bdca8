"""What the streamer is told."""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any


@dataclass(frozen=True, slots=True)
class Settings:
    """``exchanges`` are ccxt's ids.

    ``endpoints`` maps an exchange to settings that are merged into its ccxt instance (``urls``, ``options``, ``has``,
    ``hostname``, …); an exchange that is not in it is the real one. ``poll_seconds`` is for exchanges without a
    WebSocket for all tickers. A socket that brings no frame for ``silence_seconds`` is taken for dead.
    """

    redis_url: str
    nats_url: str
    exchanges: tuple[str, ...] = ("binance", "kucoin")
    endpoints: dict[str, Any] = field(default_factory=dict)
    poll_seconds: float = 10.0
    silence_seconds: float = 30.0
    lease_seconds: float = 10.0
    reload_markets_every: timedelta = timedelta(hours=24)
    restart_after: timedelta = timedelta(hours=23)
    health_port: int = 0
