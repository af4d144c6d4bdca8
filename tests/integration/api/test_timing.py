"""Whether an address has an account is told neither by words, nor by time, nor by what is asked of the database."""

import statistics
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any, Literal

import argon2
import asyncpg

from api.adapters import Argon2Passwords
from api.handlers.entrance import Entrance, rules
from cryptwire.clock import SystemClock
from cryptwire.codec.second_factor import SecondFactors
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
from tests.integration.api.conftest import EMAIL, World, running

TRIES = 200
MOST_SECONDS = 0.005
MANY = 1_000_000
Ask = Callable[[str], Awaitable[dict[str, Any]]]


async def medians(ask: Ask) -> tuple[float, float, set[str]]:
    """The median times for an address that has an account and for those that have none, in turn; and all answers."""
    times: dict[bool, list[float]] = {True: [], False: []}
    words = set()
    for number in range(TRIES):
        for is_there in (True, False) if number % 2 else (False, True):
            began = time.perf_counter()
            answer = await ask(EMAIL if is_there else f"nobody{number}@example.com")
            times[is_there].append(time.perf_counter() - began)
            words.add(str(answer))
    return statistics.median(times[True]), statistics.median(times[False]), words


async def test_answer_and_time_are_the_same_whether_an_account_exists(world: World) -> None:
    settings = replace(
        world.settings,
        attempts_a_minute=10_000,
        address_attempts_a_minute=MANY,
        mails_an_hour=MANY,
        points_a_minute=MANY * 10,
    )
    async with running(settings) as (base, _):
        free = replace(world, base=base)
        asks: dict[str, Ask] = {
            "sign-in": lambda email: free.sign_in(email, "not the password"),
            "sign-up": lambda email: sign_up(free, email),
            "reset": lambda email: free.ask("mutation($e: String!) { requestPasswordReset(email: $e) }", e=email),
        }
        for what, ask in asks.items():
            there, nobody, words = await medians(ask)
            assert abs(there - nobody) < MOST_SECONDS, f"{what}: {there * 1000:.2f} and {nobody * 1000:.2f} ms"
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
