"""Series that are computed live, once for all who read them: what is alike for portfolios, sums and pairs."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Generic, NamedTuple, TypeVar
from zoneinfo import ZoneInfo

import orjson

from candles.datafeed.handlers.clients import Client
from candles.datafeed.logic.forming import Formation, Update
from candles.datafeed.logic.symbols import Symbol
from cryptwire.clock import EPOCH, Clock
from cryptwire.domain.hopper import UserId
from cryptwire.errors import CryptwireError, Unavailable
from cryptwire.log import Log
from cryptwire.metrics import Meters
from cryptwire.permissions import Needs

_AGAIN = timedelta(seconds=1)
_CLOSE_COMES_WITHIN = timedelta(seconds=2)
_log = Log(__name__)


class Ages(NamedTuple):
    """How old the numbers of a bar are, and until when they count as fresh; EPOCH: they do not."""

    prices_at: datetime | None
    assets_at: datetime | None
    fresh_until: datetime


@dataclass(slots=True, eq=False)
class Chart:
    """One series as read by any number of clients: a symbol and a resolution as the clients spell them, a zone."""

    symbol: str
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
    def reset_text(self) -> str:
        return told({"type": "reset", "symbol": self.symbol, "resolution": self.label})


C = TypeVar("C", bound=Chart)


class Charts(ABC, Generic[C]):
    """The series of one kind: found, begun from what is stored, told as they form, forgotten when nobody reads them.

    ``needs``: what a reader must be allowed to beyond the stream itself.
    """

    needs: Needs
    close_comes_within = _CLOSE_COMES_WITHIN
    """So long the close of a bar is waited for when the next one has begun already."""

    loaders = 3
    """So many series are begun at the same time."""

    def __init__(self, clock: Clock, meters: Meters) -> None:
        self._clock = clock
        self._meters = meters
        self._loads: asyncio.Queue[C] = asyncio.Queue()
        self._bars_told = 0

    # what a kind must say

    @abstractmethod
    async def find(self, user: UserId, symbol: Symbol, text: str, label: str) -> C:
        """The series of a symbol as this user may see it, known from now on; raises NotFound, Invalid, Unavailable."""

    @abstractmethod
    def all(self) -> list[C]:
        """Every series that somebody reads."""

    @abstractmethod
    async def _seed(self, chart: C) -> None:
        """Begin the bar in progress from what is stored and was heard since, and tell it; raises Unavailable."""

    @abstractmethod
    def _ages(self, chart: C, now: datetime) -> Ages | None:
        """The ages of what a bar would be told of; None: nothing can be told."""

    @abstractmethod
    def _forget(self, chart: C) -> None:
        """Nobody reads it any more."""

    # who reads

    def join(self, chart: C, client: Client) -> None:
        """``client`` reads ``chart`` from now on."""
        chart.clients.add(client)
        if chart.formation.bar is None:
            self._load(chart)
        elif chart.payload is not None:
            client.tell(chart, chart.payload, is_final=False)

    def leave(self, chart: C, client: Client) -> None:
        """And no longer."""
        client.forget(chart)
        chart.clients.discard(client)
        if not chart.clients:
            self._forget(chart)

    # what is told

    def on_gap(self) -> None:
        """Messages may have been missed: begin anew and let clients read history again."""
        for chart in self.all():
            self._begin_anew(chart)

    def on_account(self, user: UserId) -> None:
        """Something of a user has changed."""

    def _begin_anew(self, chart: C) -> None:
        chart.formation.bar = None
        self._reset(chart)

    def _reset(self, chart: C) -> None:
        for client in chart.clients:
            client.reset(chart)
        self._load(chart)

    def _apply(self, chart: C, updates: list[Update]) -> None:
        """Tell all readers, once serialised; load what the formation lacks."""
        for update in updates:
            self._tell(chart, update)
        if chart.formation.bar is None and not chart.is_loading:
            if chart.formation.has_reset:
                chart.formation.has_reset = False
                self._reset(chart)
            else:
                self._load(chart)
        if chart.formation.holds:
            chart.held_since = chart.held_since or self._clock.now()
        else:
            chart.held_since = None

    def _tell(self, chart: C, update: Update) -> None:
        now = self._clock.now()
        ages = self._ages(chart, now)
        if ages is None:
            return
        chart.sequence += 1
        chart.was_fresh = now <= ages.fresh_until
        chart.fresh_until = ages.fresh_until
        values = update.values
        chart.payload = told(
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
                "prices_at": ages.prices_at,
                "assets_at": ages.assets_at,
                "is_fresh": chart.was_fresh,
            }
        )
        for client in chart.clients:
            client.tell(chart, chart.payload, is_final=update.is_final)
        self._bars_told += len(chart.clients)

    # what is read

    def _load(self, chart: C) -> None:
        if not chart.is_loading:
            chart.is_loading = True
            self._loads.put_nowait(chart)

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
            except CryptwireError as error:
                self._refused(chart, error)
            except Exception as error:  # noqa: BLE001 - outermost edge of a chart: the others go on
                _log.error("a chart could not be begun", symbol=chart.symbol, exception=error)
            chart.is_loading = False

    def _refused(self, chart: C, error: CryptwireError) -> None:
        _log.error("a chart could not be begun", symbol=chart.symbol, exception=error)

    # what the clock brings

    def every_second(self, now: datetime) -> None:
        """A close that does not come is not waited for; what has become old, or fresh again, is told as such."""
        for chart in self.all():
            if chart.held_since is not None and now - chart.held_since >= self.close_comes_within:
                chart.held_since = None
                self._apply(chart, chart.formation.force())
            elif chart.was_fresh and now > chart.fresh_until:
                self._look_at_age(chart, now)

    def _look_at_age(self, chart: C, now: datetime) -> None:
        state = chart.formation.state()
        if state is not None:
            self._tell(chart, state)

    def count(self) -> tuple[int, int]:
        """How many series are computed, and how many bars were handed to sockets since the last count."""
        bars_told, self._bars_told = self._bars_told, 0
        return len(self.all()), bars_told

    def jobs(self) -> list[Callable[[], Any]]:
        """What must run while series are read."""
        return [self._loader] * self.loaders


def told(body: dict[str, Any]) -> str:
    """A message of the stream."""
    return orjson.dumps(body).decode()
