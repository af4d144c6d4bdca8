"""What the processor is told."""

from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from cryptwire.errors import Invalid


@dataclass(frozen=True, slots=True)
class Settings:
    """From ``CRYPTWIRE_PROCESSOR_<FIELD>``; spans in seconds. ``certificates`` is the folder with this service's own.

    ``parts`` are those that this replica does, all when there are none.

    Trades are compared every ``compare_every``, of a hopper that never was for ``compare_first`` back; of
    ``compare_users`` users at once. A run whose worker is silent for ``patience`` is taken up by another.
    """

    database_url: str = field(repr=False)
    redis_url: str = field(repr=False)
    nats_url: str = field(repr=False)
    gateway_address: str
    certificates: Path
    health_port: int = 0
    parts: tuple[str, ...] = ()
    compare_every: timedelta = timedelta(minutes=15)
    compare_first: timedelta = timedelta(days=90)
    compare_users: int = 16
    patience: timedelta = timedelta(seconds=60)
    market_every: timedelta = timedelta(hours=1)
    openexchangerates_url: str = "https://openexchangerates.org/api"
    openexchangerates_app_id: str | None = field(default=None, repr=False)
    coinmarketcap_url: str = "https://pro-api.coinmarketcap.com"
    coinmarketcap_key: str | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if self.compare_every < timedelta(seconds=1) or self.patience < timedelta(seconds=1):
            raise Invalid("CRYPTWIRE_PROCESSOR_COMPARE_EVERY and PATIENCE are at least one second")
        if not 1 <= self.compare_users <= 1000:
            raise Invalid(f"CRYPTWIRE_PROCESSOR_COMPARE_USERS is 1 to 1,000, not {self.compare_users}")
