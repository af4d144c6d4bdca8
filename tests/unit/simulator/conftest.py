"""A simulator in the process, whose clock a test can turn."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from simulator import scenario as scenarios
from simulator.clock import TurnedClock
from simulator.main import Simulator
from simulator.settings import Settings
from tests.unit.simulator.asking import Answer, ask

NOW = datetime(2026, 3, 5, 14, 22, 31, 250_000, tzinfo=UTC)
ASKED = {
    "response_type": "code",
    "client_id": "cryptwire-dev",
    "redirect_uri": "http://127.0.0.1:8080/link/callback",
    "scope": "read,notifications,manage,trade",
    "state": "st ate/1",
}
Start = Callable[..., Simulator]


@pytest.fixture
def clock() -> TurnedClock:
    return TurnedClock(NOW)


@pytest.fixture
def start(tmp_path: Path, clock: TurnedClock) -> Iterator[Start]:
    """Starts a simulator on the test's folder, as often as is asked for."""
    started: list[Simulator] = []

    def starting(scenario: dict[str, Any] | None = None, **settings: Any) -> Simulator:
        parsed = None if scenario is None else scenarios.parsed(scenario)
        told = Settings(**{"folder": tmp_path, "history_days": 3, "rate_limit": 0, **settings})
        simulator = Simulator(told, clock, parsed)
        started.append(simulator)
        return simulator

    yield starting
    for simulator in started:
        simulator.close()


@pytest.fixture
def asked() -> dict[str, str]:
    """What an app asks for at the authorize page."""
    return dict(ASKED)


async def link(app: Any, asked: dict[str, str], user: str = "alice") -> dict[str, Any]:
    """The answer of the token endpoint after a user allowed it."""
    form = {**asked, "username": user, "password": f"{user}-demo", "decision": "allow"}
    code = (await ask(app, "POST", "/oauth2/authorize", form=form)).returned["code"]
    answer = await redeem(app, asked, code)
    assert answer.status == 200, answer
    tokens: dict[str, Any] = answer.json
    return tokens


async def redeem(app: Any, asked: dict[str, str], code: str) -> Answer:
    return await ask(
        app,
        "POST",
        "/oauth2/token",
        body={
            "grant_type": "authorization_code",
            "code": code,
            "client_id": asked["client_id"],
            "client_secret": "cryptwire-dev-secret",
            "redirect_uri": asked["redirect_uri"],
        },
    )


class Caller:
    """Somebody with a token."""

    def __init__(self, app: Any, token: str) -> None:
        self.app, self.token = app, token

    async def get(self, path: str, **query: Any) -> Answer:
        return await ask(self.app, "GET", f"/v1{path}", query=query, headers={"access-token": self.token})

    async def control(self, method: str, path: str, body: Any = None, **query: Any) -> Answer:
        return await ask(self.app, method, f"/control{path}", body=body, query=query)

    async def tell(self, method: str, path: str, body: Any = None) -> Answer:
        return await ask(self.app, method, f"/v1{path}", body=body, headers={"access-token": self.token})


async def caller(start: Start, asked: dict[str, str], user: str = "alice", **settings: Any) -> Caller:
    """A user who has let the app in, at a simulator with these settings."""
    app = start(**settings).app
    return Caller(app, (await link(app, asked, user))["access_token"])
