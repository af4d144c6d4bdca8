"""What the gateway is told, from ``CRYPTWIRE_GATEWAY_<FIELD>``."""

from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Settings:
    """``certificates`` holds ``ca.pem``, ``gateway.pem`` and ``gateway-key.pem``; ``master_key_file`` one line, 32
    random bytes in hexadecimal, not readable by others.

    ``upstream_url`` and ``oauth_url`` are without a slash at the end. Of ``requests_per_minute`` a token,
    ``reserved_per_minute`` are kept from ordinary reads.
    """

    database_url: str = field(repr=False)
    certificates: Path
    master_key_file: Path
    client_id: str
    client_secret: str = field(repr=False)
    address: str = "127.0.0.1:7400"
    health_port: int = 0
    upstream_url: str = "https://api.cryptohopper.com/v1"
    oauth_url: str = "https://www.cryptohopper.com/oauth2"
    requests_per_minute: int = 30
    reserved_per_minute: int = 6
    request_timeout: timedelta = timedelta(seconds=15)
    response_limit: int = 20_000_000
