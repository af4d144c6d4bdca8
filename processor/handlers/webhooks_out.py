"""Calls of users' webhooks: signed, again and again for a day, and then no more."""

import asyncio
from datetime import timedelta

from cryptwire.clock import Clock
from cryptwire.codec.sealed import Seal
from cryptwire.domain.hopper import UserId
from cryptwire.domain.notice import Notice, NoticeClass
from cryptwire.errors import Corrupt
from cryptwire.log import Log
from cryptwire.metrics import Meters
from cryptwire.storage import deliveries, notices, outgoing_webhooks
from cryptwire.storage.database import Database
from cryptwire.storage.deliveries import Deliveries, Taken
from cryptwire.storage.notices import KeptNotice, Notices
from cryptwire.storage.outgoing_webhooks import OutgoingWebhooks, Target
from cryptwire.texts import Texts
from processor.handlers.notices import Router
from processor.logic.notices import WEBHOOK_TEST, is_over, webhook_pause
from processor.logic.webhooks_out import body_of, headers_of
from processor.ports.notices import Answer, Call, Caller

_log = Log(__name__)
LEASE = timedelta(seconds=60)  # longer than any call
_GONE = 410


class WebhookPost:
    """Makes the calls that are due; of one user one at a time, so that who is slow waits for himself alone.

    A webhook that took nothing for ``lasts`` is turned off, its user is mailed, and so are the actions and failures
    that were meant for it alone. 410 turns it off at once. A call may come twice, under the same id.
    """

    def __init__(
        self,
        database: Database,
        router: Router,
        caller: Caller,
        seal: Seal,
        texts: Texts,
        clock: Clock,
        meters: Meters,
        *,
        lasts: timedelta,
    ) -> None:
        self._database = database
        self._deliveries = Deliveries(database)
        self._webhooks = OutgoingWebhooks(database)
        self._notices = Notices(database)
        self._router = router
        self._caller = caller
        self._seal = seal
        self._texts = texts
        self._clock = clock
        self._meters = meters
        self._lasts = lasts
        self._busy: set[UserId] = set()
        self._taking = asyncio.Lock()

    async def call_due(self) -> int:
        """Make the calls that are due; how many. Raises Unavailable while the database is away."""
        made = 0
        while True:
            async with self._taking:  # who is busy must be known before the next is taken
                taken = await self._deliveries.take(LEASE, list(self._busy))
                if taken is None:
                    return made
                self._busy.add(taken.user)
            try:
                await self._call(taken)
            finally:
                self._busy.discard(taken.user)
            made += 1

    async def _call(self, taken: Taken) -> None:
        kept = await self._notices.one(taken.notice)
        target = await self._webhooks.target(taken.user)
        is_test = kept is not None and kept.notice.kind == WEBHOOK_TEST
        if kept is None or target is None or (target.is_off and not is_test):
            await self._deliveries.end(taken, "failed", "the webhook is no more, or off")
            return
        answer = await self._answer(taken, kept, target)
        self._meters.count(
            "processor_webhook_calls", "Calls of webhooks", outcome="taken" if answer.is_taken else "not"
        )
        if answer.is_taken:
            await self._webhooks.took(taken.user, target.url, answer.words)
            await self._deliveries.end(taken, "sent", answer.words)
            return
        _log.info("a webhook did not take a call", user=taken.user, tries=taken.tries, answer=answer.words)
        failing = await self._webhooks.refused(taken.user, target.url, answer.words)
        if failing is not None and (answer.status == _GONE or is_over(failing, self._lasts)):
            await self._turn_off(taken.user, target.url, answer)
        elif is_test or is_over(taken.age, self._lasts):
            await self._deliveries.end(taken, "failed", answer.words)
        else:
            await self._deliveries.again(taken, min(webhook_pause(taken.tries), self._lasts), answer.words)

    async def _answer(self, taken: Taken, kept: KeptNotice, target: Target) -> Answer:
        notice = kept.notice
        try:
            secret = self._seal.open(taken.user, target.sealed_secret)
        except Corrupt as error:
            _log.error("a webhook's calls cannot be signed", user=taken.user, reason=error)
            return Answer(0, "its secret cannot be read here any more; set the webhook again")
        text = self._texts.of(notice.kind, kept.words)
        body = body_of(notice.kind, notice.about.value, notice.at, kept.id, notice.hopper, dict(notice.facts), text)
        return await self._caller.call(Call(target.url, headers_of(taken.id, self._clock.now(), body, secret), body))

    async def _turn_off(self, user: UserId, url: str, answer: Answer) -> None:
        async with self._database.transaction() as connection:
            off_at = await outgoing_webhooks.turn_off(connection, user, url)
            if off_at is None:
                return
            stranded = await deliveries.end_webhook(connection, user, answer.words, 2 * self._lasts)
            key = f"webhook-off/{off_at.isoformat()}"
            facts = {"answer": answer.words}
            await notices.add_within(
                connection, Notice(user, NoticeClass.FAILURE, "webhook-off", key, self._clock.now(), facts)
            )
            await self._router.mail_instead(connection, user, stranded)
        _log.warning("a webhook is turned off", user=user, answer=answer.words)
