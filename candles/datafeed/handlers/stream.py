"""``/stream``: whole bars over a WebSocket, computed once for all who read the same series."""

import asyncio
import itertools
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import orjson
from starlette.websockets import WebSocket, WebSocketDisconnect

from candles.datafeed import logic
from candles.datafeed.handlers.live import LIVE_FOR, Live, LiveBook, is_live, key_of
from candles.datafeed.handlers.rules import LIVE, NEEDS, STREAM, Rules
from candles.datafeed.handlers.udf import zone_of
from candles.datafeed.logic import Formation, Update
from candles.datafeed.ports import Caller, Hoppers, People, Series, Sessions
from cryptwire.clock import EPOCH, Clock
from cryptwire.codec.access_token import presented
from cryptwire.codec.candle import candle_from_wire
from cryptwire.domain.bar import Part, Resolution, bar_at, columns_of, joined
from cryptwire.domain.candle import Candle
from cryptwire.domain.hopper import Hopper, HopperId, UserId
from cryptwire.errors import Forbidden, Invalid, NotFound, Unauthenticated, Unavailable
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
_CLOSE_COMES_WITHIN = timedelta(seconds=2)
_SESSIONS_EVERY = timedelta(seconds=3)
_AGAIN = timedelta(seconds=1)
_LOADERS = 3
_MOST_NOTICES = 200
_ALIVE = '{"type":"alive"}'
_log = Log(__name__)

SIGN_IN_FIRST = 4401
FORBIDDEN = 4403
TOO_LONG = 1009
TOO_SLOW = 4408
TRY_AGAIN = 1013


@dataclass(slots=True)
class _Pending:
    """What one client has yet to be told of one series: never more than this."""

    final: str | None = None
    latest: str | None = None
    has_reset: bool = False


class Client:
    """One socket: what it reads, and what it has yet to be sent."""

    def __init__(self, caller: Caller) -> None:
        self.caller = caller
        self.roles = roles_of(caller)
        self.series: dict[tuple[str, str], Chart] = {}
        self.ended: tuple[int, str] | None = None
        self.sends_since: datetime | None = None
        self._pending: dict[Chart, _Pending] = {}
        self._notices: deque[str] = deque()
        self._is_alive_due = False
        self._wake = asyncio.Event()
        self.has_ended = asyncio.Event()

    def tell(self, chart: "Chart", payload: str, *, is_final: bool) -> None:
        """Send a bar when the socket takes it; a newer state replaces an older one that was not sent yet."""
        pending = self._pending.get(chart)
        if pending is None:
            pending = self._pending[chart] = _Pending()
        if is_final:
            pending.has_reset = pending.has_reset or pending.final is not None  # a bar is lost: read history again
            pending.final, pending.latest = payload, None
        else:
            pending.latest = payload
        self._wake.set()

    def reset(self, chart: "Chart") -> None:
        """Tell that the history of a series changed."""
        self._pending.setdefault(chart, _Pending()).has_reset = True
        self._wake.set()

    def notice(self, text: str) -> None:
        """Send a text of its own; who causes too many without reading them is closed."""
        if len(self._notices) >= _MOST_NOTICES:
            self.end(TOO_SLOW, "too many messages without reading the answers")
            return
        self._notices.append(text)
        self._wake.set()

    def alive(self) -> None:
        """Send a sign of life."""
        self._is_alive_due = True
        self._wake.set()

    def forget(self, chart: "Chart") -> None:
        """Send no more of a series."""
        self._pending.pop(chart, None)

    def end(self, code: int, reason: str) -> None:
        """Close the socket."""
        if self.ended is None:
            self.ended = (code, reason)
        self.has_ended.set()
        self._wake.set()

    async def next(self) -> list[str]:
        """Wait for something to send; empty when the socket is to be closed."""
        while True:
            if self.ended is not None:
                return []
            texts = list(self._notices)
            self._notices.clear()
            pending, self._pending = self._pending, {}
            for chart, what in pending.items():
                if what.has_reset:
                    texts.append(chart.reset_text)
                texts += [text for text in (what.final, what.latest) if text is not None]
            if self._is_alive_due:
                self._is_alive_due = False
                texts.append(_ALIVE)
            if texts:
                return texts
            self._wake.clear()
            await self._wake.wait()


@dataclass(slots=True, eq=False)
class Chart:
    """One series as read by any number of clients: a hopper, a resolution as the client spells it, a zone."""

    hopper: Hopper
    key: str  # of the hopper, in subjects
    label: str
    zone: ZoneInfo
    formation: Formation
    clients: set[Client] = field(default_factory=set)
    payload: str | None = None  # the bar as it was last told
    sequence: int = 0
    was_fresh: bool = False
    fresh_until: datetime = EPOCH
    held_since: datetime | None = None
    is_loading: bool = False

    @property
    def symbol(self) -> str:
        return f"HOPPER:{self.hopper.id}"

    @property
    def reset_text(self) -> str:
        return _json({"type": "reset", "symbol": self.symbol, "resolution": self.label})


class Hub:
    """Who reads what, and the bars in progress."""

    def __init__(
        self,
        sessions: Sessions,
        people: People,
        hoppers: Hoppers,
        series: Series,
        book: LiveBook,
        rules: Rules,
        clock: Clock,
        meters: Meters,
        span: timedelta,
    ) -> None:
        self._sessions = sessions
        self._people = people
        self._hoppers = hoppers
        self._series = series
        self._book = book
        self._rules = rules
        self._clock = clock
        self._meters = meters
        self._span = int(span.total_seconds())
        self._clients: set[Client] = set()
        self._charts: dict[tuple[HopperId, str, str], Chart] = {}
        self._of_hopper: dict[str, list[Chart]] = {}
        self._loads: asyncio.Queue[Chart] = asyncio.Queue()
        self._volumes: asyncio.Queue[Chart] = asyncio.Queue()
        self._volume_due: set[Chart] = set()
        self._bars_told = 0

    # What NATS brings

    async def on_live(self, message: Message) -> None:
        """``portfolio.*.live``."""
        key = self._book.on_live(message.subject, message.payload)
        charts = self._of_hopper.get(key)
        if charts:
            live = self._book.live(charts[0].hopper.id, key)
            if live is not None:
                for chart in charts:
                    self._live(chart, live)

    async def on_closed(self, message: Message) -> None:
        """``portfolio.*.closed``."""
        charts = self._of_hopper.get(self._book.on_closed(message.subject, message.payload, self._clock.now()))
        if not charts:
            return
        try:
            candle = candle_from_wire(message.payload)
        except Invalid:
            self._meters.count("datafeed_unreadable", "Messages that could not be read", kind="closed")
            return
        for chart in charts:
            if candle.hopper == chart.hopper.id:
                self._apply(chart, chart.formation.on_closed(*_of(candle, 0.0)))
                self._count_volume(chart)

    async def on_trade(self, message: Message) -> None:
        """``trade.<exchange>.<hopper>``: a trade is in the database, so volumes changed."""
        for chart in self._of_hopper.get(message.subject.rpartition(".")[2], ()):
            self._count_volume(chart)

    async def on_rewritten(self, message: Message) -> None:
        """``portfolio.*.rewritten``: stored candles of a hopper have changed."""
        charts = self._of_hopper.get(message.subject.split(".", 2)[1])
        if charts:
            self.history_changed(charts[0].hopper.id)

    async def on_account(self, message: Message) -> None:
        """``account.*``: something of a user has changed; his rights, maybe."""
        user = UserId(message.subject.rpartition(".")[2])
        self._sessions.forget(user)
        await self._look_at([client for client in self._clients if client.caller.user == user])

    def on_gap(self) -> None:
        """Messages may have been missed: begin anew and let clients read history again."""
        for charts in self._of_hopper.values():
            self.history_changed(charts[0].hopper.id)

    def history_changed(self, hopper: HopperId) -> None:
        """Bars that clients have seen are no longer true: tell them to read history again."""
        for chart in self._of_hopper.get(key_of(hopper), ()):
            chart.formation.bar = None
            self._reset(chart)

    def _reset(self, chart: Chart) -> None:
        for client in chart.clients:
            client.reset(chart)
        self._load(chart)

    def _live(self, chart: Chart, live: Live) -> None:
        self._apply(chart, chart.formation.on_live(*_of(live.candle, live.volume)))
        if chart.formation.holds:
            chart.held_since = chart.held_since or self._clock.now()
        else:
            chart.held_since = None

    def _apply(self, chart: Chart, updates: list[Update]) -> None:
        """Tell all readers, once serialised; load what the formation lacks."""
        for update in updates:
            self._tell(chart, update)
        if chart.formation.bar is None and not chart.is_loading:
            if chart.formation.has_reset:
                chart.formation.has_reset = False
                self._reset(chart)
            else:
                self._load(chart)

    def _tell(self, chart: Chart, update: Update) -> None:
        live = self._book.live(chart.hopper.id, chart.key)
        if live is None:
            return
        chart.sequence += 1
        chart.was_fresh = live.is_fresh and is_live(live, self._clock.now())
        chart.fresh_until = live.at + LIVE_FOR
        values = update.values
        chart.payload = _json(
            {
                "type": "bar",
                "symbol": chart.symbol,
                "resolution": chart.label,
                "bar": {
                    "time": update.bar.time,
                    "open": values.open,
                    "high": values.high,
                    "low": values.low,
                    "close": values.close,
                    "volume": values.volume,
                },
                "final": update.is_final,
                "seq": chart.sequence,
                "prices_at": live.prices_at,
                "assets_at": live.assets_at,
                "is_fresh": chart.was_fresh,
            }
        )
        for client in chart.clients:
            client.tell(chart, chart.payload, is_final=update.is_final)
        self._bars_told += len(chart.clients)

    # What the database brings

    def _load(self, chart: Chart) -> None:
        if not chart.is_loading:
            chart.is_loading = True
            self._loads.put_nowait(chart)

    def _count_volume(self, chart: Chart) -> None:
        if chart.formation.bar is not None and chart not in self._volume_due:
            self._volume_due.add(chart)
            self._volumes.put_nowait(chart)

    async def _loader(self) -> None:
        while True:
            chart = await self._loads.get()
            if not chart.clients:
                chart.is_loading = False
                continue
            try:
                await self._seed(chart)
            except Unavailable:
                self._loads.put_nowait(chart)
                await self._clock.sleep(_AGAIN)
                continue
            except Exception as error:  # noqa: BLE001 - outermost edge of a chart: the others go on
                _log.error("a chart could not be begun", symbol=chart.symbol, exception=error)
            chart.is_loading = False

    async def _seed(self, chart: Chart) -> None:
        """Begin the bar in progress from the database and what was heard since, and tell it."""
        hopper, formation = chart.hopper, chart.formation
        now = self._clock.now()
        bar = bar_at(formation.resolution, chart.zone, self._newest(hopper.id, now))
        stored = await self._series.newest(hopper.id, bar.start, bar.end, formation.resolution.most_candles)
        portfolio = self._book.live(hopper.id)
        until = bar.end
        if portfolio is not None:
            until = min(bar.end, max(bar.start, int(portfolio.candle.opened_at.timestamp())))
        volume = await self._series.volume(hopper.id, hopper.base, bar.start, until)
        now = self._clock.now()  # from here to the end nothing can come between
        newest = self._newest(hopper.id, now)
        if not bar.start <= newest < bar.end:
            await self._seed(chart)  # the bar ended meanwhile
            return
        formation.seed(newest, joined(stored, columns_of(self._book.closed(hopper.id, now))), volume, until)
        portfolio = self._book.live(hopper.id)
        updates: list[Update] = []
        if portfolio is not None:
            updates = formation.on_live(*_of(portfolio.candle, portfolio.volume))
            if not updates and (state := formation.state()) is not None:
                updates = [state]
        self._apply(chart, updates)

    def _newest(self, hopper: HopperId, now: datetime) -> int:
        """When the newest candle that is known opened; now when none is."""
        moments = [candle.opened_at for candle in self._book.closed(hopper, now)]
        portfolio = self._book.live(hopper)
        if portfolio is not None:
            moments.append(portfolio.candle.opened_at)
        return int(max(moments, default=now).timestamp())

    async def _volume_counter(self) -> None:
        while True:
            chart = await self._volumes.get()
            self._volume_due.discard(chart)
            bar, until = chart.formation.bar, chart.formation.open_at
            if bar is None or until is None or not chart.clients:
                continue
            try:
                volume = await self._series.volume(chart.hopper.id, chart.hopper.base, bar.start, until)
            except Unavailable:
                await self._clock.sleep(_AGAIN)
                self._count_volume(chart)
                continue
            if chart.formation.bar == bar:
                self._apply(chart, chart.formation.on_volume(volume, until))

    # What the clock brings

    async def _every_second(self) -> None:
        for tick in itertools.count(1):
            await self._clock.sleep(_SECOND)
            now = self._clock.now()
            for chart in list(self._charts.values()):
                if chart.held_since is not None and now - chart.held_since >= _CLOSE_COMES_WITHIN:
                    chart.held_since = None
                    self._apply(chart, chart.formation.force())
                elif chart.was_fresh and now > chart.fresh_until:
                    state = chart.formation.state()
                    if state is not None:
                        self._tell(chart, state)
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
            self._meters.count("datafeed_bars_told", "Bars handed to sockets", self._bars_told)
            self._bars_told = 0
            self._meters.set("datafeed_sockets", "Open sockets", len(self._clients))
            self._meters.set("datafeed_charts", "Series computed live", len(self._charts))

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
        try:
            self._rules.must(roles, LIVE)
        except Forbidden as error:
            for symbol, label in list(client.series):
                self._leave(client, (symbol, label))
                self._refuse(client, symbol, label, "forbidden", str(error))

    def jobs(self) -> list[Callable[[], Any]]:
        """What must run while streams are served."""
        return [*[self._loader] * _LOADERS, self._volume_counter, self._every_second, self._look_at_rights]

    # What a socket brings

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
        self._clients.add(client)
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
            self._clients.discard(client)
            for key in list(client.series):
                self._leave(client, key)
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
        except Unavailable as error:
            self._refuse(client, symbol, label, "unavailable", f"try again in a moment: {error}")

    def _refuse(self, client: Client, symbol: str | None, label: str | None, code: str, text: str) -> None:
        self._meters.count("datafeed_refused", "Messages and sockets refused", reason=code)
        client.notice(_json({"type": "error", "symbol": symbol, "resolution": label, "code": code, "message": text}))

    async def _join(self, client: Client, symbol: str, label: str) -> None:
        resolution = Resolution.of(label)
        self._rules.must(client.roles, LIVE)
        hopper_id = logic.hopper_of(symbol)
        if (symbol, label) not in client.series and len(client.series) >= MOST_SUBSCRIPTIONS:
            text = f"{MOST_SUBSCRIPTIONS} subscriptions at most on one connection"
            self._refuse(client, symbol, label, "too_many", text)
            return
        hopper = await self._hoppers.of(client.caller.user, hopper_id)
        zone = await zone_of(self._people, client.caller.user)
        self._leave(client, (symbol, label))  # the zone may be another now
        key = (hopper.id, label, zone.key)
        chart = self._charts.get(key)
        if chart is None:
            chart = Chart(hopper, key_of(hopper.id), label, zone, Formation(resolution, zone, self._span))
            self._charts[key] = chart
            self._of_hopper.setdefault(chart.key, []).append(chart)
        chart.clients.add(client)
        client.series[symbol, label] = chart
        if chart.formation.bar is None:
            self._load(chart)
        elif chart.payload is not None:
            client.tell(chart, chart.payload, is_final=False)

    def _leave(self, client: Client, key: tuple[str, str]) -> None:
        chart = client.series.pop(key, None)
        if chart is None:
            return
        client.forget(chart)
        chart.clients.discard(client)
        if not chart.clients:
            self._charts.pop((chart.hopper.id, chart.label, chart.zone.key), None)
            charts = self._of_hopper[chart.key]
            charts.remove(chart)
            if not charts:
                del self._of_hopper[chart.key]


def _of(candle: Candle, volume: float) -> tuple[int, Part]:
    return int(candle.opened_at.timestamp()), Part(candle.open, candle.high, candle.low, candle.close, volume)


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


def _json(body: dict[str, Any]) -> str:
    return orjson.dumps(body).decode()
