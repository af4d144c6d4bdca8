"""The collection's requests, sent as they are written, from sign-up to deletion."""

from pathlib import Path

from cryptwire.codec.one_time import OneTimeKey, Purpose
from tests.bruno import collection, send, variables
from tests.integration.api.conftest import World

FOLDER = Path(__file__).parents[3] / "docs" / "collection"


async def token_of_the_mail(world: World, address: str) -> str:
    """What the link in the mail holds, which the processor would write."""
    row = "SELECT facts->>'token_id' FROM mails WHERE address = $1 AND template = 'sign-up'"
    id = await world.owner.value(row, address)
    return OneTimeKey.read_from(world.keys.mail_key).token(Purpose.SIGN_UP, id)


async def test_every_request_answers_what_it_says(world: World) -> None:
    known = variables(FOLDER / "environments" / "development.bru") | {"base": world.base}
    requests = collection(FOLDER)
    assert [each.number for each in requests] == list(range(1, len(requests) + 1))
    assert len(requests) >= 20
    for request in requests:
        if "{{confirmToken}}" in request.blocks.get("body:graphql:vars", ""):
            known["confirmToken"] = await token_of_the_mail(world, known["email"])
        assert await send(world.http, request, known) == []
        world.http.cookie_jar.clear()


async def test_an_assertion_that_does_not_hold_is_told(world: World) -> None:
    known = variables(FOLDER / "environments" / "development.bru") | {"base": world.base}
    stranger = next(each for each in collection(FOLDER) if each.name == "A stranger")
    wrong = {**stranger.blocks, "assert": "  res.status: eq 201\n  res.body.errors: isUndefined\n"}
    assert len(await send(world.http, type(stranger)("wrong", 1, wrong), known)) == 2
