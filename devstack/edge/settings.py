"""What the edge is told; what it mounts has settings of its own."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Settings:
    """From ``CRYPTWIRE_EDGE_<FIELD>``."""

    port: int
    host: str = "127.0.0.1"
    health_port: int = 0
