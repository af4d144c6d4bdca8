"""Flows: money that came or went without a trade; and the index, on which they leave no trace."""

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import Enum
from itertools import groupby
from typing import NewType

from cryptwire.domain.hopper import Asset, HopperId
from cryptwire.domain.lots import EXACT
from cryptwire.domain.portfolio import FlowCandidate

FlowId = NewType("FlowId", str)
"""A UUID, as text, that follows from hopper, moment and asset: who finds the same again finds the same flow."""
_NAMES = uuid.UUID("5d0c8f0e-8f5e-4b3a-9c55-0c6b4b1f7a11")


class FlowKind(Enum):
    """What a flow was. Only the first three are money from or to outside of the hopper."""

    DEPOSIT = "deposit"
    WITHDRAWAL = "withdrawal"
    TRANSFER = "transfer"  # from or to another of the user's hoppers: nothing for all of them together
    INCOME = "income"  # airdrop, staking: a gain
    CONVERSION = "conversion"  # done at the exchange, beside the hopper
    DATA_ERROR = "data-error"  # upstream was wrong
    DIFFERENCE = "difference"  # too little to ask about

    @property
    def is_external(self) -> bool:
        return self in _EXTERNAL


_EXTERNAL = frozenset({FlowKind.DEPOSIT, FlowKind.WITHDRAWAL, FlowKind.TRANSFER})


class FlowState(Enum):
    """How far it is decided."""

    OPEN = "open"
    CONFIRMED = "confirmed"
    EXPLAINED = "explained"  # by trades that came late, or because it was undone: there was none
    REJECTED = "rejected"  # by the user


class DecidedBy(Enum):
    TRACKER = "tracker"
    POLLS = "polls"
    USER = "user"


@dataclass(frozen=True, slots=True)
class Flow:
    """One version of a flow: ``quantity`` signed units of ``asset``, which took effect ``at``, when the poll was
    applied, at ``price`` in the hopper's base currency; ``value_before`` of the whole portfolio right before.
    """

    id: FlowId
    version: int
    hopper: HopperId
    at: datetime
    asset: Asset
    quantity: Decimal
    price: float
    value_before: float
    kind: FlowKind
    state: FlowState
    decided_by: DecidedBy
    decided_at: datetime
    counterpart: FlowId | None = None

    @property
    def amount(self) -> Decimal:
        """What it is worth in the base currency, signed."""
        return EXACT.multiply(self.quantity, Decimal(repr(self.price)))

    @property
    def counts(self) -> bool:
        """Whether it is taken out of performance."""
        return self.state is FlowState.CONFIRMED and self.kind.is_external

    @property
    def moved(self) -> bool:
        """Whether units really came or went: what is held before it is less these."""
        return self.state is FlowState.CONFIRMED and self.kind is not FlowKind.DATA_ERROR


def flow_id(hopper: HopperId, at: datetime, asset: Asset) -> FlowId:
    """The id of the flow of one asset at one poll."""
    return FlowId(str(uuid.uuid5(_NAMES, f"{hopper}\n{at.isoformat()}\n{asset}")))


def opened(candidate: FlowCandidate) -> Flow:
    """The first version of the flow that a candidate may turn out to be."""
    return Flow(
        flow_id(candidate.hopper, candidate.at, candidate.asset),
        1,
        candidate.hopper,
        candidate.at,
        candidate.asset,
        candidate.quantity,
        candidate.price,
        candidate.value_before,
        FlowKind.DEPOSIT if candidate.quantity > 0 else FlowKind.WITHDRAWAL,
        FlowState.OPEN,
        DecidedBy.TRACKER,
        candidate.at,
    )


@dataclass(frozen=True, slots=True)
class Index:
    """Value without flows: value / ``divisor``, which is Π(1 + amount / value before).

    A portfolio of which nothing is left has no index (``divisor`` 0); with what comes then it starts anew at
    ``began_at``: what was earned before says nothing of the new money.
    """

    divisor: float = 1.0
    began_at: datetime | None = None

    def of(self, value: float) -> float | None:
        return value / self.divisor if self.divisor > 0 else None

    def after(self, flows: Iterable[Flow]) -> "Index":
        """The index after ``flows``, oldest first; those of one poll are one."""
        index = self
        for at, together in groupby((flow for flow in flows if flow.counts), key=lambda flow: flow.at):
            listed = list(together)
            index = index.moved(at, float(sum(flow.amount for flow in listed)), listed[0].value_before)
        return index

    def moved(self, at: datetime, amount: float, value_before: float) -> "Index":
        """The index after ``amount`` came to ``value_before``."""
        if self.divisor <= 0 or value_before <= 0:
            return Index(1.0, at) if amount > 0 else self
        divisor = self.divisor * (1 + amount / value_before)
        return Index(divisor if divisor > 1e-300 and 1 + amount / value_before > 1e-9 else 0.0, self.began_at)
