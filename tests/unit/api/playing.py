"""``/graphql`` over twins: users by token, hoppers by user; no database, no NATS, no Redis."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

from starlette.applications import Starlette
from starlette.routing import Route, WebSocketRoute

from api.handlers.changes import Changes
from api.handlers.graphql import Endpoint
from api.handlers.live import Portfolios
from api.handlers.persisted import Persisted
from api.handlers.subscriptions import Sockets
from api.schema.cost import Limits
from cryptwire.clock import EPOCH, SystemClock
from cryptwire.domain.hopper import Asset, Exchange, Hopper, HopperId, UserId
from cryptwire.domain.hopper_change import KnownHopper
from cryptwire.domain.preferences import Preferences
from cryptwire.errors import NotFound, Unauthenticated, Unavailable
from cryptwire.memory.bus import MemoryBus
from cryptwire.messaging.bus import Handler
from cryptwire.metrics import Meters
from cryptwire.permissions import Permissions
from cryptwire.runtime import jobs, serving
from cryptwire.storage.sessions import Caller

ME, YOU = UserId("5f0c1c1e-0000-4000-8000-000000000001"), UserId("5f0c1c1e-0000-4000-8000-000000000002")
LIMITS = Limits()
FAR = datetime(2099, 1, 1, tzinfo=UTC)


@dataclass
class PlayedPeople:
    """Everybody prefers the same."""

    preferences: Preferences = field(default_factory=Preferences)

    async def by_id(self, user: UserId) -> "PlayedPeople":
        return self


@dataclass
class PlayedSessions:
    """Tokens that stand for callers. A token may end while its session goes on, and the other way round."""

    tokens: dict[str, bytes] = field(default_factory=dict)
    callers: dict[bytes, Caller] = field(default_factory=dict)
    is_away: bool = False

    def begin(self, token: str, user: UserId, plan: str = "pro") -> bytes:
        session = token.encode()
        self.tokens[token] = session
        self.callers[session] = Caller(user, session, FAR, plan)
        return session

    def change(self, session: bytes, **changes: Any) -> None:
        self.callers[session] = replace(self.callers[session], **changes)

    async def who(self, token: str) -> Caller:
        try:
            return self.callers[self.tokens[token]]
        except KeyError:
            raise Unauthenticated("sign in first") from None

    async def again(self, sessions: Sequence[bytes]) -> dict[bytes, Caller]:
        if self.is_away:
            raise Unavailable("the database is away")
        return {session: self.callers[session] for session in sessions if session in self.callers}


@dataclass
class PlayedHoppers:
    """Who has which hopper."""

    hoppers: list[Hopper] = field(default_factory=list)

    async def known(self, user: UserId) -> list[KnownHopper]:
        return [KnownHopper(each, EPOCH, None, None) for each in self.hoppers if each.user == user]

    async def known_one(self, user: UserId, hopper: HopperId) -> KnownHopper:
        return KnownHopper(await self.of(user, hopper), EPOCH, None, None)

    async def of(self, user: UserId, hopper: HopperId) -> Hopper:
        for each in self.hoppers:
            if (each.user, each.id) == (user, hopper):
                return each
        raise NotFound("there is no such hopper")


class PlayedPoints:
    """Points without an end."""

    def spend(self, key: str, points: int) -> int:
        return 1_000_000


class KeptTexts(dict[str, str]):
    """Texts of persisted queries."""

    async def of(self, hashed: str) -> str | None:
        return self.get(hashed)

    async def newest(self, count: int) -> list[str]:
        return list(reversed(self.values()))[:count]

    async def keep(self, hashed: str, text: str) -> None:
        self[hashed] = text


class EndingBus(MemoryBus):
    """A bus whose subscriptions end with the test."""

    def __init__(self) -> None:
        super().__init__()
        self.ends: list[Callable[[], Awaitable[None]]] = []

    async def subscribe(self, subject: str, handler: Handler, queue: str = "") -> Callable[[], Awaitable[None]]:
        end = await super().subscribe(subject, handler, queue)
        self.ends.append(end)
        return end


@dataclass
class Played:
    """What a test asks and turns."""

    base: str
    sessions: PlayedSessions
    services: Any
    bus: MemoryBus
    meters: Meters
    sockets: Sockets
    texts: KeptTexts


def hopper(number: str, user: UserId) -> Hopper:
    return Hopper(
        HopperId(number), user, f"Bot {number}", Exchange("binance"), Asset("USDT"), False, timedelta(seconds=60)
    )


@asynccontextmanager
async def playing(
    limits: Limits = LIMITS, *, known: dict[str, str] | None = None, **more: Any
) -> AsyncIterator[Played]:
    """``/graphql`` on a port of its own; ``more`` are services that are others than usual."""
    clock, meters, bus, texts = SystemClock(), Meters(), EndingBus(), KeptTexts()
    sessions = PlayedSessions()
    changes, portfolios = Changes(clock, meters), Portfolios(meters)
    options = {"most_of_a_user": 10, "most_of_a_socket": 20, "patience": timedelta(seconds=2)}
    options |= {name: more.pop(name) for name in list(more) if name in options}
    parts: dict[str, Any] = {
        "sessions": sessions,
        "hoppers": PlayedHoppers([hopper("1", ME), hopper("2", YOU)]),
        "portfolios": portfolios,
        "changes": changes,
        "limits": limits,
        "spending": PlayedPoints(),
        "request_time": timedelta(seconds=10),
        "permissions": Permissions(),
        "clock": clock,
        "meters": meters,
        "is_development": True,
        "accounts": SimpleNamespace(trusted_proxies=1),
        "people": PlayedPeople(),
    }
    services: Any = SimpleNamespace(**(parts | more))
    persisted = Persisted(texts, limits, known)
    sockets = Sockets(services, persisted, ["https://localhost"], **options)  # type: ignore[arg-type]
    endpoint = Endpoint(services, persisted, sockets)
    app = Starlette(routes=[Route("/graphql", endpoint), WebSocketRoute("/graphql", endpoint)])
    await changes.listen(bus)
    await bus.subscribe("portfolio.*.live", portfolios.on_live)
    runtime: Any = SimpleNamespace(stop=SimpleNamespace(set=lambda: None))
    async with (
        jobs(runtime, changes.tick(), sockets.watch()),
        serving(app, "127.0.0.1", 0, ws_per_message_deflate=False) as port,
    ):
        yield Played(f"http://127.0.0.1:{port}", sessions, services, bus, meters, sockets, texts)
    for end in bus.ends:
        await end()
