"""``/stream``: who is connected over a WebSocket, and what each reads."""

import asyncio
import itertools
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import timedelta
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import orjson
from starlette.websockets import WebSocket, WebSocketDisconnect

from candles.datafeed.handlers.charts import Chart, Charts, told
from candles.datafeed.handlers.clients import TOO_SLOW, Client
from candles.datafeed.handlers.rules import NEEDS, STREAM, Rules
from candles.datafeed.logic.symbols import Symbol, symbol_of
from candles.datafeed.ports import Sessions
from cryptwire.clock import Clock
from cryptwire.codec.access_token import presented
from cryptwire.domain.bar import Resolution
from cryptwire.domain.hopper import UserId
from cryptwire.errors import Exhausted, Forbidden, Invalid, NotFound, Unauthenticated, Unavailable
from cryptwire.log import Log
from cryptwire.messaging.bus import Message
from cryptwire.metrics import Meters
from cryptwire.permissions import Roles, roles_of
from cryptwire.tasks import end

MOST_SUBSCRIPTIONS = 50
MOST_MESSAGE = 10_000  # bytes
_SECOND = timedelta(seconds=1)
_ALIVE_EVERY = 5  # seconds
_PATIENCE = timedelta(seconds=30)  # with a client that takes nothing
_SESSIONS_EVERY = timedelta(seconds=3)
_log = Log(__name__)

SIGN_IN_FIRST = 4401
FORBIDDEN = 4403
TOO_LONG = 1009
TRY_AGAIN = 1013


class _Read(NamedTuple):
    """A series that a client reads, and those who compute it."""

    charts: Charts[Any]
    chart: Chart


class Hub:
    """Who reads what. ``kinds``: who computes the series of each kind of symbol."""

    def __init__(
        self,
        sessions: Sessions,
        rules: Rules,
        kinds: Mapping[type[Symbol], Charts[Any]],
        clock: Clock,
        meters: Meters,
    ) -> None:
        self._sessions = sessions
        self._rules = rules
        self._kinds = kinds
        self._clock = clock
        self._meters = meters
        self._clients: dict[Client, dict[tuple[str, str], _Read]] = {}

    # what NATS brings

    async def on_account(self, message: Message) -> None:
        """``account.*``: something of a user has changed; his rights, maybe."""
        user = UserId(message.subject.rpartition(".")[2])
        self._sessions.forget(user)
        for charts in self._kinds.values():
            charts.on_account(user)
        await self._look_at([client for client in self._clients if client.caller.user == user])

    def on_gap(self) -> None:
        """Messages may have been missed: begin anew and let clients read history again."""
        for charts in self._kinds.values():
            charts.on_gap()

    # what the clock brings

    async def _every_second(self) -> None:
        for tick in itertools.count(1):
            await self._clock.sleep(_SECOND)
            now = self._clock.now()
            for charts in self._kinds.values():
                charts.every_second(now)
            is_alive_due = tick % _ALIVE_EVERY == 0
            for client in self._clients:
                if client.ended is not None:
                    continue
                if client.caller.expires_at <= now:
                    client.end(SIGN_IN_FIRST, "sign in first")
                elif client.sends_since is not None and now - client.sends_since >= _PATIENCE:
                    self._meters.count("datafeed_slow", "Sockets closed because they took nothing")
                    client.end(TOO_SLOW, "nothing was taken for too long")
                elif is_alive_due:
                    client.alive()
            counts = [charts.count() for charts in self._kinds.values()]
            self._meters.count("datafeed_bars_told", "Bars handed to sockets", sum(bars for _, bars in counts))
            self._meters.set("datafeed_sockets", "Open sockets", len(self._clients))
            self._meters.set("datafeed_charts", "Series computed live", sum(series for series, _ in counts))

    async def _look_at_rights(self) -> None:
        """Close the streams of ended sessions, and end the series of ended plans.

        While the database is away neither can end; a session's expiry is known here.
        """
        while True:
            await self._clock.sleep(_SESSIONS_EVERY)
            await self._look_at(list(self._clients))

    async def _look_at(self, clients: list[Client]) -> None:
        sessions = list({client.caller.session for client in clients})
        if not sessions:
            return
        try:
            callers = await self._sessions.again(sessions)
        except Unavailable:
            return
        for client in clients:
            caller = callers.get(client.caller.session)
            if caller is None:
                client.end(SIGN_IN_FIRST, "sign in first")
            else:
                self._now_with(client, roles_of(caller))

    def _now_with(self, client: Client, roles: Roles) -> None:
        """``client`` asks in these roles from now on; what they do not allow ends, and he is told."""
        client.roles = roles
        try:
            self._rules.must(roles, NEEDS[STREAM])
        except Forbidden as error:
            client.end(FORBIDDEN, str(error))
            return
        for (symbol, label), read in list(self._clients.get(client, {}).items()):
            try:
                self._rules.must(roles, read.charts.needs)
            except Forbidden as error:
                self._leave(client, (symbol, label))
                self._refuse(client, symbol, label, "forbidden", str(error))

    def jobs(self) -> list[Callable[[], Any]]:
        """What must run while streams are served."""
        of_kinds = [job for charts in self._kinds.values() for job in charts.jobs()]
        return [*of_kinds, self._every_second, self._look_at_rights]

    # what a socket brings

    async def stream(self, socket: WebSocket) -> None:
        """``/stream``, from the handshake to the close."""
        if not is_own_origin(socket.headers.get("origin"), socket.headers.get("host", "")):
            self._meters.count("datafeed_refused", "Messages and sockets refused", reason="origin")
            await socket.close(1008)  # before it is accepted: 403
            return
        try:
            caller = await self._sessions.who(presented(socket.headers, socket.cookies))
            self._rules.must(roles_of(caller), NEEDS[STREAM])
        except Unauthenticated:
            await socket.accept()
            await socket.close(SIGN_IN_FIRST, "sign in first")
            return
        except Forbidden as error:
            await socket.accept()
            await socket.close(FORBIDDEN, str(error))
            return
        except Unavailable:
            await socket.accept()
            await socket.close(TRY_AGAIN, "try again in a moment")
            return
        await socket.accept()
        client = Client(caller)
        self._clients[client] = {}
        tasks = [asyncio.create_task(self._send(client, socket)), asyncio.create_task(self._receive(client, socket))]
        ended = asyncio.create_task(client.has_ended.wait())
        try:
            await asyncio.wait([*tasks, ended], return_when=asyncio.FIRST_COMPLETED)
            if client.ended is not None:
                await asyncio.wait(tasks[:1], timeout=1)  # what is being sent gets a moment to go
                if tasks[0].done():
                    with suppress(WebSocketDisconnect, RuntimeError, OSError):
                        await socket.close(*client.ended)
        finally:
            for key in list(self._clients[client]):
                self._leave(client, key)
            del self._clients[client]
            for outcome in await end((*tasks, ended)):
                if isinstance(outcome, Exception):
                    _log.error("a stream broke", exception=outcome)

    async def _send(self, client: Client, socket: WebSocket) -> None:
        with suppress(WebSocketDisconnect, OSError):
            while texts := await client.next():
                client.sends_since = self._clock.now()
                for text in texts:
                    await socket.send_text(text)
                client.sends_since = None

    async def _receive(self, client: Client, socket: WebSocket) -> None:
        while True:
            message = await socket.receive()
            if message["type"] != "websocket.receive":
                if message.get("code") == TOO_LONG:  # the server's own reader refused a frame that was longer still
                    self._meters.count("datafeed_refused", "Messages and sockets refused", reason="too_long")
                return
            data = message.get("bytes")
            if data is None:
                data = (message.get("text") or "").encode()
            if len(data) > MOST_MESSAGE:
                self._meters.count("datafeed_refused", "Messages and sockets refused", reason="too_long")
                client.end(TOO_LONG, f"a message of more than {MOST_MESSAGE} bytes")
                return
            await self._on_message(client, data)

    async def _on_message(self, client: Client, data: bytes) -> None:
        symbol: str | None = None
        label: str | None = None
        try:
            asked = _asked(data)
            symbol, label = asked["symbol"], asked["resolution"]
            if asked["action"] == "subscribe":
                await self._join(client, symbol, label)
            else:
                Resolution.of(label)
                self._leave(client, (symbol, label))
        except Forbidden as error:
            self._refuse(client, symbol, label, "forbidden", str(error))
        except NotFound:
            self._refuse(client, symbol, label, "unknown_symbol", "there is no such symbol")
        except Invalid as error:
            self._refuse(client, symbol, label, "invalid", str(error))
        except Exhausted as error:
            self._refuse(client, symbol, label, "too_many", str(error))
        except Unavailable as error:
            self._refuse(client, symbol, label, "unavailable", f"try again in a moment: {error}")

    def _refuse(self, client: Client, symbol: str | None, label: str | None, code: str, text: str) -> None:
        self._meters.count("datafeed_refused", "Messages and sockets refused", reason=code)
        client.notice(told({"type": "error", "symbol": symbol, "resolution": label, "code": code, "message": text}))

    async def _join(self, client: Client, symbol: str, label: str) -> None:
        Resolution.of(label)
        named = symbol_of(symbol)
        charts = self._kinds.get(type(named))
        if charts is None:
            raise NotFound("unknown_symbol")
        self._rules.must(client.roles, charts.needs)
        reads = self._clients[client]
        if (symbol, label) not in reads and len(reads) >= MOST_SUBSCRIPTIONS:
            text = f"{MOST_SUBSCRIPTIONS} subscriptions at most on one connection"
            self._refuse(client, symbol, label, "too_many", text)
            return
        chart = await charts.find(client.caller.user, named, symbol, label)  # its zone may be another now
        self._leave(client, (symbol, label), unless=chart)
        reads[symbol, label] = _Read(charts, chart)
        charts.join(chart, client)

    def _leave(self, client: Client, key: tuple[str, str], unless: Chart | None = None) -> None:
        read = self._clients[client].pop(key, None)
        if read is not None and read.chart is not unless:
            read.charts.leave(read.chart, client)


def _asked(data: bytes) -> dict[str, str]:
    """A client's message; raises Invalid that says what is wrong with it."""
    try:
        message = orjson.loads(data)
    except orjson.JSONDecodeError:
        raise Invalid("a message must be JSON") from None
    wanted = {"action", "symbol", "resolution"}
    if not isinstance(message, dict) or message.keys() != wanted:
        raise Invalid("a message must be an object with just action, symbol and resolution")
    for name, value in message.items():
        if not isinstance(value, str) or len(value) > 100:
            raise Invalid(f"{name} must be a text of at most 100 characters")
    if message["action"] not in ("subscribe", "unsubscribe"):
        raise Invalid("action must be subscribe or unsubscribe")
    return message


def is_own_origin(origin: str | None, host: str) -> bool:
    """False when a browser says that a page of another host asks; what is no browser says nothing."""
    return origin is None or urlsplit(origin).netloc.lower() == host.lower()
