"""What the gateway is told, from ``CRYPTWIRE_GATEWAY_<FIELD>``."""

from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Settings:
    """``certificates`` holds ``ca.pem``, ``gateway.pem`` and ``gateway-key.pem``.

    Master keys come from ``key_provider``: ``file`` (``master_key_file``) or ``environment`` (``master_keys``), each 32
    random bytes in hexadecimal a line or word, the current one first; or ``vault`` (``vault_url``, the name of its
    transit key in ``vault_key``, and a file with its token, read again when it changes).

    ``session_key_file`` is the public key (PEM) with which the API's session tokens are verified; without it no user
    can act. ``upstream_url`` and ``oauth_url`` are without a slash at the end. ``uses_pkce``: a code challenge is sent
    along with the user's consent.

    A token may make ``requests_per_window`` requests in ``request_window``, of which ``reserved_per_window`` are kept
    from ordinary reads, and of these ``orders_per_window`` in ``order_window`` that are orders.
    """

    database_url: str = field(repr=False)
    redis_url: str = field(repr=False)
    certificates: Path
    client_id: str
    client_secret: str = field(repr=False)
    key_provider: str = "file"
    master_key_file: Path | None = None
    master_keys: str = field(default="", repr=False)
    vault_url: str = ""
    vault_key: str = "cryptwire"
    vault_token_file: Path | None = None
    session_key_file: Path | None = None
    address: str = "127.0.0.1:7400"
    health_port: int = 0
    is_development: bool = False
    upstream_url: str = "https://api.cryptohopper.com/v1"
    oauth_url: str = "https://www.cryptohopper.com/oauth2"
    scopes: str = "read,notifications,manage,trade"
    uses_pkce: bool = True
    requests_per_window: int = 30
    reserved_per_window: int = 12
    request_window: timedelta = timedelta(seconds=60)
    orders_per_window: int = 8
    order_window: timedelta = timedelta(seconds=8)
    request_timeout: timedelta = timedelta(seconds=15)
    response_limit: int = 20_000_000
