"""A rule set over recorded ticks: `cryptwire replay --rules`. A live message follows each instant that has ticks.

The tracker's shard values, the analyser's lines compute the figures, the controller's evaluation decides; in recorded
time, and without servers. Balances are read at each boundary, and no money comes or goes.
"""

import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import groupby
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from analyser.logic.portfolio import Held, no_candles
from analyser.logic.recall import Recall, Told
from controller.logic.evaluation import Evaluation
from controller.logic.inputs import Care
from controller.logic.replay import Recorded, Replayer, must_be_told, rule_set_of
from controller.logic.verdict import EventKind
from controller.logic.wants import wanted_of
from cryptwire.clock import from_us, to_us
from cryptwire.codec.portfolio import portfolio_from_wire
from cryptwire.codec.rule_answers import Replay, replay_to_json
from cryptwire.codec.rule_set import body_from_json
from cryptwire.domain.account import Account
from cryptwire.domain.bar import Part
from cryptwire.domain.candle import SPAN, Candle
from cryptwire.domain.figure import Figure, FigureKey, PairSnapshot, Snapshot, figure_key
from cryptwire.domain.hopper import Asset, Hopper, HopperId, UserId
from cryptwire.domain.portfolio import Portfolio
from cryptwire.domain.rule_set import RuleSetBody
from cryptwire.domain.ticker import Pair
from cryptwire.errors import Invalid
from replay.main import shard_of
from replay.recorded import EXCHANGE, Recording, read_folder, read_portfolio

_SPAN = int(SPAN.total_seconds())
_SECOND = 1_000_000
_UTC = ZoneInfo("UTC")
_MOST_RULES_BYTES = 200_000


@dataclass(frozen=True, slots=True)
class Decision:
    """What one live message led to: something happened, or it fired."""

    snapshot: Snapshot
    evaluation: Evaluation

    def to_json(self) -> dict[str, Any]:
        """One line of the output."""
        return {
            "at": self.snapshot.at.isoformat(),
            "value": self.snapshot.balance,
            "index": self.snapshot.index,
            "fires": self.evaluation.fires,
            "events": [{"kind": event.kind.value, "text": event.text} for event in self.evaluation.events],
        }


def read_rules(path: Path) -> RuleSetBody:
    """A rule set as JSON (docs/rules.md). Raises Invalid, naming the file and the path within it."""
    try:
        if path.stat().st_size > _MOST_RULES_BYTES:
            raise Invalid(f"{path.name} is too long for a rule set")
        return body_from_json(json.loads(path.read_text()))
    except (OSError, UnicodeDecodeError, ValueError, RecursionError) as error:
        raise Invalid(f"{path.name} cannot be read: {error}") from None
    except Invalid as error:
        raise Invalid(f"{path.name}: {error}") from None


def care_for(span: timedelta) -> Care:
    """As live, but that bars of ``span`` tell four instants only: a message is not late while these last."""
    care = Care()
    return replace(care, pause=max(care.pause, span), longest_gap=max(care.longest_gap, 2 * span))


def live_messages(recording: Recording, hopper: Hopper, quantities: dict[Asset, Decimal]) -> Iterator["Instant"]:
    """The tracker's message after each instant that has ticks, from the first candle on, and what closed before it."""
    shard = shard_of(recording, hopper, quantities)
    for at, ticks in groupby(recording.ticks(), key=lambda tick: tick[0]):
        prices: dict[Pair, float] = {}
        closed: list[Candle] = []
        now = from_us(at)
        for _, pair, price in ticks:
            closed += shard.on_price(at, pair, price)
            prices[pair] = price
        if now - shard.account(hopper.id).at >= hopper.refresh_every:
            shard.renew(Account(hopper.id, now, quantities, ()), now)
        payloads = [payload for name, payload in shard.live(now) if name == hopper.id]
        yield Instant(at, prices, closed, payloads[0] if payloads else None)


@dataclass(frozen=True, slots=True)
class Instant:
    """``message``: the live one, None before the first candle; ``prices``: that were received ``at`` microseconds."""

    at: int
    prices: Mapping[Pair, float]
    closed: list[Candle]
    message: bytes | None


class Analysed:
    """Snapshots of a hopper and of pairs, made of live messages by the analyser's lines."""

    def __init__(self, hopper: Hopper, body: RuleSetBody, fresh: timedelta, zone: ZoneInfo = _UTC) -> None:
        self._hopper = hopper
        self._zone = zone
        self._fresh = fresh
        wanted = wanted_of(hopper.id, body)
        self._keys = tuple(map(figure_key, sorted(wanted[hopper.id])))
        self._pair_keys = {
            of: tuple(map(figure_key, sorted(keys))) for of, keys in wanted.items() if isinstance(of, Pair)
        }
        self._recall: Recall | None = None
        self._open: tuple[int, Part] | None = None
        self._pairs: dict[Pair, _PairTold] = {}
        self._sequence = 0

    def snapshot(self, portfolio: Portfolio, closed: list[Candle]) -> Snapshot:
        """Of one live message; ``closed``: the candles since the one before."""
        candle, at = portfolio.candle, to_us(portfolio.at)
        opened_at = int(candle.opened_at.timestamp())
        if self._recall is None:
            self._recall = Recall(self._keys, no_candles(), opened_at, self._zone, _SPAN, are_cut=False)
        if self._open is not None and opened_at > self._open[0]:
            self._close(self._recall, *self._open, {int(each.opened_at.timestamp()): each for each in closed})
        now = Part(candle.open, candle.high, candle.low, candle.close, portfolio.volume)
        self._open = opened_at, now
        assets = [holding.asset for holding in portfolio.holdings]
        held = Held(portfolio.base, assets, [float(each.quantity) for each in portfolio.holdings])
        self._recall.tell(opened_at, now, at, {"funds.usage": held.funds_usage(candle.close)})
        told = self._recall.take()
        self._sequence += 1
        return Snapshot(
            self._hopper.id,
            "replay",
            self._sequence,
            portfolio.at,
            portfolio.newest_price_at,
            portfolio.prices_at,
            portfolio.is_fresh,
            portfolio.assets_at,
            int(self._hopper.refresh_every.total_seconds()),
            0.0,
            False,
            1,
            portfolio.base,
            candle.close,
            told.indexes[0] if candle.close > 0 else None,
            0,
            _figures(told),
        )

    def _close(self, recall: Recall, opened_at: int, seen: Part, closed: Mapping[int, Candle]) -> None:
        """With true numbers, if they were told: a hopper's first candle is not whole and counts as it was last seen."""
        if opened_at not in closed:
            recall.close(opened_at, seen)
        for at, each in sorted(closed.items()):
            if at >= opened_at:
                volume = seen.volume if at == opened_at else 0.0
                recall.close(at, Part(each.open, each.high, each.low, each.close, volume))

    def pairs(self, instant: Instant) -> dict[Pair, PairSnapshot]:
        """Of every pair that rules read, after the prices of an instant."""
        found = {}
        for pair, keys in self._pair_keys.items():
            price = instant.prices.get(pair)
            known = self._pairs.get(pair)
            if known is None:
                if price is None:
                    continue
                known = self._pairs[pair] = _PairTold(keys, instant.at, price)
            elif price is not None:
                known.on_price(instant.at, price)
            known.on_clock(instant.at)
            is_fresh = instant.at - known.price_at <= self._fresh // timedelta(microseconds=1)
            at = from_us(instant.at)
            found[pair] = PairSnapshot(
                pair, "replay", instant.at, at, from_us(known.price_at), is_fresh, known.figures(instant.at)
            )
        return found


class _PairTold:
    """A pair's candle in progress, of its ticks."""

    def __init__(self, keys: tuple[FigureKey, ...], at: int, price: float) -> None:
        self._opened_at = at // _SECOND // _SPAN * _SPAN
        self._recall = Recall(keys, no_candles(), self._opened_at, _UTC, _SPAN, are_cut=False)
        self._part = Part(price, price, price, price, 0.0)
        self.price_at = at

    def on_price(self, at: int, price: float) -> None:
        self.on_clock(at)
        self._part = self._part.then(Part(price, price, price, price, 0.0))
        self.price_at = at

    def on_clock(self, at: int) -> None:
        while at >= (self._opened_at + _SPAN) * _SECOND:
            self._recall.close(self._opened_at, self._part)
            self._opened_at += _SPAN
            close = self._part.close
            self._part = Part(close, close, close, close, 0.0)

    def figures(self, at: int) -> dict[FigureKey, Figure]:
        self._recall.tell(self._opened_at, self._part, at)
        return _figures(self._recall.take())


def decide(
    recording: Recording, hopper: Hopper, quantities: dict[Asset, Decimal], body: RuleSetBody, zone: ZoneInfo = _UTC
) -> tuple[Iterator[Decision], Replayer]:
    """Every message at which something happened, in order; when they have been read the replayer tells the whole.

    Raises Invalid for a rule set that reads positions, which a recorded portfolio has not.
    """
    must_be_told(body, is_usage_told=True)
    unheard = body.pairs - set(recording.pairs)
    if unheard:
        raise Invalid(
            f"rules read {min(map(str, unheard))}, of which nothing is recorded; here pairs are of {EXCHANGE}"
        )
    first = from_us(int(recording.at[0]))
    replayer = Replayer(rule_set_of(hopper, body, first), zone, first, care_for(recording.span))
    analysed = Analysed(hopper, body, 2 * recording.span, zone)

    def decisions() -> Iterator[Decision]:
        for instant in live_messages(recording, hopper, quantities):
            pairs = analysed.pairs(instant)
            if instant.message is None:
                continue
            snapshot = analysed.snapshot(portfolio_from_wire(instant.message), instant.closed)
            evaluation = replayer.see(snapshot, pairs)
            if evaluation.fires or any(event.kind is not EventKind.DOUBT for event in evaluation.events):
                yield Decision(snapshot, evaluation)

    return decisions(), replayer


def replay_rules(folder: Path, portfolio: Path, base: Asset, rules: Path) -> Replay:
    """Print each decision as a line of JSON, then the whole as one; in words on standard error. Raises Invalid."""
    body = read_rules(rules)
    name, quantities = read_portfolio(portfolio)
    recording = read_folder(folder)
    hopper = Hopper(HopperId(name), UserId("replay"), name, EXCHANGE, base, is_paper=True, refresh_every=SPAN)
    decisions, replayer = decide(recording, hopper, quantities, body)
    for decision in decisions:
        print(json.dumps(decision.to_json()))
    told = result_of(replayer, recording)
    print(json.dumps(replay_to_json(told)))
    for line in (*(word for fired in told.fires for word in fired.words), *told.words):
        print(line, file=sys.stderr)
    return told


def result_of(replayer: Replayer, recording: Recording) -> Replay:
    """What the whole of it led to."""
    first, last = from_us(int(recording.at[0])), from_us(int(recording.at[-1]))
    candles = int((int(recording.at[-1]) - int(recording.at[0])) // (_SPAN * _SECOND))
    return replayer.result(first, _after(last), Recorded(candles), of_candles=False)


def _after(moment: datetime) -> datetime:
    return moment + timedelta(milliseconds=1)


def _figures(told: Told) -> dict[FigureKey, Figure]:
    found = {}
    for key, column in told.figures.items():
        value, bar = column.values[0], column.bars[0]
        found[key] = Figure(
            key, value if value == value else None, column.sizes[0], from_us(bar * _SECOND) if bar else None
        )
    return found
