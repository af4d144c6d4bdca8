"""The entrance: who somebody is, proved by password and code, and how often anybody may try."""

from collections.abc import Mapping
from dataclasses import replace

from api.logic import accounts as logic
from api.ports import Caller, Passwords
from cryptwire.clock import EPOCH, Clock
from cryptwire.codec import second_factor
from cryptwire.codec.one_time import TokenId
from cryptwire.codec.second_factor import SecondFactors
from cryptwire.domain.hopper import UserId
from cryptwire.errors import CodeNeeded, Invalid, Refused
from cryptwire.metrics import Meters
from cryptwire.storage.attempts import Attempts
from cryptwire.storage.second_factors import SecondFactorRows
from cryptwire.storage.users import User, Users

_WRONG = "the e-mail address or the password is wrong"
_WRONG_CODE = "the code is wrong or was used; take the next one"


def rules(attempts_a_minute: int, address_attempts_a_minute: int, mails_an_hour: int) -> Mapping[str, str]:
    """How often what may be tried, by kind; ``Attempts`` counts it.

    ``account``: sign-ins to one; ``session``: proofs within one, so that who only knows an address keeps nobody from
    what he does on a device that is signed in; ``code``: codes of one account, once its password was right; ``mail``:
    mails to one address that anybody can cause; ``address``: all of these from one network address.
    """
    hourly = 10
    return {
        "account": f"{attempts_a_minute}/minute;{attempts_a_minute * hourly}/hour",
        "session": f"{attempts_a_minute}/minute;{attempts_a_minute * hourly}/hour",
        "code": f"{attempts_a_minute}/5 minute;{attempts_a_minute * 5}/day",
        "mail": f"{mails_an_hour}/hour",
        "address": f"{address_attempts_a_minute}/minute;{address_attempts_a_minute * hourly}/hour",
    }


class Entrance:
    """Lets somebody in, or through a door within, who can prove that he is it."""

    def __init__(
        self,
        people: Users,
        passwords: Passwords,
        factors: SecondFactorRows,
        secrets: SecondFactors,
        attempts: Attempts,
        clock: Clock,
        meters: Meters,
    ) -> None:
        self._people = people
        self._passwords = passwords
        self._factors = factors
        self._secrets = secrets
        self._attempts = attempts
        self._clock = clock
        self._meters = meters

    async def sign_in(self, email: str, password: str, code: str | None, address: str) -> User:
        """Who has this address and knows this password, and code if he has a second factor.

        Raises Invalid when something is wrong (for an address that nobody has as for a wrong password, as quickly),
        CodeNeeded, Exhausted.
        """
        email = email.strip()
        account = ("account", email.lower()[: logic.MOST_EMAIL])
        await self._attempts.take(("address", logic.network(address)), account)
        person = await self._people.by_email(email) if logic.could_be_email(email) else None
        is_right = await self._passwords.are_same(password, None if person is None else person.password_hash)
        self._meters.count("api_sign_ins", "Attempts to sign in", is_right="yes" if is_right else "no")
        if person is None or not is_right:
            raise Invalid(_WRONG)
        await self._second(person.id, code)
        await self._attempts.clear(account)
        if self._passwords.is_outdated(person.password_hash):
            anew = await self._passwords.hash(password)
            await self._people.rehash(person.id, person.password_hash, anew)
            return replace(person, password_hash=anew)
        return person

    async def prove(
        self, caller: Caller, password: str, code: str | None, address: str, *, wants_code: bool = True
    ) -> User:
        """The caller, who has given his password again; and the code of his second factor, where ``wants_code``.

        Raises Invalid, CodeNeeded, Exhausted.
        """
        session = ("session", caller.session.hex())
        await self._attempts.take(("address", logic.network(address)), session)
        person = await self._people.by_id(caller.user)
        if not await self._passwords.are_same(password, person.password_hash):
            raise Invalid("the password is wrong")
        if wants_code:
            await self._second(person.id, code)
        await self._attempts.clear(session)
        return person

    async def may_link(self, address: str) -> None:
        """Count a try at a mailed link; raises Exhausted."""
        await self._attempts.take(("address", logic.network(address)))

    async def may_try(self, sign_up: TokenId) -> None:
        """Count a password that is tried for a sign-up; raises Exhausted."""
        await self._attempts.take(("account", f"sign-up {sign_up}"))

    async def may_mail(self, email: str, address: str) -> None:
        """Count a mail that somebody causes to be written to ``email``; raises Exhausted."""
        await self._attempts.take(("address", logic.network(address)), ("mail", email.lower()))

    async def may_come_again(self, email: str) -> None:
        """Whoever tried to come in before: the password is another now."""
        await self._attempts.clear(("account", email.lower()))

    # Second factors

    async def begin_totp(self, person: User) -> str:
        """A new secret that waits for its first code; Refused when one is on."""
        secret = second_factor.new_secret()
        await self._factors.begin(person.id, *self._secrets.sealed(person.id, secret))
        return secret

    async def confirm_totp(self, caller: Caller, code: str, address: str) -> list[str]:
        """The second factor is on; its recovery codes. Raises Invalid for a wrong code, Refused, Exhausted."""
        person = await self._people.by_id(caller.user)
        await self._attempts.take(("address", logic.network(address)), ("code", caller.user))
        totp = await self._factors.of(person.id)
        if totp is None or totp.is_confirmed:
            raise Refused("there is no second factor that waits for its first code; set it up anew")
        step = second_factor.step_of(self._secrets.opened(person.id, totp.nonce, totp.sealed), code, self._seconds())
        if step is None:
            raise Invalid("the code is wrong; see that the clock of your device is right")
        codes = second_factor.new_codes()
        await self._factors.confirm(person.id, person.email, totp, step, self._proofs(person.id, codes))
        await self._attempts.clear(("code", caller.user))
        return codes

    async def new_codes(self, person: User) -> list[str]:
        """Other recovery codes; Refused without a second factor."""
        totp = await self._factors.of(person.id)
        if totp is None or not totp.is_confirmed:
            raise Refused("there is no second factor that is on")
        codes = second_factor.new_codes()
        await self._factors.new_codes(person.id, self._proofs(person.id, codes))
        return codes

    async def _second(self, user: UserId, code: str | None) -> None:
        totp = await self._factors.of(user)
        if totp is None or not totp.is_confirmed:
            return
        if not code or not code.strip():
            raise CodeNeeded("give the code of your authenticator app, too, or a recovery code")
        await self._attempts.take(("code", user))
        secret = self._secrets.opened(user, totp.nonce, totp.sealed)
        step = second_factor.step_of(secret, code[:100], self._seconds())
        if step is not None:
            is_right = await self._factors.take_step(user, step)
        else:
            is_right = await self._factors.take_code(user, self._secrets.proof(user, code[:100]))
        if not is_right:
            raise Invalid(_WRONG_CODE)
        await self._attempts.clear(("code", user))

    def _proofs(self, user: UserId, codes: list[str]) -> list[bytes]:
        return [self._secrets.proof(user, code) for code in codes]

    def _seconds(self) -> int:
        return int((self._clock.now() - EPOCH).total_seconds())
