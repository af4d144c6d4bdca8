"""What the webhook receiver is told."""

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Settings:
    """``certificates`` is the folder with the authority's and this service's own.

    ``app_secret`` is the client secret of the Cryptohopper app, with which calls are signed; ``verification_code`` is
    the text that was set for the app in Cryptohopper's developer console. ``queue_size`` is the number of hoppers that
    may wait for their trades to be read.
    """

    database_url: str
    nats_url: str
    gateway_address: str
    certificates: Path
    app_secret: str
    verification_code: str
    host: str = "127.0.0.1"
    port: int = 8083
    health_port: int = 0
    queue_size: int = 10_000
    read_every: timedelta = timedelta(seconds=10)
