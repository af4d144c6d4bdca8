"""What fires is done at once also while reads fill its user's budget: some of it is kept for that."""

import asyncio
import itertools
from collections.abc import AsyncIterator

import pytest

from cryptwire.errors import Exhausted
from cryptwire.gateway_client import GatewayClient
from tests.integration.controller.conftest import Scene
from tests.integration.gateway.conftest import HOPPER, Stage


@pytest.fixture
async def roomy(stage: Stage) -> AsyncIterator[Stage]:
    """Here the usual budget: thirty a minute."""
    async with stage.running():
        yield stage


async def filled(tracker: GatewayClient, scene: Scene) -> int:
    """How many reads went before the budget was used up."""
    for count in itertools.count():
        try:
            await tracker.positions(scene.user, HOPPER)
        except Exhausted:
            return count
    raise AssertionError("it has no end")


async def test_a_sale_goes_out_within_seconds_of_reads_that_filled_the_minutes_budget(scene: Scene) -> None:
    scene.upstream.begin("1", "2")
    async with scene.stage.client("tracker") as tracker:
        assert await filled(tracker, scene) >= 15
    await scene.rule_set()
    async with scene.controller():
        async with asyncio.timeout(15):
            while not scene.upstream.sold:  # noqa: ASYNC110 - upstream tells nobody
                await asyncio.sleep(0.05)
        assert scene.upstream.verbs() == ["PATCH disable/buying", "GET panicbutton"]
        assert await scene.audit("unverified") == []
    assert [kind for _, kind in await scene.notices()][:1] == ["rule-fired"]
    assert "buying-not-off" not in [kind for _, kind in await scene.notices()]
