"""What the edge is told; what it mounts has settings of its own."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Settings:
    """From ``CRYPTWIRE_EDGE_<FIELD>``. Mails that come to ``mail_port`` are kept in ``mail_folder`` and shown."""

    port: int
    host: str = "127.0.0.1"
    health_port: int = 0
    mail_port: int = 0
    mail_folder: Path = Path(".cryptwire/mails")
