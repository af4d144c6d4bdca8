"""What the webhook receiver is told."""

from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from cryptwire.errors import Invalid


@dataclass(frozen=True, slots=True)
class Settings:
    """From ``CRYPTWIRE_WEBHOOK_<FIELD>``. ``certificates`` is the folder with the authority's and this service's own.

    ``app_secret`` is the client secret of the Cryptohopper app, with which calls of the documented form are signed;
    ``verification_code`` is the text that was set for the app in Cryptohopper's developer console. ``shared_secret``
    signs calls of the other form, which are refused without it.

    ``queue_size`` hoppers may wait for their trades to be read, and ``reads_a_second`` are begun at most. Of calls that
    nobody understands the newest ``strange_a_day`` are kept, of each body ``strange_bytes``. Heartbeats go to
    ``redis_url``; nothing else needs it.
    """

    database_url: str = field(repr=False)
    nats_url: str = field(repr=False)
    gateway_address: str
    certificates: Path
    app_secret: str = field(repr=False)
    verification_code: str = field(repr=False)
    host: str = "127.0.0.1"
    port: int = 8083
    health_port: int = 0
    queue_size: int = 10_000
    read_every: timedelta = timedelta(seconds=10)
    reads_a_second: int = 100
    shared_secret: str | None = field(default=None, repr=False)
    strange_a_day: int = 500
    strange_bytes: int = 16_384
    redis_url: str | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if not self.app_secret:
            raise Invalid("without the app's secret nobody can tell who calls: CRYPTWIRE_WEBHOOK_APP_SECRET is empty")
        if (
            min(self.queue_size, self.reads_a_second) < 1
            or not 1 <= self.strange_a_day <= 100_000
            or not 1 <= self.strange_bytes <= 65_536
        ):
            raise Invalid(
                "CRYPTWIRE_WEBHOOK_QUEUE_SIZE and READS_A_SECOND are 1 at least, STRANGE_A_DAY is 1 to 100,000,"
                " STRANGE_BYTES 1 to 65,536"
            )
