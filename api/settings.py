"""What the API is told."""

from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from cryptwire.errors import Invalid


@dataclass(frozen=True, slots=True)
class Settings:
    """From ``CRYPTWIRE_API_<FIELD>``; spans in seconds.

    ``database_url`` is that of the role ``cryptwire_api``; ``app_folder`` holds the built app's ``index.html``. Only in
    development are cookies sent without TLS and the demo account told. ``attempts_a_minute``: sign-ins that fail, of
    one account and from one address.

    ``most_…``: what one operation may be (``api.schema.cost``); ``points_a_minute`` is what all of a user's may cost.
    ``has_introspection`` and ``has_playground`` are for development. ``known_operations`` is a file of the only
    operations that are executed (``python -m api.operations``). ``origins`` are the native apps': their pages may ask
    with a token, never with a cookie.
    """

    database_url: str = field(repr=False)
    nats_url: str = field(repr=False)
    redis_url: str = field(repr=False)
    host: str = "127.0.0.1"
    port: int = 8081
    health_port: int = 0
    connections: int = 4
    app_folder: Path = Path("web/dist/browser")
    is_development: bool = False
    session_lifetime: timedelta = timedelta(days=30)
    attempts_a_minute: int = 10
    most_tokens: int = 2_000
    most_depth: int = 10
    most_aliases: int = 30
    most_directives: int = 50
    most_fields: int = 500
    most_cost: int = 20_000
    points_a_minute: int = 300_000
    request_time: timedelta = timedelta(seconds=10)
    has_introspection: bool = False
    has_playground: bool = False
    known_operations: Path | None = None
    origins: tuple[str, ...] = ("https://localhost", "capacitor://localhost")
    sockets_a_user: int = 10
    subscriptions_a_socket: int = 20
    socket_patience: timedelta = timedelta(seconds=20)
    demo_email: str | None = None
    demo_password: str | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if self.demo_email is not None and not self.is_development:
            raise Invalid("CRYPTWIRE_API_DEMO_EMAIL is for development only")
