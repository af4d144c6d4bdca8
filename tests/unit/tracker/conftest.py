"""The tracker at work for a test."""

from collections.abc import AsyncIterator

import pytest

from tests.unit.tracker.playing import World


@pytest.fixture
async def world() -> AsyncIterator[World]:
    """One hopper with one BTC at 10; the clock stands a second after 12:00."""
    made = World()
    await made.start()
    yield made
    if made.is_running:
        await made.stop()
