"""The analyser's ports onto tables and the streamer."""

from collections.abc import Sequence
from datetime import UTC, datetime

from analyser.ports import FlowBook
from cryptwire.clock import EPOCH
from cryptwire.codec.ohlcv import CandlesRequest, Ohlcv, reply_from_wire, request_to_wire
from cryptwire.domain.hopper import HopperId
from cryptwire.domain.ticker import Pair
from cryptwire.messaging.bus import Bus
from cryptwire.messaging.subjects import World
from cryptwire.storage.database import Database
from cryptwire.storage.flows import Flows
from cryptwire.storage.hopper_events import bases

_END = datetime(9000, 1, 1, tzinfo=UTC)
_PATIENCE = 15.0  # seconds; the streamer may wait for the exchange's rate limit


class StoredFlows:
    """Flows of the tables."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._flows = Flows(database)

    async def of(self, hopper: HopperId) -> FlowBook:
        """Candidates before the flows that begin of them: one that begins meanwhile is in both, never in none. Flows
        before their version: a version that is newer than they are shows as a change at the next look.
        """
        undecided = await self._flows.candidates(hopper)
        flows = await self._flows.within(hopper, EPOCH, _END)
        version = await self._flows.history_version(hopper)
        changes = (await bases(self._database, [hopper])).get(hopper)
        return FlowBook(flows, undecided, version, changes[-1][0] if changes else None)

    async def marks(self, hoppers: Sequence[HopperId]) -> dict[HopperId, int]:
        """How many versions of flows each has, those that have any."""
        return await self._flows.marks(hoppers)


class StreamedCandles:
    """Candles that the streamer reads from the exchange."""

    def __init__(self, bus: Bus, world: World) -> None:
        self._bus = bus
        self._world = world

    async def since(self, pair: Pair, timeframe: str, since: datetime, limit: int) -> list[Ohlcv]:
        """Candles opened at or after ``since``, oldest first. Raises Unavailable, Refused."""
        request = request_to_wire(CandlesRequest(timeframe, since, limit))
        rows = reply_from_wire(await self._bus.request(self._world.candles(pair), request, _PATIENCE))
        return sorted(rows, key=lambda row: row.opened_at)
