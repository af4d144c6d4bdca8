"""Refresh tokens rotate once, however many refresh at once; sessions are remembered for five seconds by the clock."""

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest

from cryptwire.clock import SystemClock
from cryptwire.errors import Unauthenticated
from cryptwire.memory.clock import HandClock
from cryptwire.storage import database
from cryptwire.storage.session_book import Lifetimes, SessionBook
from cryptwire.storage.sessions import Sessions
from cryptwire.storage.users import Users
from tests.signing import issued


async def test_of_many_who_refresh_at_once_one_begins_the_next_generation(database_url: str) -> None:
    async with database.connect(database_url, "test", 16) as owner:
        user = await Users(owner).add("me@example.com", "-", "UTC", "USD", "pro")
        book = SessionBook(owner)
        token = (await book.begin(user)).refresh_token
        for generation in range(1, 11):
            begun = await asyncio.gather(*(book.refresh(token) for _ in range(16)))
            assert await owner.value("SELECT generation FROM sessions") == generation
            token = begun[generation].refresh_token


async def test_what_is_remembered_is_five_seconds_old_at_most_and_forgotten_when_told(
    database_url: str, tmp_path: Path
) -> None:
    keys, clock = issued(tmp_path / "keys"), HandClock(SystemClock().now())
    async with database.connect(database_url, "test") as owner:
        user = await Users(owner).add("me@example.com", "-", "UTC", "USD", "pro")
        sessions, book = Sessions(owner, clock, keys.verifier(clock)), SessionBook(owner)
        first, second = (await book.begin(user)).session, (await book.begin(user)).session
        tokens = [keys.access_token(user, session, clock) for session in (first, second)]
        assert [(await sessions.who(token)).session for token in tokens] == [first, second]
        await owner.execute("UPDATE users SET plan = 'free'")
        assert (await sessions.who(tokens[0])).plan == "pro"
        sessions.forget(user)
        assert (await sessions.who(tokens[0])).plan == "free"
        await book.end(user, first, "test")
        await clock.turn(timedelta(seconds=4.9))
        assert (await sessions.who(tokens[0])).session == first
        await clock.turn(timedelta(seconds=0.2))
        with pytest.raises(Unauthenticated):
            await sessions.who(tokens[0])
        assert set(await sessions.again([first, second])) == {second}
        await owner.execute("UPDATE users SET deletion_asked_at = now()")
        assert await sessions.again([first, second]) == {}
        short = await SessionBook(owner, Lifetimes(timedelta(seconds=-1))).begin(user)
        with pytest.raises(Unauthenticated):
            await sessions.who(keys.access_token(user, short.session, clock))
