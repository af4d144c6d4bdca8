"""What tells a client that there is something new to read."""

from collections.abc import AsyncIterator

import strawberry

from api.schema.context import Info
from api.schema.rules import subscription


@strawberry.type
class ChangeSubscription:
    @subscription(
        "view",
        "account",
        "True at once, when something of the account has changed, and each 30 s: read what is shown of it again.",
    )
    async def account_changed(self, info: Info) -> AsyncIterator[bool]:
        caller = await info.context.caller()
        async with info.context.services.changes.of("account", caller.user) as changes:
            yield True
            async for _ in changes:
                yield True
