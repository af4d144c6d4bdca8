"""What the API is told."""

from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from cryptwire.errors import Invalid


@dataclass(frozen=True, slots=True)
class Settings:
    """From ``CRYPTWIRE_API_<FIELD>``; spans in seconds.

    ``database_url`` is that of the role ``cryptwire_api``; ``app_folder`` holds the built app's ``index.html``. Only in
    development are cookies sent without TLS and the demo account told.

    ``session_key_file`` and ``session_public_key_file`` sign and verify access tokens; ``mail_key`` is the key of
    mailed links and second factors, ``webhook_key`` that of the secrets of users' webhooks (without it none can be
    set), both the same as the processor's. A session ends ``session_lifetime`` after it was refreshed last, and
    ``session_longest`` after it began. ``attempts_a_minute``: guesses at one account or in one session,
    ``address_attempts_a_minute``: from one network address; ``mails_an_hour``: to one address, that anybody can cause.
    ``trusted_proxies`` stand before us and add to X-Forwarded-For.

    ``is_warmed_up``: it asks itself for figures before it is ready (``api.handlers.warm_up``).

    ``most_…``: what one operation may be (``api.schema.cost``); ``points_a_minute`` is what all of a user's may cost.
    ``has_introspection`` and ``has_playground`` are for development. ``known_operations`` is a file of the only
    operations that are executed (``python -m api.operations``). ``origins`` are the native apps': their pages may ask
    with a token, never with a cookie.

    ``exports`` and reports are made at once in a process, ``exports_of_user`` of them for one user; each within
    ``export_time``, for who takes some of it each ``export_patience``.

    Accounts are linked through the gateway at ``gateway_address``, to which ``certificates`` has this service's own;
    without an address none can be. Consent comes back to ``public_url``/link/callback, and ``link_scopes`` are needed.

    A payment provider's events are signed with ``billing_secret``; without it there is none. ``test_checkout_page`` is
    the page that plays one in development.
    """

    database_url: str = field(repr=False)
    nats_url: str = field(repr=False)
    redis_url: str = field(repr=False)
    session_key_file: Path
    session_public_key_file: Path
    mail_key: Path
    gateway_address: str | None = None
    certificates: Path = Path("certificates")
    public_url: str = "http://127.0.0.1:8080"
    link_scopes: tuple[str, ...] = ("read", "notifications", "manage", "trade")
    host: str = "127.0.0.1"
    port: int = 8081
    health_port: int = 0
    connections: int = 4
    webhook_key: Path | None = None
    app_folder: Path = Path("web/dist/browser")
    is_development: bool = False
    session_lifetime: timedelta = timedelta(days=30)
    session_longest: timedelta = timedelta(days=180)
    attempts_a_minute: int = 10
    address_attempts_a_minute: int = 60
    mails_an_hour: int = 10
    trusted_proxies: int = 0
    is_warmed_up: bool = True
    most_tokens: int = 2_000
    most_depth: int = 10
    most_aliases: int = 30
    most_directives: int = 50
    most_fields: int = 1_000
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
    exports: int = 4
    exports_of_user: int = 2
    export_time: timedelta = timedelta(minutes=10)
    export_patience: timedelta = timedelta(seconds=30)
    billing_provider: str = "test"
    billing_secret: str | None = field(default=None, repr=False)
    test_checkout_page: str | None = None
    demo_email: str | None = None
    demo_password: str | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if self.demo_email is not None and not self.is_development:
            raise Invalid("CRYPTWIRE_API_DEMO_EMAIL is for development only")
        if self.billing_secret is not None and len(self.billing_secret) < 32:
            raise Invalid("CRYPTWIRE_API_BILLING_SECRET has at least 32 characters")
        if self.test_checkout_page is not None and (not self.is_development or self.billing_secret is None):
            raise Invalid("CRYPTWIRE_API_TEST_CHECKOUT_PAGE is for development only, with CRYPTWIRE_API_BILLING_SECRET")
        limits = (self.attempts_a_minute, self.address_attempts_a_minute, self.mails_an_hour)
        if min(limits) < 1 or self.trusted_proxies < 0:
            raise Invalid("CRYPTWIRE_API_ATTEMPTS_A_MINUTE and its like are at least 1, TRUSTED_PROXIES at least 0")
