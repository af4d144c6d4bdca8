"""What a user was told, and where his own programs hear of it."""

import base64
import secrets
from dataclasses import dataclass
from datetime import timedelta

from cryptwire.clock import Clock
from cryptwire.codec.sealed import Seal
from cryptwire.domain.hopper import UserId
from cryptwire.domain.notice import Notice, NoticeClass
from cryptwire.domain.webhook_url import checked_url
from cryptwire.errors import Exhausted, Invalid, NotFound, Unavailable
from cryptwire.storage.notices import KeptNotice, Notices
from cryptwire.storage.outgoing_webhooks import OutgoingWebhook, OutgoingWebhooks
from cryptwire.texts import Text, Texts

MOST = 100
_NUMBERS = 2**62  # above every number of a notice
_SECRET_BYTES = 32
_MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Page:
    """Notices, newest first; ``has_more``: there are older ones."""

    notices: list[KeptNotice]
    has_more: bool


class Told:
    """Notices and webhooks of every user; each method raises Unavailable while the database is away."""

    def __init__(
        self,
        notices: Notices,
        webhooks: OutgoingWebhooks,
        texts: Texts,
        seal: Seal | None,
        clock: Clock,
        *,
        is_development: bool,
    ) -> None:
        self.notices = notices
        self._webhooks = webhooks
        self._texts = texts
        self._seal = seal
        self._clock = clock
        self._is_development = is_development

    async def page(self, user: UserId, first: int, after: str | None, about: NoticeClass | None) -> Page:
        """A user's newest ``first``, of those older than ``after``. Raises Invalid."""
        if not 1 <= first <= MOST:
            raise Invalid(f"first is 1 to {MOST}, not {first}")
        found = await self.notices.of(user, _NUMBERS if after is None else number(after), about, first + 1)
        return Page(found[:first], len(found) > first)

    def text_of(self, kept: KeptNotice) -> Text:
        """A notice in words."""
        return self._texts.of(kept.notice.kind, kept.words)

    async def webhook(self, user: UserId) -> OutgoingWebhook | None:
        """A user's webhook; None when he has none."""
        return await self._webhooks.of(user)

    async def set_webhook(self, user: UserId, url: str) -> tuple[OutgoingWebhook, str]:
        """A user's webhook is here from now on; with the secret of its calls, told this once. Raises Invalid."""
        if self._seal is None:
            raise Unavailable("webhooks are not offered here")
        checked = checked_url(url, is_development=self._is_development)
        secret = secrets.token_bytes(_SECRET_BYTES)
        await self._webhooks.put(user, checked, self._seal.seal(user, secret))
        webhook = await self._webhooks.of(user)
        if webhook is None:
            raise Unavailable("the webhook was ended at the same moment; set it again")
        return webhook, f"whsec_{base64.b64encode(secret).decode()}"

    async def end_webhook(self, user: UserId) -> bool:
        """Whether there was one."""
        return await self._webhooks.end(user)

    async def test_webhook(self, user: UserId) -> None:
        """Send it a notice, once a minute. Raises NotFound, Exhausted."""
        if await self._webhooks.of(user) is None:
            raise NotFound("there is no webhook to test; set one first")
        now = self._clock.now()
        minute = now.replace(second=0, microsecond=0)
        test = Notice(user, NoticeClass.INFO, "webhook-test", f"webhook-test/{minute.isoformat()}", now)
        if not await self.notices.add(test):
            wait = (minute + _MINUTE - now).total_seconds()
            raise Exhausted(f"a webhook is tested once a minute; try again in {max(1, round(wait))} s", wait)


def number(id: str) -> int:
    """The number that is a notice's id. Raises Invalid."""
    if not (id.isascii() and id.isdecimal() and len(id) <= 18):
        raise Invalid("this is no id of a notice; they are decimal numbers")
    return int(id)
