"""What mailed links stand for: good once, for a while, and only for its purpose."""

import asyncio

from cryptwire.codec.one_time import Purpose, TokenId
from cryptwire.domain.hopper import UserId
from cryptwire.storage import database, one_time_tokens
from cryptwire.storage.database import Database, url_of
from cryptwire.storage.one_time_tokens import OneTime, OneTimeTokens
from cryptwire.storage.users import Users


async def test_a_reset_is_begun_by_the_processor_for_an_address_that_somebody_has(database_url: str) -> None:
    async with (
        database.connect(database_url, "test") as owner,
        database.connect(url_of("processor", database_url), "test") as processor,
    ):
        me = await Users(owner).add("Me@example.com", "hash", "UTC", "USD", "free")
        tokens = OneTimeTokens(processor)
        assert await tokens.begin_reset("nobody@example.com") is None
        begun = await tokens.begin_reset("me@EXAMPLE.com")
        assert begun is not None
        token, user = begun
        assert user == me
        assert await tokens.look(Purpose.PASSWORD_RESET, token) == OneTime(me, None, None)
        assert await tokens.look(Purpose.EMAIL_CHANGE, token) is None
        await owner.execute("UPDATE users SET deletion_asked_at = now()")
        assert await tokens.begin_reset("me@example.com") is None


async def test_of_many_who_use_a_token_at_once_one_gets_it(database_url: str) -> None:
    async with database.connect(database_url, "test", 8) as owner:
        me = await Users(owner).add("me@example.com", "hash", "UTC", "USD", "free")
        async with owner.transaction() as connection:
            token = await one_time_tokens.add_within(
                connection, Purpose.EMAIL_CHANGE, user=me, address="new@example.com"
            )

        async def use() -> OneTime | None:
            async with owner.transaction() as connection:
                return await one_time_tokens.use_within(connection, Purpose.EMAIL_CHANGE, token)

        used = await asyncio.gather(*(use() for _ in range(8)))
        assert [one for one in used if one is not None] == [OneTime(me, None, "new@example.com")]


async def test_an_expired_or_voided_token_is_not_good(database_url: str) -> None:
    async with database.connect(database_url, "test") as owner:
        me = await Users(owner).add("me@example.com", "hash", "UTC", "USD", "free")
        tokens = OneTimeTokens(owner)
        first, second = await _reset(tokens), await _reset(tokens)
        await _expire(owner, first)
        assert await tokens.look(Purpose.PASSWORD_RESET, first) is None
        assert await tokens.look(Purpose.PASSWORD_RESET, second) is not None
        async with owner.transaction() as connection:
            await one_time_tokens.void_within(connection, Purpose.PASSWORD_RESET, UserId(me))
        assert await tokens.look(Purpose.PASSWORD_RESET, second) is None


async def _reset(tokens: OneTimeTokens) -> TokenId:
    begun = await tokens.begin_reset("me@example.com")
    assert begun is not None
    return begun[0]


async def _expire(owner: Database, token: str) -> None:
    await owner.execute("UPDATE one_time_tokens SET expires_at = now() WHERE token_id = $1::text::uuid", token)
