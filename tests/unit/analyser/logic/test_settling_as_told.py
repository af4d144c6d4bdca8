"""R7 by what the analyser really tells: settling holds until the index takes a flow in, however late it is known."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from analyser.logic.portfolio import Ledger
from controller.logic.verdict import EventKind
from cryptwire.clock import to_us
from cryptwire.domain.flow import FlowState, opened
from cryptwire.domain.hopper import Asset, HopperId
from cryptwire.domain.portfolio import FlowCandidate
from cryptwire.domain.rule_set import TrailingStop
from tests.unit.controller.logic.builders import LIVE, Watch
from tests.unit.controller.logic.builders import T as BEGUN

EACH = 30  # live messages from poll to poll
FOUND = EACH * 2  # the message that shows the new balance, and of the candidates the largest
LAST = EACH * 9


def candidates(shares: tuple[float, float]) -> list[FlowCandidate]:
    at = BEGUN + FOUND * LIVE
    listed = [
        FlowCandidate(HopperId("7"), at, Asset(asset), Decimal(repr(share * 1000)), 1.0, 1000.0, 1)
        for asset, share in zip(("USDT", "BTC"), shares, strict=True)
    ]
    return sorted(listed, key=lambda one: -abs(one.quantity))


def live(watch: Watch, found: list[FlowCandidate], written: int, decided: int, restarted: int | None) -> None:
    """All live messages; the database knows the candidates from the one ``written`` on, the decision from ``decided``.

    The analyser reads each second message, and loses its memory before ``restarted``.
    """
    ledger = Ledger(60)
    for number in range(LAST):
        at, poll = BEGUN + number * LIVE, number // EACH
        if number == restarted:
            ledger = Ledger(60)
        if number % 2 == 0 or not ledger.is_read:
            began = [replace(opened(one), version=2, state=FlowState.CONFIRMED) for one in found]
            flows, undecided = (began, []) if number >= decided else ([], found if number >= written else [])
            ledger.read(flows, undecided, 1 + len(flows), None)
        balance = 1000.0 + (sum(float(one.quantity) for one in found) if number >= FOUND else 0.0)
        polled_at = BEGUN + poll * EACH * LIVE - timedelta(milliseconds=200)
        ledger.see(found[0] if poll == FOUND // EACH else None, to_us(polled_at))
        index = ledger.course.index(balance)
        said = watch.see(
            *(index,),
            at=at,
            factor=balance / index,
            assets_at=polled_at,
            is_settling=ledger.is_settling,
            flows_version=ledger.version,
        )
        assert not said.fires, number


@given(
    shares=st.tuples(st.floats(0.05, 0.4), st.floats(0.05, 0.4), st.sampled_from([1.0, -1.0])),
    delay=st.integers(0, LAST),
    deciding=st.integers(0, LAST),
    restarted=st.none() | st.integers(0, LAST - 1),
)
@example((0.3, 0.2, 1.0), EACH * 5, 10, None)
@example((0.3, 0.2, -1.0), EACH * 5, 10, None)
@example((0.3, 0.2, 1.0), 0, EACH, FOUND + 1)
@settings(max_examples=60, deadline=None)
def test_r7_no_flow_arms_or_fires_however_late_it_is_known(
    shares: tuple[float, float, float], delay: int, deciding: int, restarted: int | None
) -> None:
    written = FOUND + delay
    if restarted is not None and restarted >= FOUND + EACH:
        written = min(written, restarted)  # what no message tells any more and no table has, nobody can know
    watch = Watch.of(TrailingStop(0.04, 0.04))
    found = candidates((shares[0] * shares[2], shares[1] * shares[2]))
    live(watch, found, written, written + deciding, restarted)
    state = watch.state
    assert state.start is not None
    assert state.peak == pytest.approx(state.start)
    assert not state.rules[0].is_armed
    assert EventKind.ARMED not in watch.kinds()
