"""What the edge is told; what it mounts has settings of its own."""

from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Settings:
    """From ``CRYPTWIRE_EDGE_<FIELD>``. Mails that come to ``mail_port`` are kept in ``mail_folder`` and shown.

    ``billing_secret`` signs what the page that plays the payment provider sends.
    """

    port: int
    host: str = "127.0.0.1"
    health_port: int = 0
    mail_port: int = 0
    mail_folder: Path = Path(".cryptwire/mails")
    billing_secret: str = field(default="", repr=False)
