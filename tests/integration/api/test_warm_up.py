"""What an API does before it is ready: it asks itself, knows what others were asked, and waits for no server."""

import asyncio
import time
from dataclasses import replace

import pytest
from graphql import parse, validate

from api.handlers.persisted import may_be_kept
from api.handlers.warm_up import everything
from api.schema import SCHEMA
from cryptwire.clock import SystemClock
from cryptwire.storage import redis
from cryptwire.storage.query_texts import QueryTexts
from tests.integration.api.conftest import World, running


def test_everything_is_an_operation_that_holds_all_figures() -> None:
    schema = SCHEMA._schema
    text = f"{{ analytics {everything(schema, 'Analytics')} }}"
    assert not validate(schema, parse(text))
    for field in ("days", "coinProfit", "tradeFigures", "attribution", "holding", "marketSpread", "openPositions"):
        assert f" {field} {{" in text


async def test_it_is_warm_before_it_is_ready(world: World) -> None:
    async with running(replace(world.settings, is_warmed_up=True)) as (base, runtime):
        assert runtime.meters.value("api_warm_ups", outcome="answered") == 1
        async with world.http.get(f"{base}/config.json") as answer:
            assert answer.status == 200


async def test_what_was_answered_is_known_to_the_next_process(world: World, redis_url: str) -> None:
    await world.sign_in()
    asked, refused = "query Asked { hoppers { name } }", "query Refused { hoppers { nothing } }"
    for text in (asked, refused):
        await world.ask(text)
    async with redis.connect(redis_url) as client:
        texts = QueryTexts(client, SystemClock())

        async def kept() -> list[str]:
            return await texts.newest(100)

        async with asyncio.timeout(5):
            while asked not in await kept():  # noqa: ASYNC110 - what is awaited has no event
                await asyncio.sleep(0.01)
        assert refused not in await kept()


@pytest.mark.parametrize(
    ("text", "is_kept"),
    [
        ('{ analytics(currency: "EUR") { benchmark(coin: "BTC") { note } } }', True),
        ("query($token: String!) { shared(token: $token) { name } }", True),
        ('{ shared(token: "9sD2kfj3LmQpZ81x") { name } }', False),
        ('mutation { signIn(email: "a@b.c", password: "short") { expiresAt } }', False),
        ('query A { hoppers { id } } mutation B { signIn(email: "a@b.c", password: "short") { expiresAt } }', False),
        ('query($x: String = "9sD2kfj3LmQpZ81x") { shared(token: $x) { name } }', False),
    ],
)
def test_what_may_hold_a_secret_is_kept_nowhere(text: str, is_kept: bool) -> None:
    assert may_be_kept(parse(text)) is is_kept


async def test_servers_that_are_away_keep_nobody_waiting(world: World) -> None:
    settings = replace(
        world.settings,
        is_warmed_up=True,
        database_url="postgresql://nobody:x@127.0.0.1:9/none",
        redis_url="redis://127.0.0.1:9",
    )
    began = time.monotonic()
    async with running(settings) as (base, runtime), asyncio.timeout(30):
        assert time.monotonic() - began < 20
        async with world.http.get(f"{base}/config.json") as answer:
            assert answer.status == 200
        assert not runtime.health.is_ready
        assert not runtime.meters.value("api_warm_ups", outcome="answered")
