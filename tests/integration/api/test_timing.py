"""Whether an address has an account is told neither by words, nor by time, nor by what is asked of the database."""

import asyncio
import statistics
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import argon2
import asyncpg
import pytest

from api.adapters import Argon2Passwords
from api.handlers.entrance import Entrance, rules
from api.settings import Settings
from cryptwire.clock import SystemClock
from cryptwire.codec.second_factor import SecondFactors
from cryptwire.config import environment
from cryptwire.errors import Invalid
from cryptwire.metrics import Meters
from cryptwire.storage import redis
from cryptwire.storage.attempts import Attempts
from cryptwire.storage.database import Database, url_of
from cryptwire.storage.mails import Mails
from cryptwire.storage.second_factors import SecondFactorRows
from cryptwire.storage.session_book import SessionBook
from cryptwire.storage.sign_ups import SignUp, SignUps
from cryptwire.storage.users import Users
from tests.integration.api.accounts import sign_up
from tests.integration.api.conftest import EMAIL, PASSWORD, World, running

IS_FULL = environment().get("CRYPTWIRE_FULL") == "1"
TRIES = 200
MOST_SECONDS = 0.005
MANY = 1_000_000
Ask = Callable[[str], Awaitable[dict[str, Any]]]


@dataclass
class Times:
    """Seconds of each try, of the clock or of the processor, for an address that has an account and for others."""

    there: list[float] = field(default_factory=list)
    nobody: list[float] = field(default_factory=list)

    def add(self, seconds: float, *, is_there: bool) -> None:
        (self.there if is_there else self.nobody).append(seconds)

    @property
    def apart(self) -> float:
        """By how much the medians differ."""
        return abs(statistics.median(self.there) - statistics.median(self.nobody))

    @property
    def apart_in_pairs(self) -> float:
        """The median of how much two tries next to each other differ: the neighbours' load hits both alike."""
        return abs(statistics.median(one - other for one, other in zip(self.there, self.nobody, strict=True)))

    def __str__(self) -> str:
        there, nobody = statistics.median(self.there) * 1000, statistics.median(self.nobody) * 1000
        return f"medians {there:.2f} and {nobody:.2f} ms, in pairs {self.apart_in_pairs * 1000:.2f} ms apart"


async def tried(ask: Ask) -> tuple[Times, Times, set[str]]:
    """Times by the clock and of the processor, in turn with and without an account; and all answers."""
    wall, cpu, words = Times(), Times(), set()
    for number in range(TRIES):
        for is_there in (True, False) if number % 2 else (False, True):
            began, worked = time.perf_counter(), time.process_time()
            answer = await ask(EMAIL if is_there else f"nobody{number}@example.com")
            wall.add(time.perf_counter() - began, is_there=is_there)
            cpu.add(time.process_time() - worked, is_there=is_there)
            words.add(str(answer))
    return wall, cpu, words


def unlimited(world: World) -> Settings:
    return replace(
        world.settings,
        attempts_a_minute=10_000,
        address_attempts_a_minute=MANY,
        mails_an_hour=MANY,
        points_a_minute=MANY * 10,
    )


def asks_of(world: World) -> dict[str, Ask]:
    """What an address can be tried with."""
    return {
        "sign-in": lambda email: world.sign_in(email, "not the password"),
        "sign-up": lambda email: sign_up(world, email),
        "reset": lambda email: world.ask("mutation($e: String!) { requestPasswordReset(email: $e) }", e=email),
    }


async def test_answer_and_time_are_the_same_whether_an_account_exists(world: World) -> None:
    async with running(unlimited(world)) as (base, _):
        for what, ask in asks_of(replace(world, base=base)).items():
            wall, _, words = await tried(ask)
            assert wall.apart < MOST_SECONDS, f"{what}: {wall}"
            assert len(words) == 1, words


@pytest.mark.skipif(not IS_FULL, reason="two minutes of hashing: CRYPTWIRE_FULL=1")
@pytest.mark.timeout(1800)
async def test_with_the_hasher_of_production_the_time_is_the_same_too(world: World) -> None:
    """By the clock, and in what the processor worked; on a machine without neighbours."""
    real = argon2.PasswordHasher()
    await world.owner.execute(
        "UPDATE users SET password_hash = $1 WHERE email = $2", await asyncio.to_thread(real.hash, PASSWORD), EMAIL
    )
    async with running(unlimited(world), Argon2Passwords(real)) as (base, _):
        for what, ask in asks_of(replace(world, base=base)).items():
            wall, cpu, words = await tried(ask)
            print(f"{what}: clock {wall}; processor {cpu}")  # for docs/bench.md
            assert wall.apart < MOST_SECONDS, f"{what}: {wall}"
            assert cpu.apart < MOST_SECONDS, f"{what}: {cpu}"
            assert len(words) == 1, words


async def test_the_same_statements_are_done_whether_an_account_exists(world: World, database_url: str) -> None:
    done: list[str] = []

    class Hasher(argon2.PasswordHasher):
        def verify(self, hash: str | bytes, password: str | bytes) -> Literal[True]:
            done.append("a password is checked")
            return super().verify(hash, password)

    async def listen(connection: "asyncpg.Connection[asyncpg.Record]") -> None:
        connection.add_query_logger(lambda query: done.append(query.query))

    meters, clock = Meters(), SystemClock()
    pool = asyncpg.create_pool(url_of("api", database_url), min_size=1, max_size=1, init=listen)
    async with pool, redis.connect(world.settings.redis_url) as store:
        db = Database(pool)
        entrance = Entrance(
            Users(db),
            Argon2Passwords(Hasher(time_cost=1, memory_cost=8, parallelism=1)),
            SecondFactorRows(db),
            SecondFactors(b"k" * 32),
            Attempts(store, rules(100, 100, 100), clock),
            clock,
            meters,
        )

        async def sign_in(email: str) -> None:
            try:
                await entrance.sign_in(email, "not the password", None, "192.0.2.1")
            except Invalid:
                return
            raise AssertionError("that was the wrong password")

        asks: list[Callable[[str], Awaitable[None]]] = [
            sign_in,
            lambda email: SignUps(db, SessionBook(db)).add(SignUp(email, "hash", "UTC", "EUR")),
            lambda email: Mails(db).add(email, "password-reset", {}),
        ]
        for ask in asks:
            both: list[list[str]] = []
            for email in (EMAIL, "nobody@example.com"):
                await ask(email)  # what is asked for the first time is prepared, too
                done.clear()
                await ask(email)
                both.append(list(done))
            assert both[0] == both[1]
            assert both[0]
            assert (done.count("a password is checked") == 1) == (ask is sign_in)
