"""What changes several tables of an account at once, each in one transaction: all of it is done, or nothing."""

from cryptwire.codec.one_time import Purpose, TokenId
from cryptwire.domain.hopper import UserId
from cryptwire.domain.preferences import Preferences
from cryptwire.errors import Refused
from cryptwire.storage import api_tokens, mails, one_time_tokens, users
from cryptwire.storage.database import Connection, Database
from cryptwire.storage.session_book import end_all_within
from cryptwire.storage.users import User

_USED = "this link was used or is too old; ask for another"


class AccountChanges:
    """Changes of an account, each with its mail. Raises Unavailable while the database is away."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def reset_password(self, token: TokenId, password_hash: str) -> User:
        """A new password for who holds a reset's token; whoever was in is out: sessions, API tokens, other links.

        Raises Refused when the token is not good.
        """
        async with self._database.transaction() as connection:
            used = await one_time_tokens.use_within(connection, Purpose.PASSWORD_RESET, token)
            if used is None or used.user is None:
                raise Refused(_USED)
            user = await users.lock_within(connection, used.user)
            await users.set_password_within(connection, user.id, password_hash)
            await _void_links(connection, user.id)
            await end_all_within(connection, user.id, "the password was reset")
            await api_tokens.end_all_within(connection, user.id)
            await mails.add_within(connection, user.email, "password-changed", {}, user.id)
            return user

    async def change_password(self, user: UserId, session: bytes, old_hash: str, password_hash: str) -> None:
        """A new password instead of the one with ``old_hash``; all sessions but ``session`` end, and mailed links.

        Raises Refused when somebody else has changed it meanwhile.
        """
        async with self._database.transaction() as connection:
            person = await users.lock_within(connection, user)
            if person.password_hash != old_hash:
                raise Refused("the password was changed a moment ago; sign in with the new one")
            await users.set_password_within(connection, user, password_hash)
            await _void_links(connection, user)
            await end_all_within(connection, user, "the password was changed", but=session)
            await mails.add_within(connection, person.email, "password-changed", {}, user)

    async def begin_email_change(self, user: UserId, address: str, proved: str) -> None:
        """Write to the new address, which must be confirmed; to one that somebody has, that he has an account.

        The address of now hears of it as well: what its owner did not ask for he can still stop.
        ``proved``: the hash of the password that was given for it. Raises Refused when it was changed meanwhile.
        """
        async with self._database.transaction() as connection:
            person = await users.lock_within(connection, user)  # first: two who only shared him would block each other
            await users.must_know_within(connection, user, proved)
            is_taken = await users.is_taken_within(connection, address)
            await one_time_tokens.void_within(connection, Purpose.EMAIL_CHANGE, user)
            token = await one_time_tokens.add_within(connection, Purpose.EMAIL_CHANGE, user=user, address=address)
            template, facts = ("sign-up-taken", {}) if is_taken else ("email-change", {"token_id": token})
            await mails.add_within(connection, address, template, facts, None if is_taken else user)
            await mails.add_within(connection, person.email, "email-change-asked", {"address": address}, user)

    async def confirm_email_change(self, token: TokenId) -> UserId:
        """The new address holds; the old one is written to. Raises Refused when the token is not good."""
        async with self._database.transaction() as connection:
            used = await one_time_tokens.use_within(connection, Purpose.EMAIL_CHANGE, token)
            if used is None or used.user is None or used.address is None:
                raise Refused(_USED)
            user = await users.lock_within(connection, used.user)
            if not await users.set_email_within(connection, user.id, used.address):
                raise Refused("this address has an account of its own by now; choose another")
            await one_time_tokens.void_within(connection, Purpose.PASSWORD_RESET, user.id)
            await mails.add_within(connection, user.email, "email-changed", {}, user.id)
            return user.id

    async def change_preferences(
        self, user: UserId, zone: str | None, currency: str | None, changed: Preferences, before: Preferences
    ) -> User:
        """Other preferences; what is None stays. Raises Refused when they were changed from elsewhere meanwhile."""
        async with self._database.transaction() as connection:
            person = await users.lock_within(connection, user)
            if person.preferences != before:
                raise Refused("the preferences were changed elsewhere a moment ago; look at them again")
            await users.set_preferences_within(
                connection, user, zone or person.zone, currency or person.currency, changed
            )
            return await users.lock_within(connection, user)

    async def ask_deletion(self, user: UserId) -> None:
        """Nobody comes in any more; the processor erases the rest. Raises NotFound when that was said before."""
        async with self._database.transaction() as connection:
            person = await users.lock_within(connection, user)
            await users.ask_deletion_within(connection, user)
            await end_all_within(connection, user, "the account is deleted")
            await api_tokens.end_all_within(connection, user)
            await mails.add_within(connection, person.email, "account-deleted", {})


async def _void_links(connection: Connection, user: UserId) -> None:
    """Whoever had asked for a link under the password of before, for an address of his own perhaps, gains nothing."""
    for purpose in (Purpose.PASSWORD_RESET, Purpose.EMAIL_CHANGE):
        await one_time_tokens.void_within(connection, purpose, user)
