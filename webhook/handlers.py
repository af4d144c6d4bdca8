"""The one route, and the reads that it brings forward."""

import asyncio
import contextlib
import random
from collections.abc import Collection
from datetime import datetime, timedelta

from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response

from cryptwire.clock import Clock
from cryptwire.codec.trade import trade_to_wire
from cryptwire.domain.hopper import Hopper, HopperId
from cryptwire.errors import Corrupt, Exhausted, Invalid, Refused, Unavailable
from cryptwire.log import Log
from cryptwire.messaging.subjects import LIVE
from cryptwire.metrics import Meters
from webhook import logic
from webhook.logic import Hint, Seen
from webhook.ports import Bus, Hoppers, TradeList, Trades

_log = Log(__name__)
_LARGEST = 64 * 1024
_BODY_SECONDS = 5.0
_AT_ONCE = 16
_HEADER = "x-hub-signature"


class Reads:
    """Trade lists to be read, one task for each hopper that was hinted at.

    A hopper is read at most once in ``every``; hints that come meanwhile are served by one read, later. A hopper that
    cannot be read now is tried again and holds up no other.
    """

    def __init__(
        self,
        trade_list: TradeList,
        hoppers: Hoppers,
        trades: Trades,
        bus: Bus,
        clock: Clock,
        meters: Meters,
        *,
        every: timedelta,
        most: int,
    ) -> None:
        self._list = trade_list
        self._hoppers = hoppers
        self._trades = trades
        self._bus = bus
        self._clock = clock
        self._meters = meters
        self._every = every
        self._most = most
        self._wanted: set[HopperId] = set()
        self._tasks: dict[HopperId, asyncio.Task[None]] = {}
        self._read_at: dict[HopperId, datetime] = {}
        self._places = asyncio.Semaphore(_AT_ONCE)
        self._ending = asyncio.Event()

    def has_room_for(self, hoppers: Collection[HopperId]) -> bool:
        return len(self._tasks) + len(set(hoppers) - self._tasks.keys()) <= self._most and not self._ending.is_set()

    def want(self, hopper: HopperId) -> None:
        """Have its trades read, now or when it is its turn."""
        self._wanted.add(hopper)
        if hopper not in self._tasks:
            self._tasks[hopper] = asyncio.create_task(self._serve(hopper))

    async def finish(self, within: float) -> None:
        """Read what is wanted without further waiting; what is not done then is left to the comparison."""
        self._ending.set()
        if self._tasks:
            _, left = await asyncio.wait(self._tasks.values(), timeout=within)
            for task in left:
                task.cancel()
            await asyncio.gather(*left, return_exceptions=True)

    async def _serve(self, hopper: HopperId) -> None:
        try:
            while hopper in self._wanted:
                read_at = self._read_at.get(hopper)
                if read_at is not None:
                    await self._wait(read_at + self._every - self._clock.now())
                self._wanted.discard(hopper)
                await self._read_until_done(hopper)
        finally:
            del self._tasks[hopper]
            self._forget()

    def _forget(self) -> None:
        """Keep only times that still matter; looked at when there are many."""
        if len(self._read_at) > self._most:
            now = self._clock.now()
            self._read_at = {hopper: at for hopper, at in self._read_at.items() if now - at < self._every}

    async def _wait(self, span: timedelta) -> None:
        """Let ``span`` pass, or the end come."""
        if span <= timedelta(0) or self._ending.is_set():
            return
        sleeping = asyncio.ensure_future(self._clock.sleep(span))
        ending = asyncio.ensure_future(self._ending.wait())
        try:
            await asyncio.wait({sleeping, ending}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            sleeping.cancel()
            ending.cancel()

    async def _read_until_done(self, hopper: HopperId) -> None:
        failures = 0
        while True:
            retry_after = 0.0
            try:
                async with self._places:
                    self._read_at[hopper] = self._clock.now()
                    await self._read(hopper)
                return
            except Unavailable as error:
                failures += 1
                retry_after = error.retry_after if isinstance(error, Exhausted) else 0.0
                self._count_read("unavailable")
                if failures == 1:
                    _log.warning("a trade list cannot be read now", hopper=hopper, reason=error)
            except (Refused, Corrupt) as error:
                self._count_read("refused")
                _log.warning("a trade list is not read", hopper=hopper, reason=error)
                return
            await self._wait(logic.pause(failures, random.random(), retry_after))
            if self._ending.is_set():
                return

    async def _read(self, hopper_id: HopperId) -> None:
        hopper = (await self._hoppers.by_id([hopper_id])).get(hopper_id)
        if hopper is None:
            self._count_read("unknown_hopper")
            return
        since = logic.read_from(await self._trades.last_at(hopper.id), self._clock.now())
        added = await self._trades.add(await self._list.since(hopper.user, hopper.id, since))
        self._count_read("added" if added else "nothing_new")
        self._meters.count("webhook_trades", "Trades added", len(added))
        with contextlib.suppress(Unavailable):
            for trade in added:
                await self._publish(hopper, trade_to_wire(trade))

    async def _publish(self, hopper: Hopper, payload: bytes) -> None:
        try:
            await self._bus.publish(LIVE.trade(hopper.exchange, hopper.id), payload)
        except Unavailable as error:
            _log.warning("trades are not told; they are in the database", hopper=hopper.id, reason=error)
            raise

    def _count_read(self, outcome: str) -> None:
        self._meters.count("webhook_reads", "Trade lists read", outcome=outcome)


class Receiver:
    """``POST /webhooks/cryptohopper``: answers at once, whatever the reads cost."""

    def __init__(self, secret: str, verification_code: str, reads: Reads, clock: Clock, meters: Meters) -> None:
        if not secret:
            raise Invalid("without the app's secret nobody can tell who calls: CRYPTWIRE_WEBHOOK_APP_SECRET is empty")
        self._secret = secret
        self._verification_code = verification_code
        self._reads = reads
        self._clock = clock
        self._meters = meters
        self._seen = Seen()

    async def on_call(self, request: Request) -> Response:
        try:
            async with asyncio.timeout(_BODY_SECONDS):
                body = await _body(request)
        except TimeoutError:
            return self._answer(408, "the body took too long", "slow")
        except ClientDisconnect:
            return self._answer(400, "the body was cut off", "cut_off")
        if body is None:
            return self._answer(413, "the body is too large", "too_large")
        if not logic.is_signed(body, request.headers.get(_HEADER, ""), self._secret):
            return self._answer(401, "the signature is missing or wrong", "bad_signature")
        try:
            call = logic.parsed(body)
        except Invalid as error:
            return self._answer(400, str(error), "garbage")
        if call.kind == "validate":
            return self._answer(200, self._verification_code, "validated")
        if call.kind != "messages":
            return self._answer(200, "ok", "unknown_type")
        self._count("malformed", call.malformed)
        if not self._take(call.hints):
            return self._answer(503, "too much waits already; try again later", "full")
        return self._answer(200, "ok", "taken")

    def _take(self, hints: tuple[Hint, ...]) -> bool:
        """Have the reads made that these ask for; all or, when there is no room, nothing."""
        now = self._clock.now()
        fresh: dict[bytes, Hint] = {hint.digest: hint for hint in hints if self._seen.is_new(hint.digest, now)}
        named = {hint.hopper for hint in fresh.values() if hint.is_trade and hint.hopper is not None}
        if not self._reads.has_room_for(named):
            return False
        for hint in fresh.values():
            self._seen.add(hint.digest, now)
            self._count("other" if not hint.is_trade else "unnamed" if hint.hopper is None else "trade")
        self._count("duplicate", len(hints) - len(fresh))
        for hopper in named:
            self._reads.want(hopper)
        return True

    def _count(self, kind: str, number: int = 1) -> None:
        if number:
            self._meters.count("webhook_messages", "Messages received", number, kind=kind)

    def _answer(self, status: int, text: str, outcome: str) -> Response:
        self._meters.count("webhook_calls", "Calls received", outcome=outcome)
        return PlainTextResponse(text, status)


async def _body(request: Request) -> bytes | None:
    """The raw body; None when it is too large, of which no more than needed is read."""
    told = request.headers.get("content-length", "")
    if told.isdecimal() and int(told[:20]) > _LARGEST:
        return None
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > _LARGEST:
            return None
    return bytes(body)
