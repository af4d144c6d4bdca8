"""What a rule set would have done over the past: the snapshots of a hopper's own candles in, decisions out (R2).

The same ``evaluate`` as live, in one pass. Nothing is done; actions take no longer than their waits, and what they
would have saved is told as if everything had been sold where it fired.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from controller.logic import epochs
from controller.logic.evaluation import Evaluation, evaluate
from controller.logic.inputs import OF_CANDLES, Care, Inputs
from controller.logic.preview import preview
from controller.logic.state import Phase, State
from controller.logic.verdict import EventKind, Stage, Verdict
from controller.logic.words import counted, listed, money, number, percent
from cryptwire.codec.rule_answers import Fired, Replay
from cryptwire.domain.action import RuleSetId
from cryptwire.domain.candle import SPAN, opening
from cryptwire.domain.figure import PairSnapshot, Snapshot
from cryptwire.domain.hopper import Asset, Hopper
from cryptwire.domain.rule_effects import sells_all
from cryptwire.domain.rule_set import (
    Compare,
    FigureOf,
    FundsUsage,
    Mode,
    PositionCount,
    RuleSet,
    RuleSetBody,
    Wait,
    rules_of,
)
from cryptwire.domain.ticker import Pair
from cryptwire.errors import Invalid

LONGEST = timedelta(days=366)
FEE = 0.0025
"""Taken of everything that is sold: more than most exchanges take, and some of it need not be sold."""
ENOUGH = timedelta(hours=24)
_MOST_FIRES = 100
_MOST_REASONS, _MORE = 50, "many other reasons"
_APPROXIMATION = (
    "This is an approximation. Of each quarter of an hour four values are known: open, low and high, close; in which"
    " order low and high came is not known, and a wick within a candle looks like a value that lasted. A confirmation"
    " counts these points, minutes apart, so one of a few ticks and seconds is coarse here: live it may fire earlier,"
    " or not at all."
)


@dataclass(frozen=True, slots=True)
class Firing:
    """Where it fired, and why; ``index`` and ``value`` as they were then."""

    at: datetime
    epoch: int
    snapshot_id: str
    index: float
    value: float
    why: tuple[str, ...]


@dataclass(slots=True)
class Recorded:
    """What the past was made of. ``expected`` candles fit into it."""

    candles: int = 0
    partial: int = 0
    backfilled: int = 0
    missing: int = 0
    silent: Mapping[Pair, str] | None = None


def rule_set_of(hopper: Hopper, body: RuleSetBody, at: datetime) -> RuleSet:
    """A rule set in shadow, to be replayed."""
    return RuleSet(RuleSetId("replay"), hopper.user, hopper.id, 1, body, Mode.SHADOW, 1, at)


def must_be_told(body: RuleSetBody, *, is_usage_told: bool = False) -> None:
    """Raises Invalid for a rule set that reads what the past does not tell: how many positions there were, and which.

    ``is_usage_told``: how much was invested is known (of recorded ticks, not of candles).
    """
    for place, rule in enumerate(rules_of(body.when), 1):
        condition = rule.condition
        figures: tuple[object, ...] = ()
        if isinstance(condition, Compare):
            figures = (condition.left, condition.right)
        named = [
            one.key.name
            for one in figures
            if isinstance(one, FigureOf) and one.key.name.startswith(("positions", "funds."))
        ]
        if isinstance(condition, PositionCount | FundsUsage):
            named = ["positions" if isinstance(condition, PositionCount) else "funds.usage"]
        for what in named:
            if what == "funds.usage" and is_usage_told:
                continue
            raise Invalid(
                f"rule {place} reads {what}, which the recorded past does not tell: leave the rule set in shadow for a"
                " day instead of a replay"
            )


class Replayer:
    """One rule set over one past, snapshot by snapshot; its memory does not grow with the past.

    ``state`` is what live would have after the same snapshots. ``told``: at how many of ``points`` rules could be told,
    and in how many ``candles``.
    """

    def __init__(self, rule_set: RuleSet, zone: ZoneInfo, began_at: datetime, care: Care = OF_CANDLES) -> None:
        self.rule_set = rule_set
        self.state: State
        self.state, _ = epochs.begin(rule_set, 1, began_at)
        self.fires: list[Firing] = []
        self.count = 0
        self.points = 0
        self.told = 0
        self.candles = 0
        self._told_in: datetime | None = None
        self.review: tuple[datetime, str] | None = None
        self.last: Snapshot | None = None
        self._zone = zone
        self._care = care
        self._lasts = timedelta(
            seconds=sum(one.deed.seconds for one in rule_set.body.then if isinstance(one.deed, Wait))
        )
        self._untold: Counter[str] = Counter()

    def see(self, snapshot: Snapshot, pairs: Mapping[Pair, PairSnapshot]) -> Evaluation:
        """The next snapshot; after what fires comes what its policy says."""
        now = snapshot.at
        evaluation = evaluate(self.rule_set, self.state, Inputs(snapshot, now, self._zone, pairs, self._care))
        self.state = evaluation.state
        self.points += 1
        if snapshot.index is not None:
            self.last = snapshot
        if evaluation.verdict.stage is Stage.NO_DATA:
            why = next(_leaves(evaluation.verdict)).text
            self._untold[why if len(self._untold) < _MOST_REASONS or why in self._untold else _MORE] += 1
        else:
            self.told += 1
            opened_at = opening(now)
            self.candles += opened_at != self._told_in
            self._told_in = opened_at
        for event in evaluation.events:
            if event.kind is EventKind.REVIEW and self.review is None:
                self.review = now, event.text
        if evaluation.fires:
            self._fired(snapshot, evaluation)
        return evaluation

    def _fired(self, snapshot: Snapshot, evaluation: Evaluation) -> None:
        self.count += 1
        if len(self.fires) < _MOST_FIRES:
            assert snapshot.index is not None  # it was told
            why = tuple(leaf.text for leaf in _leaves(evaluation.verdict) if leaf.stage is Stage.TRUE)
            epoch, value = evaluation.state.epoch, snapshot.balance
            self.fires.append(Firing(snapshot.at, epoch, snapshot.id, snapshot.index, value, why))
        self.state, _ = epochs.fired_ended(self.state, self.rule_set, snapshot.at + self._lasts)

    def saved(self, firing: Firing) -> float | None:
        """The balance at the end had everything been sold there for ``FEE``, less what it really was; base currency.

        Money that came or went since came or went all the same. None when it sells not all, or there is no end.
        """
        end = self.last
        if end is None or end.index is None or not sells_all(self.rule_set.body):
            return None
        return end.balance * (firing.index * (1 - FEE) / end.index - 1)

    def result(self, since: datetime, until: datetime, recorded: Recorded, *, of_candles: bool = True) -> Replay:
        """Everything in words and numbers."""
        base = self.last.base if self.last is not None else Asset("")
        then = preview(self.rule_set.body, None, None).then
        fires = tuple(
            Fired(one.at, one.value, (*self._words(one, base), f"Then it {', then '.join(then)}."))
            for one in self.fires
        )
        saved = self.saved(self.fires[0]) if self.fires else None
        words = [*self._in_all(base, saved), *self._made_of(recorded)]
        if of_candles:
            words.append(_APPROXIMATION)
        return Replay(since, until, self.candles, of_candles, fires, saved, tuple(words))

    def _words(self, one: Firing, base: Asset) -> Iterator[str]:
        yield f"Fired at {one.at:%Y-%m-%d %H:%M:%S} UTC, at {money(one.value, base)} (index {number(one.index)})."
        yield from (f"{text[0].upper()}{text[1:]}." for text in one.why)
        saved, end = self.saved(one), self.last
        if saved is None or end is None:
            yield "What that saves or costs cannot be told: it does not sell everything."
            return
        verb = "saved" if saved >= 0 else "cost"
        yield (
            f"Sold there, for a fee of {percent(FEE)}, and kept in {base}, at the end it would be"
            f" {money(end.balance + saved, base)} instead of {money(end.balance, base)}: that would have {verb}"
            f" {money(abs(saved), base)}."
        )

    def _in_all(self, base: Asset, saved: float | None) -> Iterator[str]:
        if not self.count:
            yield "It would not have fired."
            if self.review is None and self.state.phase is Phase.WATCHING and self.last is not None:
                end = self.last
                yield f"At the end, {end.at:%Y-%m-%d %H:%M} UTC, the portfolio was worth {money(end.balance, base)}."
        else:
            more = f"; the first {_MOST_FIRES} are listed" if self.count > _MOST_FIRES else ""
            yield f"It would have fired {counted(self.count, 'time')}{more}."
        if saved is not None:
            also = " Each is told by itself: who has sold at the first has nothing left to sell."
            yield (
                f"In all, sold at the first and kept in {base} to the end, it would have"
                f" {'saved' if saved >= 0 else 'cost'} {money(abs(saved), base)}, the fee taken."
                f"{also if self.count > 1 else ''}"
            )
        if self.review is not None:
            at, why = self.review
            yield f"From {at:%Y-%m-%d %H:%M} UTC on it would not have watched: {why}."

    def _made_of(self, recorded: Recorded) -> Iterator[str]:
        parts = [
            f"{recorded.partial:,} partial (they tell nothing)" if recorded.partial else "",
            f"{recorded.backfilled:,} filled in later from the exchange's candles" if recorded.backfilled else "",
            f"{recorded.missing:,} missing" if recorded.missing else "",
        ]
        of = listed(filter(None, parts))
        if recorded.candles:
            yield f"{recorded.candles:,} candles of fifteen minutes{f', {of}' if of else ''}."
        else:
            yield "There are no candles of the hopper in that time."
        for pair, why in (recorded.silent or {}).items():
            yield f"The past of {pair} cannot be had, so rules that read it tell nothing: {why}."
        blind = self.points - self.told
        if blind:
            why, count = self._untold.most_common(1)[0]
            yield f"At {blind:,} of {self.points:,} points nothing could be told; at {count:,} of them: {why}."


def is_enough(replay: Replay) -> bool:
    """Whether a version counts as replayed by this: rules could be told over a day of the hopper's own past (R22)."""
    return replay.candles * SPAN >= ENOUGH


def _leaves(verdict: Verdict) -> Iterator[Verdict]:
    if not verdict.parts:
        yield verdict
    for part in verdict.parts:
        yield from _leaves(part)
