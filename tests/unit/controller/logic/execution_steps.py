"""One step of an execution, for tests: an intent that changes a field of the configuration, or sells, at a moment."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from controller.logic.execution import advance
from controller.logic.moves import DoRead, Event, Move, Patience, Read, Record, Standing
from controller.logic.progress import Phase, Progress
from controller.logic.requests import Call, Look, Noted, Request
from cryptwire.domain.intent import IntentState
from cryptwire.domain.rule_set import Action, ChangeConfig, PanicSell
from tests.unit.controller.logic.played_hopper import START, Played, with_positions

CONFIG = Action(ChangeConfig({"a": "2"}))
PANIC = Action(PanicSell())
REQUEST = Request(Call.CONFIG, changes={"a": "2"})
READS_CONFIG = DoRead(frozenset({Look.CONFIG}))
READS_SALE = DoRead(frozenset({Look.POSITIONS, Look.ORDERS}))
ASKED = Progress(
    phase=Phase.ASKING,
    number=1,
    attempts=1,
    request=REQUEST,
    asked_at=START,
    patience=180.0,
    noted={"config.a": Noted("1", "2")},
)
"""The field was asked for at the start; upstream renews its data each minute."""
LOOKING = replace(ASKED, phase=Phase.VERIFY, deadline=START + timedelta(seconds=180))
"""It was answered at once."""
AGAIN = replace(ASKED, phase=Phase.PREPARE, request=None)
"""It is read anew, to be asked for again."""
GUARDED = Progress(
    phase=Phase.ASKING,
    number=1,
    attempts=1,
    request=Request(Call.BUYING),
    asked_at=START,
    patience=5.0,
    deadline=START + timedelta(seconds=5),
    noted={"buying": Noted("1", "0")},
)
"""Buying was asked to be turned off at the start, before everything is sold."""


def after(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def step(
    progress: Progress,
    event: Event,
    *,
    at: float = 0.0,
    actions: Sequence[Action] = (CONFIG,),
    state: IntentState = IntentState.OPEN,
    spans: Patience | None = None,
    is_shadow: bool = False,
) -> Move:
    """What follows from ``event``, ``at`` seconds after the start."""
    return advance(actions, progress, state, event, after(at), spans or Patience(), is_shadow=is_shadow)


def record(kind: str, part: int = 0, **body: Any) -> Record:
    """An entry of the first action's."""
    return Record(kind, {"action": 0, "part": part, **body})


def reads(value: str = "1", *, obstacle: str = "", is_lost: bool = False) -> Read:
    """The configuration's field is read."""
    return read_of(Played(config={"a": value}), Standing(is_lost, obstacle))


def reads_sale(*ids: str, is_buying: bool = True) -> Read:
    """These positions are read to be open."""
    played = with_positions(*ids)
    played.is_buying = is_buying
    return read_of(played, Standing())


def read_of(played: Played, standing: Standing) -> Read:
    played.standing = standing
    read = played.read()
    assert isinstance(read, Read)
    return read
