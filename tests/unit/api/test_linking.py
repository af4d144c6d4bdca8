"""What linking leaves when the gateway is away, or its answer is lost."""

from collections.abc import Sequence
from datetime import timedelta

import pytest

from api.handlers.linking import Linking, LinkState
from cryptwire.domain.hopper import HopperId, LinkedHopper, UserId
from cryptwire.domain.hopper_change import KnownHopper
from cryptwire.domain.imports import ImportProgress
from cryptwire.errors import LinkAgain, NotFound, Unavailable
from cryptwire.gateway_client import Link as GatewayLink
from cryptwire.gateway_client import LinkState as GatewayState

USER, SESSION = UserId("u"), b"session"


class World:
    """The gateway, the tables and the queue, and what was done with them; ``away``: calls that fail."""

    def __init__(self) -> None:
        self.done: list[str] = []
        self.away: set[str] = set()
        self.link_ = GatewayLink(GatewayState.LINKED, ("read",))
        self.is_under_way = True

    def _call(self, name: str) -> None:
        if name in self.away:
            raise Unavailable(name)
        self.done.append(name)

    # the gateway

    async def begin_link(self, user: UserId, redirect_uri: str) -> tuple[str, str]:
        return redirect_uri, "state"

    async def link(self, user: UserId, code: str, state: str, *, within: timedelta | None = None) -> GatewayState:
        self._call("link")
        return GatewayState.LINKED

    async def link_state(self, user: UserId) -> GatewayLink:
        return self.link_

    async def hoppers(self, user: UserId, max_age: timedelta = timedelta(0)) -> list[LinkedHopper]:
        self._call("hoppers")
        return []


class Gateway(World):
    async def unlink(self, user: UserId) -> bool:
        self._call("gateway.unlink")
        return True


class Tables:
    def __init__(self, world: World) -> None:
        self.world = world

    async def keep(self, state: str, session: bytes, user: UserId) -> None: ...

    async def use(self, state: str, session: bytes, user: UserId) -> bool:
        return True

    async def known(self, user: UserId) -> list[KnownHopper]:
        return []

    async def linked(self, user: UserId) -> list[HopperId]:
        return [] if "hoppers.unlink" in self.world.done else [HopperId("1")]

    async def others(self, user: UserId, hoppers: Sequence[HopperId]) -> list[HopperId]:
        return []

    async def unlink(self, user: UserId) -> None:
        self.world.done.append("hoppers.unlink")

    async def ask(self, user: UserId) -> bool:
        self.world.done.append("ask")
        return True

    async def stop(self, user: UserId, reason: str) -> bool:
        self.world.done.append("stop")
        return self.world.is_under_way

    async def progress(self, user: UserId) -> ImportProgress | None:
        return None

    async def put(self, user: UserId) -> None:
        self.world._call("put")


def linking(world: Gateway | None) -> Linking:
    tables = Tables(world or World())
    return Linking(world, tables, tables, tables, tables, redirect_uri="http://x", scopes=("read", "manage"))


async def test_while_the_gateway_is_away_nothing_is_unlinked_and_the_import_goes_on() -> None:
    world = Gateway()
    world.away.add("gateway.unlink")
    with pytest.raises(Unavailable):
        await linking(world).unlink(USER)
    assert world.done == ["stop", "ask"]
    world.away.clear()
    assert await linking(world).unlink(USER) is True
    assert world.done[2:] == ["stop", "gateway.unlink", "hoppers.unlink"]


async def test_a_link_whose_answer_was_lost_is_a_link() -> None:
    world = Gateway()
    world.away |= {"link", "put"}  # the queue is away, too: the next look at the table finds the import
    said = await linking(world).complete(USER, SESSION, "code", "state")
    assert (said.state, said.missing) == (LinkState.SCOPES_MISSING, ("manage",))
    assert world.done[-1] == "ask"
    world.link_ = GatewayLink(GatewayState.NONE)
    with pytest.raises(Unavailable):
        await linking(world).complete(USER, SESSION, "code", "state")


async def test_a_token_that_tells_no_scopes_has_those_that_were_asked_for_and_write_is_manage() -> None:
    world = Gateway()
    for scopes in ((), ("read", "write"), ("read", "manage", "trade")):
        world.link_ = GatewayLink(GatewayState.LINKED, scopes)
        assert (await linking(world).state(USER)).state is LinkState.LINKED


async def test_tokens_that_went_without_their_owner_must_be_linked_again() -> None:
    world = Gateway()
    world.link_ = GatewayLink(GatewayState.NONE)
    assert (await linking(world).state(USER)).state is LinkState.MUST_LINK_AGAIN
    with pytest.raises(NotFound):
        await linking(world).refresh(USER)
    world.link_ = GatewayLink(GatewayState.MUST_LINK_AGAIN)
    with pytest.raises(LinkAgain):
        await linking(world).refresh(USER)


async def test_where_no_gateway_is_set_up_that_is_said() -> None:
    with pytest.raises(Unavailable, match="not set up"):
        await linking(None).state(USER)
