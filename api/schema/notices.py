"""Notices, and the user's own webhook that hears of them."""

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Self

import strawberry

from api.handlers.told import Told, number
from api.schema.context import Info
from api.schema.people import NoticeClass
from api.schema.rules import covered, field, mutation, subscription
from cryptwire.domain import notice
from cryptwire.storage import outgoing_webhooks
from cryptwire.storage.notices import KeptNotice

_AT_ONCE = 50


@covered("view", "notices")
@strawberry.type(description="A detail of a notice, for programs.")
class NoticeFact:
    name: str = strawberry.field(description="What it is, e.g. reason.")
    value: str = strawberry.field(description="As text.")


@covered("view", "notices")
@strawberry.type(description="Something the user was told without having asked.")
class Notice:
    id: strawberry.ID = strawberry.field(description="Decimal number; later notices have higher ones.")
    about: NoticeClass = strawberry.field(description="Its class.")
    kind: str = strawberry.field(description="What happened, for programs, e.g. import-done; more are added in time.")
    title: str = strawberry.field(description="One line, for people.")
    text: str = strawberry.field(description="Plain text, paragraphs with an empty line between them; may be empty.")
    facts: list[NoticeFact] = strawberry.field(description="Details, by name.")
    hopper_id: strawberry.ID | None = strawberry.field(description="The hopper it is about; null for none.")
    at: datetime = strawberry.field(description="When it happened.")
    read_at: datetime | None = strawberry.field(description="When it was marked as read; null until then.")

    @classmethod
    def of(cls, kept: KeptNotice, told: Told) -> Self:
        one, text = kept.notice, told.text_of(kept)
        return cls(
            id=strawberry.ID(str(kept.id)),
            about=NoticeClass(one.about.value),
            kind=one.kind,
            title=text.subject,
            text="\n\n".join(text.paragraphs),
            facts=[NoticeFact(name=name, value=value) for name, value in sorted(one.facts.items())],
            hopper_id=None if one.hopper is None else strawberry.ID(one.hopper),
            at=one.at,
            read_at=kept.read_at,
        )


@covered("view", "notices")
@strawberry.type(description="Notices, newest first.")
class NoticeConnection:
    nodes: list[Notice] = strawberry.field(description="At most as many as were asked for.")
    has_more: bool = strawberry.field(description="True when there are older ones.")
    end_cursor: strawberry.ID | None = strawberry.field(description="Pass it as after for the next; null for none.")

    @field("view", "notices", "How many of all the user's notices are not marked as read.")
    async def unread(self, info: Info) -> int:
        caller = await info.context.caller()
        return await info.context.services.told.notices.unread(caller.user)


@covered("view", "notices")
@strawberry.type(description="Where the user's own programs hear of notices, by signed calls (standardwebhooks.com).")
class OutgoingWebhook:
    url: str = strawberry.field(description="What is called, by POST.")
    created_at: datetime = strawberry.field(description="When it was set.")
    failing_since: datetime | None = strawberry.field(description="Null while the newest call was taken.")
    off_at: datetime | None = strawberry.field(
        description="When a day of failures turned it off; null while it is on. A test that works turns it on."
    )
    tried_at: datetime | None = strawberry.field(description="When it was called last; null when never.")
    answer: str = strawberry.field(description="What became of the last call, in a few words.")

    @classmethod
    def of(cls, webhook: outgoing_webhooks.OutgoingWebhook) -> Self:
        return cls(
            url=webhook.url,
            created_at=webhook.created_at,
            failing_since=webhook.failing_since,
            off_at=webhook.off_at,
            tried_at=webhook.tried_at,
            answer=webhook.answer,
        )


@covered("change", "notices")
@strawberry.type(description="A webhook that was just set.")
class OutgoingWebhookSecret:
    webhook: OutgoingWebhook = strawberry.field(description="The webhook.")
    secret: str = strawberry.field(description="What signs its calls: whsec_ and base64. Shown this once, kept sealed.")


@strawberry.type
class NoticeQuery:
    @field("view", "notices", "The user's notices; first is 1 to 100, after a cursor, about one class alone.")
    async def notices(
        self, info: Info, first: int = 20, after: str | None = None, about: NoticeClass | None = None
    ) -> NoticeConnection:
        caller, told = await info.context.caller(), info.context.services.told
        wanted = None if about is None else notice.NoticeClass(about.value)
        page = await told.page(caller.user, first, after, wanted)
        nodes = [Notice.of(kept, told) for kept in page.notices]
        return NoticeConnection(nodes=nodes, has_more=page.has_more, end_cursor=nodes[-1].id if nodes else None)

    @field("view", "notices", "The user's webhook; null when none is set.")
    async def outgoing_webhook(self, info: Info) -> OutgoingWebhook | None:
        caller = await info.context.caller()
        webhook = await info.context.services.told.webhook(caller.user)
        return None if webhook is None else OutgoingWebhook.of(webhook)


@strawberry.type
class NoticeMutation:
    @mutation("change", "notices", "Mark this notice and all before it as read; how many were not yet.")
    async def mark_notices_read(self, info: Info, until: strawberry.ID) -> int:
        info.context.must_be_ours()
        caller = await info.context.caller()
        return await info.context.services.told.notices.mark_read(caller.user, number(until))

    @mutation(
        "change",
        "notices",
        "Set the user's only webhook, in place of one that was there; on the public Internet, by HTTPS. Which notices"
        " go to it is said in the preferences; silence goes to it in any case.",
    )
    async def set_outgoing_webhook(self, info: Info, url: str) -> OutgoingWebhookSecret:
        info.context.must_be_ours()
        caller = await info.context.caller()
        webhook, secret = await info.context.services.told.set_webhook(caller.user, url)
        return OutgoingWebhookSecret(webhook=OutgoingWebhook.of(webhook), secret=secret)

    @mutation("change", "notices", "Forget the user's webhook; false when there was none.")
    async def end_outgoing_webhook(self, info: Info) -> bool:
        info.context.must_be_ours()
        caller = await info.context.caller()
        return await info.context.services.told.end_webhook(caller.user)

    @mutation(
        "change",
        "notices",
        "Call the webhook with a test, once a minute; true when that is on its way. What became of it is then in"
        " outgoingWebhook. NOT_FOUND without a webhook.",
    )
    async def test_outgoing_webhook(self, info: Info) -> bool:
        info.context.must_be_ours()
        caller, services = await info.context.caller(), info.context.services
        await services.told.test_webhook(caller.user)
        await services.changes.tell("notice", caller.user)
        return True


@strawberry.type
class NoticeSubscription:
    @subscription("view", "notices", "Each notice that is added from now on. After a break read notices again.")
    async def notices(self, info: Info) -> AsyncIterator[Notice]:
        caller, told = await info.context.caller(), info.context.services.told
        async with info.context.services.changes.of("notice", caller.user) as changes:
            last = await told.notices.newest(caller.user)
            async for _ in changes:
                while fresh := await told.notices.since(caller.user, last, _AT_ONCE):
                    for kept in fresh:
                        last = kept.id
                        yield Notice.of(kept, told)
