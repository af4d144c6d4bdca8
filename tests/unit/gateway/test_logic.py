"""Who may call what, and how long things wait."""

from datetime import UTC, datetime, timedelta

import pytest

from cryptwire.errors import Forbidden
from gateway import logic
from generated.wire.v1 import gateway_pb2 as pb

CALLS = [method.name for method in pb.DESCRIPTOR.services_by_name["Gateway"].methods]
SERVICES = {"api", "devstack", "processor", "tracker", "webhook", "streamer", "controller", "gateway", "", "tracker "}
RIGHTS = {
    "tracker": {"GetAssets", "ListPositions", "ListTradesSince", "GetHopper"},
    "webhook": {"ListTradesSince", "ListHoppers"},
    "api": {"LinkAccount", "GetLinkState", "ListHoppers"},
    "processor": {"ListHoppers", "GetHopper", "GetConfig", "GetAssets", "ListPositions", "ListTradesSince"},
    "devstack": {"LinkAccount", "GetLinkState", "ListHoppers"},
}
SINCE = datetime(2026, 1, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize("call", CALLS)
def test_every_call_has_a_rule(call: str) -> None:
    assert logic.MAY_CALL[call]


def test_no_rule_is_for_a_call_that_is_not_there() -> None:
    assert set(logic.MAY_CALL) == set(CALLS)


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("service", sorted(SERVICES))
def test_services_have_these_rights_and_no_more(service: str, call: str) -> None:
    if call in RIGHTS.get(service, set()):
        logic.must_call(service, call)
    else:
        with pytest.raises(Forbidden):
            logic.must_call(service, call)


def test_a_call_without_a_rule_is_forbidden() -> None:
    with pytest.raises(Forbidden):
        logic.must_call("tracker", "PanicSell")


@pytest.mark.parametrize(
    ("plan", "seconds"),
    [("Hero", 60), ("hero - yearly", 60), ("Adventurer", 120), ("Explorer-monthly", 300), ("PIONEER", 600), ("", 300)],
)
def test_a_plan_tells_how_often_its_data_are_renewed(plan: str, seconds: int) -> None:
    assert logic.refresh_every(plan) == timedelta(seconds=seconds)


def test_pauses_double_and_are_spread() -> None:
    assert [logic.pause(n, 0.5).total_seconds() for n in (1, 2, 3)] == [0.25, 0.5, 1.0]
    assert logic.pause(1, 0) < logic.pause(1, 0.99)


@pytest.mark.parametrize(
    ("oldest", "falls", "is_complete"),
    [
        (SINCE - timedelta(hours=2), True, True),
        (SINCE - timedelta(hours=2), False, False),
        (SINCE - timedelta(minutes=30), True, False),
        (None, True, False),
    ],
)
def test_a_page_that_reaches_beyond_is_the_last(oldest: datetime | None, falls: bool, is_complete: bool) -> None:
    assert logic.is_complete(oldest, SINCE, falls) is is_complete
