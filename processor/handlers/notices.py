"""Notices: each is given to the channels its user wishes, at once, together with others, or in a while."""

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import timedelta

from cryptwire.domain.hopper import UserId
from cryptwire.domain.preferences import Preferences, preferences_from
from cryptwire.errors import Invalid
from cryptwire.log import Log
from cryptwire.metrics import Meters
from cryptwire.storage import deliveries, mails, notices, outgoing_webhooks, users
from cryptwire.storage.database import Connection, Database
from cryptwire.storage.deliveries import Mailed
from cryptwire.storage.notices import KeptNotice
from cryptwire.storage.users import Contact
from processor.logic.mails import DIGEST, ITEMS
from processor.logic.notices import MAIL, WEBHOOK, ToMail, channels, likeness, loud, planned

_log = Log(__name__)
_MOST = 500
_HOUR = timedelta(hours=1)
_NOBODY = Mailed(0, frozenset())


class Router:
    """Chooses channels, for one replica at a time.

    A user gets ``an_hour`` mails of the quiet classes in an hour, and what is alike once in ``alike_for``; the rest is
    held back and goes in one mail. What goes to those who run the system is mailed to ``operators``.
    """

    def __init__(
        self, database: Database, meters: Meters, *, an_hour: int, alike_for: timedelta, operators: str | None
    ) -> None:
        self._database = database
        self._meters = meters
        self._an_hour = an_hour
        self._alike_for = alike_for
        self._operators = operators

    async def route(self) -> int:
        """Choose for those that nobody has chosen for, and let go what waited long enough; how many were new.

        Raises Unavailable while the database is away; nothing is then half done.
        """
        async with self._database.transaction() as connection:
            if not await notices.is_alone(connection):
                return 0
            fresh = await notices.unrouted(connection, _MOST)
            await self._tell_operators(connection, [one for one in fresh if one.notice.user is None])
            by_user: dict[UserId, list[KeptNotice]] = defaultdict(list)
            for one in fresh:
                if one.notice.user is not None:
                    by_user[one.notice.user].append(one)
            for user in await deliveries.holders(connection):
                by_user.setdefault(user, [])
            await self._tell_users(connection, by_user)
            await notices.routed(connection, [one.id for one in fresh])
            return len(fresh)

    async def mail_instead(self, connection: Connection, user: UserId, numbers: Sequence[int]) -> None:
        """Mail notices whose other channel is no more, in one mail."""
        contact = (await users.contacts(connection, [user])).get(user)
        kept = await notices.by_number(connection, numbers)
        if contact is not None and kept:
            await self._mail(connection, user, contact, kept)

    async def _tell_users(self, connection: Connection, by_user: Mapping[UserId, list[KeptNotice]]) -> None:
        if not by_user:
            return
        everybody = list(by_user)
        contacts = await users.contacts(connection, everybody)
        at_work = await outgoing_webhooks.at_work(connection, everybody)
        mailed = await deliveries.mailed(connection, everybody, _HOUR, self._alike_for)
        for user, fresh in by_user.items():
            contact = contacts.get(user)
            if contact is None:
                continue  # he is leaving: what he is told then are mails, not notices
            held = await notices.held(connection, user)
            await self._tell_user(connection, user, contact, fresh, held, user in at_work, mailed.get(user, _NOBODY))

    async def _tell_user(
        self,
        connection: Connection,
        user: UserId,
        contact: Contact,
        fresh: list[KeptNotice],
        held: list[KeptNotice],
        has_webhook: bool,
        mailed: Mailed,
    ) -> None:
        preferences = _preferences(user, contact)
        to_mail = []
        for one in fresh:
            chosen = channels(one.notice.about, one.notice.kind, preferences, has_webhook=has_webhook)
            if WEBHOOK in chosen:
                await deliveries.add(connection, one.id, user, WEBHOOK, "due", _alike(one), None)
            if MAIL in chosen:
                to_mail.append(one)
            self._count(one, "+".join(chosen) or "app")
        plan = planned(
            [_to_mail(one) for one in to_mail],
            [_to_mail(one) for one in held],
            mailed=mailed.mails,
            alike=mailed.likenesses,
            most=self._an_hour,
        )
        known = {one.id: one for one in (*held, *to_mail)}
        waited = {one.id for one in held}
        for group in plan.mails:
            await self._mail(connection, user, contact, [known[one.notice] for one in group])
        for held_back in plan.held:
            if held_back.notice not in waited:
                await deliveries.add(connection, held_back.notice, user, MAIL, "held", held_back.likeness, None)

    async def _mail(self, connection: Connection, user: UserId, contact: Contact, group: list[KeptNotice]) -> None:
        template, facts = _worded(group)
        mail = await mails.add_within(connection, contact.email, template, facts, user)
        await deliveries.release(connection, [one.id for one in group], mail)
        for one in group:
            await deliveries.add(connection, one.id, user, MAIL, "due", _alike(one), mail)

    async def _tell_operators(self, connection: Connection, fresh: list[KeptNotice]) -> None:
        for one in fresh:
            self._count(one, "operators")
        if not fresh:
            return
        if self._operators is None:
            _log.warning("nobody is told: CRYPTWIRE_PROCESSOR_OPERATORS_MAIL is not set", notices=len(fresh))
            return
        template, facts = _worded(fresh)
        mail = await mails.add_within(connection, self._operators, template, facts)
        for one in fresh:
            await deliveries.add(connection, one.id, None, MAIL, "due", _alike(one), mail)

    def _count(self, one: KeptNotice, way: str) -> None:
        self._meters.count("processor_notices", "Notices given to channels", about=one.notice.about.value, way=way)


def _worded(group: list[KeptNotice]) -> tuple[str, dict[str, str]]:
    """A mail's template and facts: the notice's own for one, a digest for several; what is alike is one line."""
    if len(group) == 1:
        return group[0].notice.kind, dict(group[0].words)
    times: dict[str, int] = defaultdict(int)
    newest: dict[str, KeptNotice] = {}
    for one in group:
        times[_alike(one)] += 1
        newest[_alike(one)] = one
    items = [
        {
            "kind": one.notice.kind,
            "facts": dict(one.words),
            "times": times[key],
            "at": f"{one.notice.at:%Y-%m-%d %H:%M} UTC",
        }
        for key, one in newest.items()
    ]
    return DIGEST, {ITEMS: json.dumps(items)}


def _preferences(user: UserId, contact: Contact) -> Preferences:
    try:
        return preferences_from(contact.preferences)
    except Invalid as error:  # he is told as if he had never chosen, rather than not at all
        _log.error("preferences cannot be read", user=user, reason=error)
        return Preferences()


def _alike(one: KeptNotice) -> str:
    return likeness(one.notice.kind, one.notice.hopper, one.notice.facts)


def _to_mail(one: KeptNotice) -> ToMail:
    return ToMail(one.id, loud(one.notice.about), _alike(one))
