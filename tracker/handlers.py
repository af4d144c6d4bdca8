"""The tracker at work: messages in, rounds and boundaries by the clock, candles out."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from decimal import Decimal

from cryptwire.clock import Clock, from_us, to_us
from cryptwire.codec.candle import candle_to_wire
from cryptwire.codec.portfolio import flow_to_wire
from cryptwire.codec.ticker import feed_from_wire, ticker_from_wire
from cryptwire.codec.trade import trade_from_wire
from cryptwire.domain.account import Account
from cryptwire.domain.candle import Candle
from cryptwire.domain.hopper import Asset, Assignment, Exchange, Hopper, HopperId, UserId
from cryptwire.domain.portfolio import FlowCandidate
from cryptwire.domain.ticker import Feed, Ticker
from cryptwire.errors import CryptwireError, Exhausted, Invalid, Refused, Unavailable
from cryptwire.log import Log
from cryptwire.messaging.bus import Bus, Message
from cryptwire.messaging.subjects import World
from cryptwire.metrics import Meters
from tracker.logic.flows import asked_since, explain
from tracker.logic.schedule import offset, rhythm
from tracker.logic.shard import Shard
from tracker.ports import Balances, ClosedCandles, Duties, Flows, KeptAccounts, LastPrices, StoredTrades

_log = Log(__name__)
CLOSES_AFTER = timedelta(milliseconds=300)
"""A boundary is closed by the first tick stamped after it, or so long after it by the clock."""
UNCONFIRMED = timedelta(seconds=10)
"""A pod that was not confirmed for so long tells nobody anything: another may hold its hoppers."""
FROM_THE_FUTURE = timedelta(seconds=5)
"""A live tick stamped so far ahead of our clock is refused: it would close candles that are not over."""
SOONEST_POLL = timedelta(seconds=10)


class Intake:
    """Tickers and feeds into a shard; finds what was missed.

    ``on_closed`` is handed the candles that a tick closed. In a replay the ticks turn the clock, and nothing is
    refused for being stamped ahead of it.
    """

    def __init__(
        self,
        shard: Shard,
        on_closed: Callable[[list[Candle]], None],
        meters: Meters,
        clock: Clock,
        *,
        is_replay: bool = False,
    ) -> None:
        self._shard = shard
        self._on_closed = on_closed
        self._meters = meters
        self._clock = clock
        self._is_replay = is_replay
        self._received: dict[Exchange, tuple[str, int]] = {}
        self._told: dict[Exchange, tuple[str, int]] = {}
        self._awaited: dict[Exchange, list[tuple[int, asyncio.Future[None]]]] = {}
        self.missed: set[Exchange] = set()

    async def on_ticker(self, message: Message) -> None:
        """``ticker.>``: a malformed one is counted and dropped."""
        try:
            ticker = ticker_from_wire(message.payload)
            self._take(ticker)
        except Invalid as fault:
            self._meters.count("tracker_refused_messages", "Messages that could not be used.", subject="ticker")
            _log.warning("ticker refused", subject=message.subject, reason=fault)

    def _take(self, ticker: Ticker) -> None:
        if not self._is_replay and ticker.received_at > self._clock.now() + FROM_THE_FUTURE:
            raise Invalid(f"{ticker.pair} is stamped in the future: {ticker.received_at}")
        exchange = ticker.pair.exchange
        session, sequence = self._received.get(exchange, (ticker.session, ticker.sequence - 1))
        if session != ticker.session or ticker.sequence != sequence + 1:
            self.missed.add(exchange)
        self._received[exchange] = (ticker.session, ticker.sequence)
        closed = self._shard.advance(to_us(ticker.received_at))
        if closed:
            self._on_closed(closed)  # before the price: a refused one must not take them along
        self._shard.on_ticker(ticker)
        for awaited in self._awaited.get(exchange, ()):
            if ticker.sequence >= awaited[0] and not awaited[1].done():
                awaited[1].set_result(None)

    async def on_feed(self, message: Message) -> Feed | None:
        """``feed.*``: the pulse of an exchange; a gap in its sequence shows here when no later tick comes."""
        try:
            feed = feed_from_wire(message.payload)
        except Invalid as fault:
            self._meters.count("tracker_refused_messages", "Messages that could not be used.", subject="feed")
            _log.warning("feed refused", subject=message.subject, reason=fault)
            return None
        told = self._told.get(feed.exchange)
        if told is not None and told[1] > 0:
            session, sequence = self._received.get(feed.exchange, ("", 0))
            if session != told[0] or sequence < told[1]:
                self.missed.add(feed.exchange)
                self._received[feed.exchange] = told
        self._told[feed.exchange] = (feed.session, feed.sequence)
        self._shard.on_feed(feed, self._clock.now())
        return feed

    async def caught_up(self, exchange: Exchange, sequence: int) -> None:
        """Return when the ticker of ``sequence`` has been taken."""
        if self._received.get(exchange, ("", 0))[1] >= sequence:
            return
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        awaited = self._awaited.setdefault(exchange, [])
        awaited.append((sequence, future))
        await future
        awaited.remove((sequence, future))

    def missed_something(self) -> None:
        """The connection was away: every exchange may have told something meanwhile."""
        self.missed.update(self._received)


class Tracker:
    """One pod's shard against the live world."""

    def __init__(
        self,
        pod: str,
        shard: Shard,
        *,
        duties: Duties,
        balances: Balances,
        accounts: KeptAccounts,
        prices: LastPrices,
        candles: ClosedCandles,
        trades: StoredTrades,
        flows: Flows,
        bus: Bus,
        world: World,
        clock: Clock,
        meters: Meters,
        live_every: timedelta = timedelta(seconds=2),
        on_live: Callable[[int], None] = lambda _: None,
        on_round: Callable[[], None] = lambda: None,
    ) -> None:
        self._pod = pod
        self._shard = shard
        self._duties = duties
        self._balances = balances
        self._accounts = accounts
        self._prices = prices
        self._candles = candles
        self._trades = trades
        self._uncounted: set[HopperId] = set()  # of whose candle in progress trades may have been told to nobody
        self._flows = flows
        self._flows_out: list[FlowCandidate] = []
        self._bus = bus
        self._world = world
        self._clock = clock
        self._meters = meters
        self._live_every = live_every
        self._intake = Intake(shard, self._on_closed, meters, clock)
        self._held: dict[HopperId, Assignment] = {}
        self._siblings: dict[UserId, list[HopperId]] = {}
        self._learned: list[Assignment] | None = None
        self._confirmed_at: datetime | None = None
        self._primed: set[Exchange] = set()
        self._outbox: list[Candle] = []
        self._flush_now = asyncio.Event()
        self._flushing = asyncio.Lock()
        self._due: dict[HopperId, datetime] = {}
        self._polled_at: dict[HopperId, datetime] = {}
        self._failures: dict[HopperId, int] = {}
        self._read: set[HopperId] = set()  # polled with success: from then on polls are spread
        self._polling: dict[HopperId, asyncio.Task[None]] = {}
        self._polls = asyncio.Semaphore(32)
        self._on_live = on_live
        self._on_round = on_round  # told of every round, of one over no hopper, too

    # -- life ------------------------------------------------------------------------------------------------------

    async def run(self, stop: asyncio.Event) -> None:
        """Track until ``stop`` is set, then push what was closed and keep the state."""
        await self._resume(stop)
        if stop.is_set():
            return
        self._shard.begin(to_us(self._clock.now()))  # not with the stamp of whatever message comes first
        self._bus.on_gap(self._missed_something)
        ends = [
            await self._bus.subscribe(self._world.all_tickers, self._intake.on_ticker),
            await self._bus.subscribe(self._world.all_feeds, self._on_feed),
            await self._bus.subscribe(self._world.all_trades, self.on_trade),
            await self._bus.subscribe(self._world.all_polls, self.on_poll),
        ]
        loops = (
            self._each(timedelta(seconds=3), self._read_duties, stop),
            self._each(timedelta(seconds=1), self._ask_for_missed, stop),
            self._each(timedelta(seconds=1), self._count_trades, stop),
            self._each(timedelta(milliseconds=250), self._start_polls, stop),
            self._each(self._live_every, self._round, stop),
            self._watch_boundaries(stop),
            self._flush_when_closed(stop),
        )
        try:
            async with asyncio.TaskGroup() as group:
                for loop in loops:
                    group.create_task(loop)
        finally:
            for end in ends:
                with contextlib.suppress(CryptwireError):
                    await end()
            for task in self._polling.values():
                task.cancel()
            await self._flush()

    async def _each(self, every: timedelta, act: Callable[[], Awaitable[None]], stop: asyncio.Event) -> None:
        """``act`` in a steady rhythm; what is away now is tried again at the next beat."""
        due = self._clock.now()
        while not stop.is_set():
            try:
                await act()
            except Unavailable as reason:
                self._meters.count("tracker_unavailable", "Beats that found something away.", what=act.__name__)
                _log.warning("away", what=act.__name__, reason=reason)
            due = max(due + every, self._clock.now())
            await self._pause(due - self._clock.now(), stop)

    async def _pause(self, span: timedelta, stop: asyncio.Event) -> None:
        sleeping = asyncio.ensure_future(self._clock.sleep(span))
        stopping = asyncio.ensure_future(stop.wait())
        try:
            await asyncio.wait({sleeping, stopping}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            sleeping.cancel()
            stopping.cancel()

    async def _resume(self, stop: asyncio.Event) -> None:
        """Take up what was kept: state, accounts, duties. Waits for what is away; without state it begins anew."""
        while not stop.is_set():
            try:
                held = await self._duties.of_pod(self._pod)
                if held is None:
                    raise Unavailable(f"pod {self._pod} is not confirmed")
                state = await self._candles.state(self._pod)
                accounts = await self._accounts.all()
                break
            except Unavailable as reason:
                _log.warning("cannot resume yet", reason=reason)
                await self._pause(timedelta(seconds=0.5), stop)
        else:
            return
        self._learn(held)
        if state is not None:
            try:
                restored = self._shard.restore(state, ((a.hopper, a.fence) for a in held), accounts)
            except Invalid as fault:
                self._meters.count("tracker_states_lost", "Kept states that could not be read.")
                _log.error("the kept state is damaged; candles begin anew", reason=fault)
            else:
                _log.info("resumed", hoppers=len(restored), seen_to=self._shard.seen_to)
                self._uncounted.update(restored)
                self._on_closed(self._shard.advance(to_us(self._clock.now())))

    # -- what comes in ---------------------------------------------------------------------------------------------

    async def _on_feed(self, message: Message) -> None:
        await self._intake.on_feed(message)

    async def on_trade(self, message: Message) -> None:
        """``trade.>``: volume of the open candle, and the next poll comes sooner."""
        try:
            trade = trade_from_wire(message.payload)
        except Invalid as fault:
            self._meters.count("tracker_refused_messages", "Messages that could not be used.", subject="trade")
            _log.warning("trade refused", subject=message.subject, reason=fault)
            return
        self._shard.on_trade(trade)
        self._poll_soon(trade.hopper)

    async def on_poll(self, message: Message) -> None:
        """``control.*.tracker.poll``: the next poll comes sooner, as far as upstream can show anything new by then.

        For a hopper that is not held, nothing.
        """
        hopper = HopperId(message.payload[:200].decode("utf-8", "replace"))
        held, last = self._held.get(hopper), self._polled_at.get(hopper)
        if held is not None and (last is None or self._clock.now() - last >= held.hopper.refresh_every):
            self._poll_soon(hopper)

    def _poll_soon(self, hopper: HopperId) -> None:
        if hopper in self._due:
            last = self._polled_at.get(hopper, self._clock.now() - SOONEST_POLL)
            self._due[hopper] = min(self._due[hopper], max(self._clock.now(), last + SOONEST_POLL))

    async def _read_duties(self) -> None:
        held = await self._duties.of_pod(self._pod)
        if held is not None:
            await self._accounts.drop(self._learn(held))
        else:
            self._confirmed_at = None  # the database has waited for ten seconds already

    def _learn(self, held: list[Assignment]) -> list[HopperId]:
        """What the pod holds now, as it was just confirmed; gives the hoppers that it holds no longer."""
        now = self._clock.now()
        self._confirmed_at = now
        if held is self._learned:
            return []
        self._learned = held
        new = {assignment.hopper.id: assignment for assignment in held}
        gone = [hopper for hopper in self._held if hopper not in new]
        for hopper in gone:
            self._let_go(hopper)
        siblings: dict[UserId, list[HopperId]] = {}
        for assignment in held:
            siblings.setdefault(assignment.hopper.user, []).append(assignment.hopper.id)
        for assignment in held:
            known = self._held.get(assignment.hopper.id)
            if known is not None and _home(known) != _home(assignment):
                self._let_go(assignment.hopper.id)  # what it is valued in has changed: its portfolio begins anew
                known = None
            if known is not None and known.fence != assignment.fence and self._shard.holds(assignment.hopper.id):
                self._shard.set_fence(assignment.hopper.id, assignment.fence)
            if known is None:
                self._due.setdefault(assignment.hopper.id, now)
        self._held, self._siblings = new, siblings
        self._meters.set("tracker_hoppers", "Hoppers this pod holds.", len(new))
        return gone

    def _let_go(self, hopper: HopperId) -> None:
        for known in (self._held, self._due, self._polled_at, self._failures):
            known.pop(hopper, None)
        self._read.discard(hopper)
        if task := self._polling.pop(hopper, None):
            task.cancel()
        if self._shard.holds(hopper):
            self._shard.let_go(hopper)

    def _missed_something(self) -> None:
        """The connection was away: prices and trades may have been told meanwhile."""
        self._intake.missed_something()
        self._uncounted.update(self._shard.hoppers)

    async def _count_trades(self) -> None:
        """Count what was traded in the candle in progress before its hopper was held, or while nothing was heard."""
        hoppers, self._uncounted = self._uncounted, set()
        if not hoppers or self._shard.opened_at is None:
            return
        since, until = from_us(self._shard.opened_at), from_us(self._shard.opened_at + self._shard.span)
        try:
            found = await self._trades.of_many([(hopper, since, until) for hopper in hoppers])
        except Unavailable:
            self._uncounted |= hoppers
            raise
        for trades in found.values():
            for trade in trades:
                self._shard.on_trade(trade)

    async def _ask_for_missed(self) -> None:
        """Read the last prices of exchanges that were not read yet, or whose messages have a hole."""
        wanted = {assignment.hopper.exchange for assignment in self._held.values()}
        for exchange in (wanted - self._primed) | (self._intake.missed & wanted):
            try:
                tickers = await self._prices.all_of(exchange)
            except Invalid as fault:
                self._meters.count("tracker_refused_messages", "Messages that could not be used.", subject="prices")
                _log.error("last prices cannot be read", exchange=exchange, reason=fault)
                continue
            if not tickers:
                continue
            self._intake.missed.discard(exchange)
            if exchange in self._primed:
                self._meters.count("tracker_holes", "Times that messages were missed and last prices read again.")
            self._primed.add(exchange)
            for ticker in tickers:
                try:
                    self._shard.on_last_price(ticker)
                except Invalid as fault:
                    _log.warning("last price refused", pair=ticker.pair, reason=fault)

    # -- polls -----------------------------------------------------------------------------------------------------

    async def _start_polls(self) -> None:
        now = self._clock.now()
        for hopper, at in self._due.items():
            if at <= now and hopper not in self._polling and self._held[hopper].hopper.exchange in self._primed:
                self._polling[hopper] = asyncio.create_task(self._poll(self._held[hopper]))

    async def _poll(self, assignment: Assignment) -> None:
        hopper = assignment.hopper
        siblings = self._siblings.get(hopper.user, [hopper.id])
        every = rhythm(hopper.refresh_every, len(siblings))
        is_first = hopper.id not in self._read
        wait = every
        try:
            async with self._polls:
                account = await self._balances.read(hopper)
                unexplained = await self._unexplained(hopper, account)
            await self._apply(assignment, account, unexplained)
            self._failures.pop(hopper.id, None)
            self._read.add(hopper.id)
            self._meters.count("tracker_polls", "Polls of balances.", outcome="ok")
            if is_first:
                wait = offset(siblings.index(hopper.id), len(siblings), every)
        except CryptwireError as error:
            failures = self._failures[hopper.id] = self._failures.get(hopper.id, 0) + 1
            wait = min(every * (5 if isinstance(error, Refused) else 1), timedelta(seconds=2 ** min(failures, 20)))
            if isinstance(error, Exhausted):
                wait = max(wait, timedelta(seconds=error.retry_after))
            self._meters.count("tracker_polls", "Polls of balances.", outcome=type(error).__name__)
            _log.warning("poll failed", hopper=hopper.id, reason=error, again_in=wait)
        finally:
            self._polling.pop(hopper.id, None)
            if hopper.id in self._held:
                self._polled_at[hopper.id] = self._clock.now()
                self._due[hopper.id] = self._clock.now() + wait

    async def _unexplained(self, hopper: Hopper, account: Account) -> dict[Asset, Decimal]:
        """What of the change since the last poll no trade explains; the trade list is read only for a change."""
        if not self._shard.holds(hopper.id):
            return {}
        before = self._shard.account(hopper.id)
        if dict(before.quantities) == dict(account.quantities):
            return {}
        listed = await self._balances.trades_since(hopper, asked_since(before.at, hopper.refresh_every))
        return explain(before.quantities, account.quantities, listed).unexplained

    async def _apply(self, assignment: Assignment, account: Account, unexplained: dict[Asset, Decimal]) -> None:
        """New balances take effect at this instant, all of a hopper's at once."""
        hopper = assignment.hopper
        if hopper.id not in self._held:
            return
        now = self._clock.now()
        flows: list[FlowCandidate] = []
        if self._shard.holds(hopper.id):
            flows = self._shard.renew(account, now, unexplained)
            if flows:
                _log.info("money came or went without a trade", hopper=hopper.id, assets=[flow.asset for flow in flows])
                self._meters.count("tracker_flow_candidates", "Flow candidates found.", len(flows))
        else:
            self._shard.take_in(hopper, self._held[hopper.id].fence, account, now)
            self._uncounted.add(hopper.id)
        try:
            await self._accounts.keep(account, [flow_to_wire(flow) for flow in flows])
        except Unavailable:  # a flow that is queued twice is one: its hopper, time and asset are its key
            self._flows_out += flows
            raise

    # -- boundaries and rounds -------------------------------------------------------------------------------------

    @property
    def _may_tell(self) -> bool:
        return self._confirmed_at is not None and self._clock.now() - self._confirmed_at < UNCONFIRMED

    async def _watch_boundaries(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            now = self._clock.now()
            self._on_closed(self._shard.advance(to_us(now - CLOSES_AFTER)))
            assert self._shard.opened_at is not None
            left = self._shard.opened_at + self._shard.span - to_us(now - CLOSES_AFTER)
            await self._pause(timedelta(microseconds=max(1_000, left)), stop)

    def _on_closed(self, candles: list[Candle]) -> None:
        if self._shard.faults:
            for fault in self._shard.faults:
                _log.error("a candle cannot be", reason=fault)
            self._meters.count("tracker_faults", "Candles that contradicted themselves.", len(self._shard.faults))
            self._shard.faults.clear()
        if candles:
            self._outbox += candles
            self._flush_now.set()

    async def _flush_when_closed(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            await self._either(self._flush_now, stop)
            self._flush_now.clear()
            if not stop.is_set():
                await self._flush()

    @staticmethod
    async def _either(one: asyncio.Event, other: asyncio.Event) -> None:
        waiting = {asyncio.ensure_future(one.wait()), asyncio.ensure_future(other.wait())}
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        for task in waiting:
            task.cancel()

    async def _flush(self) -> None:
        """Push closed candles and keep the state with them, both or neither; what fails stays for the next time.

        While the pod is not confirmed nothing is told, and the state keeps to the last candles that were.
        """
        async with self._flushing:
            if self._shard.opened_at is None or (self._outbox and not self._may_tell):
                return
            candles = self._outbox.copy()
            state = self._shard.state(self._clock.now())
            try:
                await self._candles.push([candle_to_wire(candle) for candle in candles], self._pod, state)
            except Unavailable as reason:
                self._meters.count("tracker_unavailable", "Beats that found something away.", what="flush")
                _log.warning("cannot push yet", candles=len(candles), reason=reason)
                return
            await self._push_flows()
            pushed = set(map(id, candles))
            self._outbox = [candle for candle in self._outbox if id(candle) not in pushed]
            self._meters.count("tracker_candles", "Closed candles pushed.", len(candles))
        for number, candle in enumerate(candles):
            with contextlib.suppress(Unavailable):
                await self._bus.publish(self._world.closed(candle.hopper), candle_to_wire(candle))
            if number % 500 == 499:
                await asyncio.sleep(0)

    async def _push_flows(self) -> None:
        flows = self._flows_out.copy()
        if flows:
            try:
                await self._flows.push([flow_to_wire(flow) for flow in flows])
            except Unavailable as reason:
                _log.warning("cannot push flow candidates yet", flows=len(flows), reason=reason)
                return
            del self._flows_out[: len(flows)]

    async def _round(self) -> None:
        """Keep the state, then tell every hopper's live portfolio."""
        if self._shard.opened_at is None:
            return
        await self._flush()
        if not self._may_tell:
            self._meters.count("tracker_unconfirmed_rounds", "Rounds in which the pod was not confirmed.")
            return
        began = self._clock.now()
        count = 0
        for hopper, payload in self._shard.live(began):
            await self._bus.publish(self._world.live(hopper), payload)
            count += 1
            if count % 250 == 0:
                await asyncio.sleep(0)
        if count:
            self._on_live(count)
        self._on_round()
        self._meters.set("tracker_live_hoppers", "Hoppers told in the last round.", count)
        self._meters.observe(
            "tracker_round_seconds", "Time of a live round.", (self._clock.now() - began).total_seconds()
        )


def _home(assignment: Assignment) -> tuple[str, str]:
    """Where a hopper's assets are priced, and in what."""
    return assignment.hopper.exchange, assignment.hopper.base
