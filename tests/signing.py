"""Keys of a test's own, and what somebody shows who is signed in."""

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from cryptwire.clock import Clock, SystemClock
from cryptwire.codec.access_token import AccessSigner, AccessVerifier
from cryptwire.codec.signed_session import SignedSession
from cryptwire.domain.hopper import UserId
from cryptwire.storage.api_tokens import ApiTokens
from cryptwire.storage.database import Database
from cryptwire.storage.session_book import SessionBook
from devstack.certificates import issue_session_key


@dataclass(frozen=True)
class Keys:
    """Files with the keys that the API has; the public one is everybody's."""

    folder: Path

    @property
    def session_key_file(self) -> Path:
        return self.folder / "session-key.pem"

    @property
    def session_public_key_file(self) -> Path:
        return self.folder / "session-key-public.pem"

    @property
    def mail_key(self) -> Path:
        return self.folder / "mail-key"

    def settings(self) -> dict[str, Any]:
        """Those of the API, by the names of its settings."""
        return {
            "session_key_file": self.session_key_file,
            "session_public_key_file": self.session_public_key_file,
            "mail_key": self.mail_key,
            "webhook_key": self.mail_key,
        }

    def verifier(self, clock: Clock | None = None) -> AccessVerifier:
        return AccessVerifier(self.session_public_key_file, clock or SystemClock())

    def access_token(self, user: UserId, session: bytes, clock: Clock | None = None) -> str:
        """What the API signs for a session."""
        signer = AccessSigner(self.session_key_file.read_bytes(), clock or SystemClock())
        return signer.signed(SignedSession(user, session), "pro")

    async def signed_in(self, owner: Database, user: UserId) -> str:
        """The access token of a new session; it lives for ten minutes."""
        return self.access_token(user, (await SessionBook(owner).begin(user)).session)


def issued(folder: Path) -> Keys:
    """New keys in a folder."""
    issue_session_key(folder)
    (folder / "mail-key").write_text("6d61696c" * 8)
    return Keys(folder)


async def personal_token(owner: Database, user: UserId, lifetime: timedelta = timedelta(days=1)) -> str:
    """The text of a personal API token that may read: it needs no clock and no refreshing."""
    async with owner.transaction() as connection:
        expires_at = await connection.fetchval("SELECT now() + $1::interval", lifetime)
    _, text = await ApiTokens(owner).add(user, "test", ["read"], expires_at)
    return text
