"""What the controller tells of a rule set: what it would do, how it stands, what it would have done."""

from datetime import datetime
from enum import Enum
from typing import Self

import strawberry

from api.schema.rules import covered
from cryptwire.codec import rule_answers


@strawberry.enum(description="Whether all rules of a rule set are true.")
class RuleVerdict(Enum):
    TRUE = strawberry.enum_value("true", description="All of them are.")
    FALSE = strawberry.enum_value("false", description="One is not.")
    NO_DATA = strawberry.enum_value("no-data", description="It cannot be told: something is missing, stale or unsure.")


@covered("view", "rules")
@strawberry.type(description="A rule set in plain words and the numbers of this moment.")
class RuleSetPreview:
    words: list[str] = strawberry.field(description="A line each: what it waits for, how far that is, what it does.")
    verdict: RuleVerdict = strawberry.field(description="Of all rules together at this moment.")
    fires_now: bool = strawberry.field(description="True when it would fire at once if it were armed now.")
    reason: str = strawberry.field(description="What it waits for, or what is missing.")

    @classmethod
    def of(cls, one: rule_answers.Preview) -> Self:
        return cls(words=list(one.words), verdict=RuleVerdict(one.verdict), fires_now=one.fires_now, reason=one.reason)


@covered("view", "rules")
@strawberry.type(description="How a rule set stands by the controller's own state.")
class RuleTruth:
    version: int = strawberry.field(description="The version it goes by.")
    mode: str = strawberry.field(description="The mode it goes by: off, shadow or armed.")
    mode_number: int = strawberry.field(description="The number of mode and version it goes by.")
    epoch: int = strawberry.field(description="How often it began to watch; grows for ever.")
    phase: str = strawberry.field(description="What it does: watching, fired, cooling down and so on.")
    verdict: RuleVerdict = strawberry.field(description="Of all rules together, when it looked last.")
    reason: str = strawberry.field(description="What it waits for, or what is missing.")
    start: float | None = strawberry.field(description="The index when the epoch began.")
    peak: float | None = strawberry.field(description="The highest index of the epoch.")
    index: float | None = strawberry.field(description="The index now: the value as if no money had come or gone.")
    evaluated_at: datetime | None = strawberry.field(description="When it was looked at last; null: not yet.")
    snapshot_at: datetime | None = strawberry.field(description="Of when the newest figures are that count in it.")

    @classmethod
    def of(cls, one: rule_answers.RuleTruth) -> Self:
        return cls(
            version=one.version,
            mode=one.mode,
            mode_number=one.mode_number,
            epoch=one.epoch,
            phase=one.phase,
            verdict=RuleVerdict(one.verdict),
            reason=one.reason,
            start=one.start,
            peak=one.peak,
            index=one.index,
            evaluated_at=one.evaluated_at,
            snapshot_at=one.snapshot_at,
        )


@covered("view", "rules")
@strawberry.type(description="How the hopper stands at Cryptohopper.")
class UpstreamTruth:
    is_enabled: bool = strawberry.field(description="Whether the hopper is on.")
    is_buying: bool = strawberry.field(description="Whether it may buy.")
    is_selling: bool = strawberry.field(description="Whether it may sell.")
    positions: int = strawberry.field(description="How many positions are open.")
    read_at: datetime = strawberry.field(description="When this was read.")

    @classmethod
    def of(cls, one: rule_answers.UpstreamTruth) -> Self:
        return cls(
            is_enabled=one.is_enabled,
            is_buying=one.is_buying,
            is_selling=one.is_selling,
            positions=one.positions,
            read_at=one.read_at,
        )


@covered("view", "rules")
@strawberry.type(description="Upstream's truth and the rules' side by side.")
class RuleSetState:
    rules: RuleTruth = strawberry.field(description="What the rules go by.")
    upstream: UpstreamTruth | None = strawberry.field(
        description="What Cryptohopper says; null when it cannot be read."
    )
    is_mismatch: bool = strawberry.field(description="True when the two do not go together: an alarm.")
    mismatches: list[str] = strawberry.field(description="In which, in words.")

    @classmethod
    def of(cls, one: rule_answers.Standing) -> Self:
        return cls(
            rules=RuleTruth.of(one.rules),
            upstream=None if one.upstream is None else UpstreamTruth.of(one.upstream),
            is_mismatch=bool(one.mismatches),
            mismatches=list(one.mismatches),
        )


@covered("view", "rules")
@strawberry.type(description="An instant at which a replayed rule set would have fired.")
class ReplayedFire:
    at: datetime = strawberry.field(description="When.")
    value: float = strawberry.field(description="What the portfolio was worth.")
    words: list[str] = strawberry.field(description="Why, and what it would have done.")


@covered("view", "rules")
@strawberry.type(description="What a version would have done over the hopper's own candles.")
class RuleSetReplay:
    since: datetime = strawberry.field(description="The first candle's begin.")
    until: datetime = strawberry.field(description="The last candle's end.")
    candles: int = strawberry.field(description="How many there were.")
    is_approximation: bool = strawberry.field(
        description="True for candles: in which order high and low came is not known."
    )
    fires: list[ReplayedFire] = strawberry.field(description="When it would have fired, the first first.")
    saved: float | None = strawberry.field(
        description="What it would have saved, in base currency, below 0 what it would have cost; null: neither."
    )
    words: list[str] = strawberry.field(description="The same in plain words.")

    @classmethod
    def of(cls, one: rule_answers.Replay) -> Self:
        return cls(
            since=one.since,
            until=one.until,
            candles=one.candles,
            is_approximation=one.is_approximation,
            fires=[ReplayedFire(at=each.at, value=each.value, words=list(each.words)) for each in one.fires],
            saved=one.saved,
            words=list(one.words),
        )
