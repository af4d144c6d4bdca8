"""What the writer is told."""

from dataclasses import dataclass

from cryptwire.errors import Invalid

MOST_CONNECTIONS = 4


@dataclass(frozen=True, slots=True)
class Settings:
    """From ``CRYPTWIRE_WRITER_<FIELD>``. ``connections``: tasks that write at once, each over one, 4 at most."""

    database_url: str
    redis_url: str
    health_port: int = 0
    connections: int = MOST_CONNECTIONS
    batch: int = 2_500

    def __post_init__(self) -> None:
        if not 1 <= self.connections <= MOST_CONNECTIONS:
            raise Invalid(f"CRYPTWIRE_WRITER_CONNECTIONS is 1 to {MOST_CONNECTIONS}, not {self.connections}")
        if not 1 <= self.batch <= 50_000:
            raise Invalid(f"CRYPTWIRE_WRITER_BATCH is 1 to 50,000, not {self.batch}")
