"""A scenario file holds a whole run; what it does not know it names."""

import json
from pathlib import Path
from typing import Any

import pytest

import simulator
from simulator import scenario
from simulator.settings import SAYS, Settings, checked
from tests.unit.simulator.asking import ask
from tests.unit.simulator.conftest import Start, caller

EXAMPLES = sorted((Path(simulator.__path__[0]) / "scenarios").glob("*.json"))


@pytest.mark.parametrize("file", EXAMPLES, ids=[file.stem for file in EXAMPLES])
async def test_every_example_runs(start: Start, asked: dict[str, str], file: Path) -> None:
    given = scenario.read(file)
    settings = {**given.settings, "history_days": min(Settings(**given.settings).history_days, 3)}  # type: ignore[arg-type]  # as checked
    started = start(scenario=dict(given.told), **settings)
    assert given.says
    first = next(iter(started.world.users.values()))
    form = {**asked, "username": first.name, "password": first.password, "decision": "allow"}
    answer = await ask(started.app, "POST", "/oauth2/authorize", form=form)
    assert answer.returned["code"]
    assert (await ask(started.app, "GET", "/control/scenario")).json == given.told
    for hopper in started.world.of(first.id):
        assert started.world.snapshot(hopper, 2**42)[1].balances


def test_examples_are_there() -> None:
    assert len(EXAMPLES) >= 5


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ([], "object"),
        ({"wolrd": {}}, "wolrd"),
        ({"settings": []}, "settings"),
        ({"settings": {"rate_limitt": 3}}, "rate_limitt"),
        ({"settings": {"rate_limit": "3"}}, "rate_limit"),
        ({"settings": {"rate_limit": True}}, "rate_limit"),
        ({"settings": {"redirect_uris": "a"}}, "redirect_uris"),
        ({"world": {"users": -1}}, "world"),
        ({"clients": {}}, "clients"),
        ({"faults": {}}, "faults"),
        ({"says": 3}, "says"),
    ],
)
def test_what_is_wrong_is_named(wrong: Any, named: str, tmp_path: Path) -> None:
    file = tmp_path / "wrong.json"
    file.write_text(json.dumps(wrong))
    with pytest.raises(ValueError, match=named) as raised:
        scenario.read(file)
    assert str(file) in str(raised.value)


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"faults": [{"fault": "fire"}]}, "fire"),
        ({"effects": [{"command": "fly"}]}, "fly"),
        ({"effects": [{"command": "panic", "share": 2}]}, "share"),
        ({"webhooks": {"colour": 1}}, "colour"),
    ],
)
def test_what_only_its_part_can_judge_is_named_at_the_start(start: Start, wrong: Any, named: str) -> None:
    with pytest.raises(ValueError, match=named):
        start(scenario=wrong)


def test_a_file_that_is_none_is_named(tmp_path: Path) -> None:
    for text in (None, "{"):
        if text:
            (tmp_path / "x.json").write_text(text)
        with pytest.raises(ValueError, match=r"x\.json"):
            scenario.read(tmp_path / "x.json")


def test_variables_come_before_the_scenario_and_both_before_defaults() -> None:
    given = {"rate_limit": 5, "order_limit": 2}
    read = Settings.of({"CRYPTWIRE_SIMULATOR_RATE_LIMIT": "7", "CRYPTWIRE_SIMULATOR_ACCEPTS_BEARER": "yes"}, given)
    assert (read.rate_limit, read.order_limit, read.backtest_limit, read.accepts_bearer) == (7, 2, 1, True)
    with pytest.raises(ValueError, match="ACCEPTS_BEARER"):
        Settings.of({"CRYPTWIRE_SIMULATOR_ACCEPTS_BEARER": "perhaps"})


def test_settings_of_a_scenario_take_the_types_of_their_defaults() -> None:
    read = checked({"folder": "x/y", "order_window": 4, "redirect_uris": ["a", "b"], "ignores_pkce": True})
    assert read == {"folder": Path("x/y"), "order_window": 4.0, "redirect_uris": ("a", "b"), "ignores_pkce": True}
    assert all(SAYS.values())


async def test_faults_and_effects_of_a_scenario_are_queued(start: Start, asked: dict[str, str]) -> None:
    given = {"faults": [{"fault": "502", "path": "/user"}], "effects": [{"command": "panic", "share": 0}]}
    alice = await caller(start, asked, scenario=given)
    assert [(await alice.get("/user")).status for _ in range(2)] == [502, 200]
    assert (await alice.control("GET", "/effects")).json[0]["share"] == 0
