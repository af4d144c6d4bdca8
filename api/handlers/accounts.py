"""What accounts and sessions are worked with, and how somebody is handed what he shows from then on."""

from dataclasses import dataclass
from datetime import datetime

from api.handlers.changes import Changes
from api.handlers.entrance import Entrance
from api.ports import Passwords, Sessions
from cryptwire.clock import Clock
from cryptwire.codec.access_token import LIVES, AccessSigner
from cryptwire.codec.one_time import OneTimeKey
from cryptwire.codec.signed_session import SignedSession
from cryptwire.domain.hopper import UserId
from cryptwire.permissions import Permissions, Roles
from cryptwire.storage.account_changes import AccountChanges
from cryptwire.storage.api_tokens import ApiTokens
from cryptwire.storage.mails import Mails
from cryptwire.storage.one_time_tokens import OneTimeTokens
from cryptwire.storage.second_factors import SecondFactorRows
from cryptwire.storage.session_book import Begun, SessionBook
from cryptwire.storage.sign_ups import SignUps


@dataclass(slots=True)
class Accounts:
    """What the fields of accounts work with; ``trusted_proxies`` stand between us and the world."""

    entrance: Entrance
    passwords: Passwords
    sessions: Sessions
    book: SessionBook
    sign_ups: SignUps
    changes: AccountChanges
    links: OneTimeTokens
    link_key: OneTimeKey
    factors: SecondFactorRows
    api_tokens: ApiTokens
    mails: Mails
    signer: AccessSigner
    permissions: Permissions
    hub: Changes
    clock: Clock
    trusted_proxies: int

    def access_token(self, begun: Begun, plan: str) -> tuple[str, datetime]:
        """What a session is shown by, and until when."""
        rules = (" ".join(rule) for rule in self.permissions.of(Roles.of(plan, None)))
        token = self.signer.signed(SignedSession(begun.user, begun.session), plan, rules)
        return token, self.clock.now() + LIVES

    async def has_changed(self, user: UserId) -> None:
        """Something of this user has changed: nobody here goes by what he remembers, and everybody else hears of it."""
        self.sessions.forget(user)
        await self.hub.tell("account", user)
