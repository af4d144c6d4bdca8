"""Notices, mails and webhooks on a real database, with a mail server that keeps what it takes."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncpg

from cryptwire.clock import SystemClock
from cryptwire.codec.one_time import OneTimeKey
from cryptwire.codec.sealed import Seal
from cryptwire.domain.hopper import HopperId, UserId
from cryptwire.domain.notice import Notice, NoticeClass
from cryptwire.domain.webhook_url import SEALED
from cryptwire.metrics import Meters
from cryptwire.storage import database
from cryptwire.storage.database import Database, url_of
from cryptwire.storage.mails import Mails
from cryptwire.storage.notices import Notices
from cryptwire.storage.one_time_tokens import OneTimeTokens
from cryptwire.texts import Texts
from devstack.mailbox.kept import Kept, KeptMail
from devstack.mailbox.server import receiving
from processor.adapters.smtp import Smtp
from processor.handlers.mails import LEASE, Composer, Post
from processor.handlers.notices import Router
from processor.handlers.webhooks_out import WebhookPost
from processor.mails import FOLDER
from processor.ports.notices import Caller, Transport

KEY = b"k" * 64
SEAL = Seal(KEY, SEALED)
PUBLIC = "https://cryptwire.test"
OPERATORS = "ops@cryptwire.test"
AT = datetime(2026, 3, 1, 12, tzinfo=UTC)


@dataclass
class Delivering:
    """``rows`` is the processor's own connection, ``owner`` may do everything."""

    rows: Database
    owner: "asyncpg.Connection[asyncpg.Record]"
    kept: Kept
    smtp: Smtp
    meters: Meters = field(default_factory=Meters)

    @property
    def notices(self) -> Notices:
        return Notices(self.rows)

    @property
    def mails(self) -> Mails:
        return Mails(self.rows)

    def router(self, an_hour: int = 3, operators: str | None = OPERATORS) -> Router:
        return Router(self.rows, self.meters, an_hour=an_hour, alike_for=timedelta(minutes=10), operators=operators)

    def post(self, transport: Transport | None = None, lease: timedelta = LEASE) -> Post:
        composer = Composer(Texts(FOLDER), Texts(), OneTimeKey(KEY), PUBLIC, OneTimeTokens(self.rows))
        return Post(
            self.mails,
            self.notices,
            composer,
            transport or self.smtp,
            SystemClock(),
            self.meters,
            operators=OPERATORS,
            lease=lease,
        )

    def webhook_post(self, caller: Caller, lasts: timedelta = timedelta(days=1)) -> WebhookPost:
        return WebhookPost(self.rows, self.router(), caller, SEAL, Texts(), SystemClock(), self.meters, lasts=lasts)

    async def user(self, email: str, preferences: str = "{}") -> UserId:
        add = "INSERT INTO users (email, password_hash, preferences) VALUES ($1, '', $2::jsonb) RETURNING user_id::text"
        return UserId(await self.owner.fetchval(add, email, preferences))

    async def webhook(self, user: UserId, url: str, secret: bytes = b"secret") -> None:
        add = "INSERT INTO outgoing_webhooks (user_id, url, sealed_secret) VALUES ($1::text::uuid, $2, $3)"
        await self.owner.execute(add, user, url, SEAL.seal(user, secret))

    async def tell(
        self,
        user: UserId | None,
        key: str,
        about: NoticeClass = NoticeClass.INFO,
        kind: str = "hopper-created",
        facts: Mapping[str, str] | None = None,
        hopper: str | None = None,
    ) -> None:
        told = {"number": key} if facts is None else facts
        await self.notices.add(Notice(user, about, kind, key, AT, told, None if hopper is None else HopperId(hopper)))

    def inbox(self, address: str) -> list[KeptMail]:
        """What an address got, oldest first."""
        return [mail for mail in reversed(self.kept.newest()) if mail.to == address]

    async def deliver(self, an_hour: int = 3) -> None:
        """What a second of the processor does."""
        await self.router(an_hour).route()
        await self.post().send_due()

    async def states(self, channel: str) -> list[str]:
        rows = await self.owner.fetch("SELECT state FROM deliveries WHERE channel = $1 ORDER BY notice_id", channel)
        return [row["state"] for row in rows]


@asynccontextmanager
async def delivering(database_url: str, folder: Path) -> AsyncIterator[Delivering]:
    kept = Kept(folder / "mails")
    owner = await asyncpg.connect(database_url)
    try:
        async with (
            database.connect(url_of("processor", database_url), "processor", 4) as rows,
            receiving(kept) as port,
        ):
            smtp = Smtp(f"smtp://127.0.0.1:{port}", "Cryptwire <cw@cryptwire.test>", SystemClock().now)
            yield Delivering(rows, owner, kept, smtp)
    finally:
        await owner.close()
