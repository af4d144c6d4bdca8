"""Mails: taken from the outbox, put into words, and handed to a mail server until it has them."""

from datetime import timedelta

from cryptwire.clock import Clock
from cryptwire.codec.one_time import OneTimeKey, Purpose, TokenId
from cryptwire.domain.notice import Notice, NoticeClass
from cryptwire.errors import Refused, Unavailable
from cryptwire.log import Log
from cryptwire.metrics import Meters
from cryptwire.storage.mails import Mail, Mails
from cryptwire.storage.notices import Notices
from cryptwire.texts import Texts
from processor.logic.mails import DIGEST, LASTS, Letter, digest, letter, pause
from processor.ports.notices import Resets, Transport

_log = Log(__name__)
LEASE = timedelta(seconds=60)  # longer than any try
_RESET = "password-reset"
_PAGES = {
    "sign-up": (Purpose.SIGN_UP, "confirm"),
    _RESET: (Purpose.PASSWORD_RESET, "reset-password"),
    "email-change": (Purpose.EMAIL_CHANGE, "confirm-email"),
}


class Composer:
    """Puts mails into words. Links are made here and stand nowhere else; ``public_url`` is where the app is."""

    def __init__(self, mails: Texts, notices: Texts, key: OneTimeKey, public_url: str, resets: Resets) -> None:
        self._mails = mails
        self._notices = notices
        self._key = key
        self._public_url = public_url.rstrip("/")
        self._resets = resets

    async def compose(self, mail: Mail) -> Letter | None:
        """The letter; None when there is nobody to be told. Raises Refused when it cannot be written."""
        facts = dict(mail.facts)
        if mail.template == _RESET:
            begun = await self._resets.begin_reset(mail.address)
            if begun is None:
                return None
            facts["token_id"] = begun[0]
        if mail.template == DIGEST:
            return letter(digest(self._mails, self._notices, facts))
        link = self._link(mail.template, facts)
        texts = self._mails if self._mails.has(mail.template) else self._notices
        return letter(texts.of(mail.template, facts | {"link": link}), link)

    def _link(self, template: str, facts: dict[str, str]) -> str:
        if template not in _PAGES:
            return f"{self._public_url}/forgot-password"
        purpose, page = _PAGES[template]
        try:
            token = self._key.token(purpose, TokenId(facts.pop("token_id")))
        except (KeyError, ValueError):
            raise Refused(f"a mail of the kind {template} needs the id of a token") from None
        return f"{self._public_url}/{page}?token={token}"


class Post:
    """Sends what is due, one after the other; several posts and replicas share the work.

    A mail is somebody's for ``lease``, which is longer than any try. Who is killed after the server took it and before
    that is written down makes it go twice, under the same Message-ID; none is ever left out.
    """

    def __init__(
        self,
        mails: Mails,
        notices: Notices,
        composer: Composer,
        transport: Transport,
        clock: Clock,
        meters: Meters,
        *,
        operators: str | None,
        lease: timedelta = LEASE,
    ) -> None:
        self._mails = mails
        self._notices = notices
        self._composer = composer
        self._transport = transport
        self._clock = clock
        self._meters = meters
        self._operators = operators
        self._lease = lease

    async def send_due(self) -> int:
        """Send all that is due; how many were tried. Raises Unavailable while the database is away."""
        tried = 0
        while (mail := await self._mails.take(self._lease)) is not None:
            tried += 1
            await self._send(mail)
        return tried

    async def _send(self, mail: Mail) -> None:
        try:
            composed = await self._composer.compose(mail)
            if composed is not None:
                await self._transport.send(mail.id, mail.address, composed)
        except Unavailable as error:
            if mail.age < LASTS:
                self._count(mail, "later")
                _log.warning("a mail is tried again", mail=mail.id, tries=mail.tries, reason=error)
                await self._mails.again(mail, pause(mail.tries))
            else:
                await self._give_up(mail, f"not taken for {LASTS.days} days: {error}")
        except Refused as error:
            await self._give_up(mail, str(error))
        else:
            await self._mails.sent(mail)
            self._count(mail, "sent" if composed is not None else "to nobody")

    async def _give_up(self, mail: Mail, why: str) -> None:
        self._count(mail, "given up")
        _log.error("a mail is given up", mail=mail.id, template=mail.template, tries=mail.tries, reason=why)
        if mail.address != self._operators:  # about mails to them nobody can be told by mail
            facts = {"template": mail.template, "tries": str(mail.tries), "reason": why}
            key = f"mail-given-up/{mail.id}"
            await self._notices.add(Notice(None, NoticeClass.FAILURE, "mail-given-up", key, self._clock.now(), facts))
        await self._mails.give_up(mail, why)

    def _count(self, mail: Mail, outcome: str) -> None:
        self._meters.count("processor_mails", "Mails tried", template=mail.template, outcome=outcome)
