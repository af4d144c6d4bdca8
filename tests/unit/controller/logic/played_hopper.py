"""A hopper and its gateway in memory, as an execution meets them, and somebody who carries out what it says."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from controller.logic.execution import advance
from controller.logic.moves import (
    Alarm,
    Answered,
    Begin,
    Declined,
    DoEnd,
    DoRead,
    DoRecall,
    DoSend,
    DoSleep,
    Event,
    Lost,
    NotSent,
    Patience,
    Read,
    Recalled,
    Record,
    Standing,
    Unknown,
    Unread,
    Whereabouts,
    Woken,
)
from controller.logic.progress import Progress, from_json, to_json
from controller.logic.requests import Call, Request, Seen
from cryptwire.domain.account import Order, Position
from cryptwire.domain.action import Outcome
from cryptwire.domain.hopper import Asset, Exchange, Hopper, HopperId, LinkedHopper, UserId
from cryptwire.domain.intent import IntentState
from cryptwire.domain.rule_set import Action
from cryptwire.domain.trade import Side

START = datetime(2026, 1, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def position(id_: str, base: str = "BTC", *, cost: str = "100", is_held: bool = False) -> Position:
    return Position(id_, Asset(base), Asset("USDT"), Decimal(1), Decimal(cost), Decimal(cost), None, is_held=is_held)


def sell_order(id_: str, base: str = "BTC") -> Order:
    return Order(id_, Asset(base), Asset("USDT"), Side.SELL, True, Decimal(1), None, "", None)


@dataclass(frozen=True)
class Fault:
    """What becomes of one request. ``does``: the share of the effect, ``after`` so much; ``hears``: the answer."""

    hears: str = "answered"  # declined, refused, not-sent, unknown, lost, switched-off
    does: float = 1.0
    after: timedelta = timedelta(0)
    is_admitted: bool = True


GOOD = Fault()


@dataclass
class Played:
    """The hopper, and the clock. ``faults`` are taken by requests in order; ``unread`` by reads."""

    positions: list[Position] = field(default_factory=list)
    orders: list[Order] = field(default_factory=list)
    config: dict[str, str] = field(default_factory=dict)
    is_enabled: bool = True
    is_buying: bool = True
    is_selling: bool = True
    prices: dict[tuple[Asset, Asset], Decimal] = field(default_factory=dict)
    standing: Standing = field(default_factory=Standing)
    now: datetime = START
    faults: list[Fault] = field(default_factory=list)
    unread: list[Unread] = field(default_factory=list)
    is_blind_after: bool = False  # nothing can be read any more once something was sent
    sent: list[tuple[int, Request]] = field(default_factory=list)
    outcomes: dict[int, Outcome] = field(default_factory=dict)
    due: list[tuple[datetime, Callable[[], None]]] = field(default_factory=list)
    gone: list[str] = field(default_factory=list)  # ids in the order they were sold; each once
    twice: list[str] = field(default_factory=list)

    def read(self) -> Event:
        self._settle()
        if self.unread:
            return self.unread.pop(0)
        if self.is_blind_after and self.sent:
            return Unread("away")
        hopper = Hopper(HopperId("1"), UserId("u"), "Main", Exchange("binance"), Asset("USDT"), False, MINUTE)
        linked = LinkedHopper(hopper, self.is_enabled, "pro", None, None, self.is_buying, self.is_selling)
        return Read(
            Seen(self.now, linked, tuple(self.positions), tuple(self.orders), dict(self.config), dict(self.prices)),
            self.standing,
        )

    def send(self, number: int, request: Request) -> Event:
        """As the gateway does it: each number once, for ever."""
        self._settle()
        if number in self.outcomes:
            known = self.outcomes[number]
            return Answered("ok", self.now, self.now, True) if known is Outcome.DONE else Unknown("known as unknown")
        fault = self.faults.pop(0) if self.faults else GOOD
        if fault.hears in ("not-sent", "lost", "switched-off"):
            ends: dict[str, Event] = {"not-sent": NotSent("away"), "lost": Lost()}
            return ends.get(fault.hears, Declined("the kill switch is on", ends_all=True))
        if fault.is_admitted:
            self.sent.append((number, request))
            outcome = {"answered": Outcome.DONE, "unknown": Outcome.UNKNOWN}.get(fault.hears, Outcome.REFUSED)
            self.outcomes[number] = outcome
            if fault.hears in ("answered", "unknown") and fault.does:
                self.due.append((self.now + fault.after, lambda: self._do(request, fault.does)))
        self.now += timedelta(milliseconds=50)
        match fault.hears:
            case "declined":
                return Declined("429", retry_after=2)
            case "refused":
                return Declined("must be linked again", is_final=True)
            case "unknown":
                return Unknown("timeout")
        return Answered("ok", self.now, self.now)

    def recall(self, number: int) -> Event:
        return Recalled(self.outcomes.get(number, Whereabouts.ABSENT))

    def _settle(self) -> None:
        for at, act in [each for each in self.due if each[0] <= self.now]:
            self.due.remove((at, act))
            act()

    def _do(self, request: Request, share: float) -> None:
        match request.call:
            case Call.START_PANIC | Call.SELL:
                ids = [each.id for each in self.positions] if request.call is Call.START_PANIC else list(request.ids)
                for id_ in ids[: max(1, round(len(ids) * share))]:
                    if id_ in self.gone:
                        self.twice.append(id_)
                    else:
                        self.gone.append(id_)
                        self.positions = [each for each in self.positions if each.id != id_]
            case Call.CANCEL:
                cut = request.ids[: max(1, round(len(request.ids) * share))]
                self.orders = [each for each in self.orders if each.id not in cut]
            case Call.CONFIG:
                names = list(request.changes)[: max(1, round(len(request.changes) * share))]
                self.config |= {name: request.changes[name] for name in names}
            case Call.HOPPER:
                self.is_enabled = request.is_on
            case Call.BUYING:
                self.is_buying = request.is_on
            case Call.SELLING:
                self.is_selling = request.is_on


@dataclass
class Run:
    """Somebody who carries out an intent. ``kills``: at which steps he is killed, and another takes it up."""

    actions: Sequence[Action]
    played: Played
    patience: Patience = field(default_factory=Patience)
    is_shadow: bool = False
    progress: Progress = field(default_factory=Progress)
    state: IntentState = IntentState.OPEN
    records: list[Record] = field(default_factory=list)
    alarms: list[Alarm] = field(default_factory=list)
    steps: int = 0
    is_lost: bool = False

    def go(self, event: Event | None = None, kills: Sequence[int] = (), most: int = 2000) -> "Run":
        """Until its end. A kill loses what was heard and not written down; what was sent stays sent."""
        event = event or Begin()
        for _ in range(most):
            self.steps += 1
            move = advance(
                self.actions, self.progress, self.state, event, self.played.now, self.patience, is_shadow=self.is_shadow
            )
            if 2 * self.steps in kills:  # before it was written down
                event = Begin()
                continue
            self.progress, self.state = from_json(json.loads(json.dumps(to_json(move.progress)))), move.state
            assert self.progress == move.progress
            self.records += move.records
            self.alarms += move.alarms
            match move.then:
                case DoEnd(is_lost):
                    self.is_lost = is_lost
                    return self
                case DoRead():
                    event = self.played.read()
                case DoSend(number, request):
                    event = self.played.send(number, request)
                case DoRecall(number):
                    event = self.played.recall(number)
                case DoSleep(until):
                    assert until > self.played.now
                    self.played.now = until
                    event = Woken()
            if 2 * self.steps + 1 in kills:  # after it was done, before what came was written down
                event = Begin()
        raise AssertionError(f"no end after {most} steps: {self.progress}")

    def kinds(self) -> list[str]:
        return [record.kind for record in self.records]

    def asked(self) -> list[Request]:
        return [request for _, request in self.played.sent]

    def told(self) -> list[str]:
        return [alarm.kind for alarm in self.alarms]


def with_positions(*ids: str) -> Played:
    return Played([position(id_, f"C{id_}") for id_ in ids])


def unread(reason: str = "away", **more: object) -> Unread:
    return replace(Unread(reason), **more)  # type: ignore[arg-type]
