"""The link to Cryptohopper, and the import of what it holds."""

from collections.abc import AsyncIterator
from datetime import datetime
from enum import Enum
from typing import Self

import strawberry

from api.handlers import linking
from api.schema.context import Info
from api.schema.rules import covered, field, mutation, subscription
from cryptwire.codec.imports import import_from_wire
from cryptwire.domain import imports


@strawberry.enum(description="How the account at Cryptohopper is linked.")
class LinkState(Enum):
    NONE = strawberry.enum_value("NONE", description="It never was, or its owner unlinked it.")
    LINKED = strawberry.enum_value("LINKED", description="All that is needed is allowed.")
    MUST_LINK_AGAIN = strawberry.enum_value(
        "MUST_LINK_AGAIN", description="Cryptohopper does not accept the link any more: nothing can be read until then."
    )
    SCOPES_MISSING = strawberry.enum_value(
        "SCOPES_MISSING", description="Linked, but not everything was allowed: link again, and allow all of it."
    )


@covered("view", "link")
@strawberry.type(description="The link to Cryptohopper.")
class Link:
    state: LinkState = strawberry.field(description="How it stands.")
    scopes: list[str] = strawberry.field(description="What Cryptohopper's user has allowed, by Cryptohopper's names.")
    missing_scopes: list[str] = strawberry.field(description="What is needed and was not allowed.")
    linked_at: datetime | None = strawberry.field(description="Since when; null when nothing is linked.")

    @classmethod
    def of(cls, link: linking.Linked) -> Self:
        return cls(
            state=LinkState(link.state.value),
            scopes=list(link.scopes),
            missing_scopes=list(link.missing),
            linked_at=link.linked_at,
        )


@covered("change", "link")
@strawberry.type(description="Consent that is to be asked for.")
class BeginLink:
    authorize_url: str = strawberry.field(
        description="Cryptohopper's page; it leads back to /link/callback with a code and a state, or with an error."
    )


@strawberry.enum(description="What has become of an import.")
class ImportState(Enum):
    WAITING = strawberry.enum_value("waiting", description="It begins soon.")
    RUNNING = strawberry.enum_value("running", description="It goes on; it may wait for Cryptohopper's limits.")
    DONE = strawberry.enum_value("done", description="What could be read is there; problems say what could not.")
    FAILED = strawberry.enum_value("failed", description="Nothing could be read; problems say why, and what to do.")
    STOPPED = strawberry.enum_value("stopped", description="The account was unlinked.")


@strawberry.enum(description="What an import does, in this order.")
class ImportStage(Enum):
    HOPPERS = strawberry.enum_value("hoppers", description="Which hoppers there are.")
    CONFIGURATION = strawberry.enum_value("configuration", description="How each is set.")
    POSITIONS = strawberry.enum_value("positions", description="Positions, reserved coins, shorts and open orders.")
    TRADES = strawberry.enum_value("trades", description="All trades.")
    BACK_FILL = strawberry.enum_value("back-fill", description="The portfolio's past, reconstructed from the trades.")


@covered("view", "import")
@strawberry.type(description="What could not be imported.")
class ImportProblem:
    hopper: str | None = strawberry.field(description="Which hopper, by its id; null: all of them.")
    message: str = strawberry.field(description="What went wrong and what to do.")


@covered("view", "import")
@strawberry.type(description="How an import comes along.")
class ImportProgress:
    state: ImportState = strawberry.field(description="What has become of it.")
    stage: ImportStage | None = strawberry.field(description="What it does now, or did last; null before it begins.")
    hopper: str | None = strawberry.field(description="The hopper in hand, by its id.")
    done: int = strawberry.field(description="How much of the stage is done: hoppers, trades or candles.")
    total: int | None = strawberry.field(description="Of how many, as far as that can be told.")
    estimated_end_at: datetime | None = strawberry.field(description="When all of it will be over, by what is done.")
    began_at: datetime | None = strawberry.field(description="When it began; null while it waits.")
    finished_at: datetime | None = strawberry.field(description="When it was over; null until then.")
    problems: list[ImportProblem] = strawberry.field(description="What could not be imported.")

    @classmethod
    def of(cls, progress: imports.ImportProgress) -> Self:
        is_waiting = progress.state is imports.ImportState.WAITING
        return cls(
            state=ImportState(progress.state.value),
            stage=None if is_waiting else ImportStage(progress.stage.value),
            hopper=progress.hopper,
            done=progress.done,
            total=progress.total,
            estimated_end_at=progress.estimated_end_at,
            began_at=progress.began_at,
            finished_at=progress.finished_at,
            problems=[ImportProblem(hopper=one.hopper, message=one.message) for one in progress.problems],
        )


@strawberry.type
class LinkQuery:
    @field("view", "link", "How the account at Cryptohopper is linked.")
    async def link(self, info: Info) -> Link:
        caller = await info.context.caller()
        return Link.of(await info.context.services.linking.state(caller.user))

    @field("view", "import", "How the newest import comes along; null when there never was one.")
    async def import_progress(self, info: Info) -> ImportProgress | None:
        caller = await info.context.caller()
        progress = await info.context.services.linking.progress(caller.user)
        return None if progress is None else ImportProgress.of(progress)


@strawberry.type
class LinkMutation:
    @mutation(
        "change",
        "link",
        "Begin to link an account: send the user to the address. What comes back is good in this session only, for ten"
        " minutes and once.",
    )
    async def begin_link(self, info: Info) -> BeginLink:
        context = info.context
        context.must_be_ours()
        caller = await context.caller()
        return BeginLink(authorize_url=await context.services.linking.begin(caller.user, caller.session))

    @mutation(
        "change",
        "link",
        "Link the account whose user has allowed it, and begin to import it. INVALID when the state is not of this"
        " session or was used, when the code has expired, or when the account is another user's or not the one from"
        " before; then nothing is linked.",
    )
    async def complete_link(self, info: Info, code: str, state: str) -> Link:
        context = info.context
        context.must_be_ours()
        caller = await context.caller()
        link = await context.services.linking.complete(caller.user, caller.session, code, state)
        await context.services.changes.tell("account", caller.user)
        return Link.of(link)

    @mutation(
        "change",
        "link",
        "Destroy the tokens and stop reading; what was recorded stays. INVALID when the password is wrong; false when"
        " Cryptohopper did not confirm: revoke the app there, too.",
    )
    async def unlink(self, info: Info, password: str) -> bool:
        context = info.context
        context.must_be_ours()
        caller = await context.caller()
        accounts = context.services.accounts
        await accounts.entrance.prove(caller, password, None, context.address(), wants_code=False)
        is_confirmed = await context.services.linking.unlink(caller.user)
        await context.services.changes.tell("account", caller.user)
        return is_confirmed

    @mutation(
        "begin",
        "import",
        "Import everything anew, from where the last import ended; false while one is under way. LINK_AGAIN when the"
        " account must be linked again first, NOT_FOUND when none is linked.",
    )
    async def refresh_import(self, info: Info) -> bool:
        context = info.context
        context.must_be_ours()
        caller = await context.caller()
        return await context.services.linking.refresh(caller.user)


@strawberry.type
class LinkSubscription:
    @subscription("view", "import", "How the import comes along, whenever that changes, at most twice a second.")
    async def import_progress(self, info: Info) -> AsyncIterator[ImportProgress]:
        services = info.context.services
        caller = await info.context.caller()
        async with services.changes.of("import", caller.user) as changes:
            now = await services.linking.progress(caller.user)
            if now is not None:
                yield ImportProgress.of(now)
            async for payload in changes:
                progress = (
                    await services.linking.progress(caller.user) if payload is None else import_from_wire(payload)
                )
                if progress is not None:
                    yield ImportProgress.of(progress)
