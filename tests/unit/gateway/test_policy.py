"""Who may call what, compared with a table of its own; and a policy that says too little or too much is refused."""

import re
from importlib.resources import files

import pytest

from cryptwire.errors import Forbidden, Invalid
from gateway.policy import ACTIONS, CALLS, Right, load, parsed
from generated.wire.v1 import gateway_pb2 as pb

METHODS = [method.name for method in pb.DESCRIPTOR.services_by_name["Gateway"].methods]
READS = "GetHopper GetConfig GetAssets ListPositions ListReserved ListShorts ListOrders"
ACTS = "StartPanic StopPanic SellPositions CancelOrders SetEnabled SetBuying SetSelling ChangeConfig"
RIGHTS = {
    "api": "BeginLink LinkAccount UnlinkAccount GetLinkState ListHoppers GetHopper GetAssets ListPositions ListOrders "
    "ListOutput " + ACTS,
    "controller": f"GetLinkState {READS} {ACTS}",
    "devstack": "BeginLink LinkAccount GetLinkState ListHoppers",
    "processor": f"UnlinkAccount GetLinkState ListHoppers ListTradesSince ListOutput {READS}",
    "tracker": "GetAssets ListPositions ListTradesSince GetHopper",
    "webhook": "ListTradesSince ListHoppers",
}
"""What each service may call; who is not here may call nothing."""
OTHERS = ("", "analyser", "cluster_manager", "datafeed", "gateway", "root", "streamer", "tracker ", "writer", "Api")
TEXT = files("gateway").joinpath("policy.toml").read_text("utf-8")


@pytest.mark.parametrize("call", METHODS)
@pytest.mark.parametrize("service", [*RIGHTS, *OTHERS])
def test_services_have_these_rights_and_no_more(service: str, call: str) -> None:
    if call in RIGHTS.get(service, "").split():
        load().must_call(service, call)
    else:
        with pytest.raises(Forbidden, match=f"may not call {call}"):
            load().must_call(service, call)


@pytest.mark.parametrize("call", sorted(ACTIONS))
def test_a_controller_acts_with_a_fence_and_the_api_with_a_session(call: str) -> None:
    assert load().right("controller", call) is Right.FENCE
    assert load().right("api", call) is Right.SESSION
    with pytest.raises(Forbidden):
        load().right("tracker", call)


def test_actions_are_the_calls_that_change_something() -> None:
    assert set(ACTS.split()) == ACTIONS
    assert set(METHODS) == CALLS | ACTIONS


@pytest.mark.parametrize("call", METHODS)
def test_a_call_that_is_missing_is_named(call: str) -> None:
    with pytest.raises(Invalid, match=f"nothing of the (call|action) {call}$"):
        parsed(re.sub(rf"(?m)^{call} = .*$", "", TEXT))


@pytest.mark.parametrize(
    ("old", "new", "word"),
    [
        ("[calls]", "[calls]\nSellEverything = []", "SellEverything"),
        ("[actions]", '[actions]\nGetAssets = { api = "session" }', "GetAssets"),
        ('UnlinkAccount = ["api", "processor"]', 'UnlinkAccount = ["apy"]', "apy"),
        ('UnlinkAccount = ["api", "processor"]', 'UnlinkAccount = ["api", "api"]', "twice"),
        ('UnlinkAccount = ["api", "processor"]', 'UnlinkAccount = "api"', "UnlinkAccount"),
        ('UnlinkAccount = ["api", "processor"]', "UnlinkAccount = [1]", "UnlinkAccount"),
        ('StopPanic = { controller = "fence"', 'StopPanic = { controler = "fence"', "controler"),
        ('StopPanic = { controller = "fence"', 'StopPanic = { controller = "any"', "StopPanic with 'any'"),
        ('StopPanic = { controller = "fence", api = "session" }', 'StopPanic = ["api"]', "StopPanic"),
        ("[actions]", "[wishes]\n[actions]", "wishes"),
        ("[actions]", "[acts]", "table actions"),
        ("[actions]", "[actions", "no TOML"),
    ],
)
def test_a_policy_that_makes_no_sense_is_refused_by_name(old: str, new: str, word: str) -> None:
    assert old in TEXT
    with pytest.raises(Invalid, match=word):
        parsed(TEXT.replace(old, new, 1))
