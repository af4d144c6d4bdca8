"""Dashboards of users: read, saved, copied, taken out and in."""

from typing import Protocol
from uuid import UUID

from api.handlers.changes import Changes
from api.ports import Hoppers
from cryptwire.codec.dashboard import body_from_json, from_text, to_text, without_hoppers
from cryptwire.domain.dashboard import FIRST_NAME, DashboardBody, DashboardId, first_body, named
from cryptwire.domain.hopper import UserId
from cryptwire.errors import Conflict, CryptwireError, Invalid, NotFound
from cryptwire.storage.dashboards import Dashboard, Version

FIRST = DashboardId("first")
"""The id of what who has no dashboard is given; it is kept under one of its own with the first change."""
_MOST_AT_ONCE = 20
_UUID_LENGTH = 36


class DashboardRows(Protocol):
    """See cryptwire/storage/dashboards.py; raises Unavailable."""

    async def of_user(self, user: UserId) -> list[Dashboard]: ...

    async def of(self, user: UserId, id: DashboardId) -> Dashboard: ...

    async def versions(self, user: UserId, id: DashboardId, before: int, most: int) -> list[Version]: ...

    async def version(self, user: UserId, id: DashboardId, number: int) -> Version: ...

    async def add(self, user: UserId, name: str, body: DashboardBody, *, only_first: bool = False) -> Dashboard: ...

    async def save(self, user: UserId, id: DashboardId, body: DashboardBody, version: int) -> Dashboard: ...

    async def rename(self, user: UserId, id: DashboardId, name: str) -> Dashboard: ...

    async def delete(self, user: UserId, id: DashboardId) -> None: ...


class Dashboards:
    """Every method raises NotFound for what is not the user's, as for what is not there, and Unavailable.

    What changes something raises Invalid, saying what is wrong where, and Conflict when it was changed meanwhile. The
    first dashboard is version 0 while nothing of it is kept.
    """

    def __init__(self, rows: DashboardRows, hoppers: Hoppers, changes: Changes) -> None:
        self._rows = rows
        self._hoppers = hoppers
        self._changes = changes

    # ---- reading ----

    async def of_user(self, user: UserId) -> list[Dashboard]:
        """The first first; of who has none the one that everybody begins with."""
        return await self._rows.of_user(user) or [_first()]

    async def of(self, user: UserId, id: str) -> Dashboard:
        if id == FIRST:
            await self._must_have_none(user)
            return _first()
        return await self._rows.of(user, _id(id))

    async def versions(self, user: UserId, id: str, before: int | None, first: int) -> list[Version]:
        """Those that are kept, the newest first."""
        if not 1 <= first <= _MOST_AT_ONCE:
            raise Invalid(f"first is 1 to {_MOST_AT_ONCE}, not {first}")
        if before is not None and before < 1:
            raise Invalid("before is 1 at least; leave it out for the newest")
        one = await self.of(user, id)
        return await self._rows.versions(user, one.id, before or 2**31 - 1, first) if one.version else []

    async def text(self, user: UserId, id: str, version: int | None) -> str:
        """A dashboard as a file."""
        one = await self.of(user, id)
        body = one.body if version is None else (await self._version(user, one, version)).body
        return to_text(one.name, readable(body))

    # ---- changing ----

    async def create(self, user: UserId, name: str, body: object | None) -> Dashboard:
        """A new one; without a body as the one that everybody begins with."""
        parsed = first_body() if body is None else body_from_json(body)
        return await self._told(user, await self._rows.add(user, _named(name), parsed))

    async def save(self, user: UserId, id: str, body: object, version: int) -> Dashboard:
        """The next version of ``version``."""
        return await self._saved(user, id, body_from_json(body), version)

    async def reset(self, user: UserId, id: str, version: int) -> Dashboard:
        """The next version is as everybody begins."""
        return await self._saved(user, id, first_body(), version)

    async def restore(self, user: UserId, id: str, number: int, version: int) -> Dashboard:
        """The next version is as the earlier one with this ``number``."""
        one = await self.of(user, id)
        return await self._saved(user, id, readable((await self._version(user, one, number)).body), version)

    async def rename(self, user: UserId, id: str, name: str) -> Dashboard:
        """The same version under another name."""
        called = _named(name)
        if id == FIRST:
            return await self._told(user, await self._rows.add(user, called, first_body(), only_first=True))
        return await self._told(user, await self._rows.rename(user, _id(id), called))

    async def duplicate(self, user: UserId, id: str, name: str) -> Dashboard:
        """A copy of the newest version."""
        called, one = _named(name), await self.of(user, id)
        if one.id == FIRST:
            await self._rows.add(user, one.name, first_body(), only_first=True)
        return await self._told(user, await self._rows.add(user, called, readable(one.body)))

    async def delete(self, user: UserId, id: str) -> None:
        """It and its versions."""
        if id == FIRST:
            await self._must_have_none(user)
            raise Invalid("this is what everybody begins with; nothing of it is kept that could be deleted")
        await self._rows.delete(user, _id(id))
        await self._changes.tell("account", user)

    async def take_in(self, user: UserId, text: str, name: str | None) -> tuple[Dashboard, tuple[str, ...]]:
        """A new one out of a file, under its own name unless another is given; and which hoppers were left out."""
        called, body = from_text(text)
        known = {str(one.hopper.id) for one in await self._hoppers.known(user)}
        kept, left_out = without_hoppers(body, known)
        made = await self._rows.add(user, _named(name or called or FIRST_NAME), kept)
        return await self._told(user, made), left_out

    async def _saved(self, user: UserId, id: str, body: DashboardBody, version: int) -> Dashboard:
        if id == FIRST:
            if version != 0:
                raise Conflict("nothing of this is kept yet: it is version 0", 0)
            return await self._told(user, await self._rows.add(user, FIRST_NAME, body, only_first=True))
        return await self._told(user, await self._rows.save(user, _id(id), body, version))

    async def _version(self, user: UserId, one: Dashboard, number: int) -> Version:
        if not 1 <= number <= one.version:
            raise NotFound("there is no such version, or it is not kept any more")
        return await self._rows.version(user, one.id, number)

    async def _must_have_none(self, user: UserId) -> None:
        if await self._rows.of_user(user):
            raise NotFound("there is no such dashboard")

    async def _told(self, user: UserId, one: Dashboard) -> Dashboard:
        await self._changes.tell("account", user)
        return one


def readable(body: DashboardBody | CryptwireError) -> DashboardBody:
    """A body; raises why it is none."""
    if isinstance(body, CryptwireError):
        raise body
    return body


def _first() -> Dashboard:
    return Dashboard(FIRST, FIRST_NAME, 0, first_body(), None, None)


def _named(name: str) -> str:
    return named(name, "the name of a dashboard")


def _id(text: str) -> DashboardId:
    try:
        if len(text) == _UUID_LENGTH:
            return DashboardId(str(UUID(text)))
    except ValueError:
        pass
    raise NotFound("there is no such dashboard")
