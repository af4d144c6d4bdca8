"""Second factors, recovery codes and tokens for scripts; and that nobody guesses them."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import pyotp

from api.settings import Settings
from cryptwire.storage import redis
from tests.integration.api.accounts import REFRESH, TOKENS, bearer, mails, sign_up, tokens
from tests.integration.api.conftest import EMAIL, OURS, PASSWORD, World, code_of, running

BEGIN = "mutation($p: String!) { beginTotp(password: $p) { secret url } }"
CONFIRM = "mutation($c: String!) { confirmTotp(code: $c) }"
END = "mutation($p: String!, $c: String!) { endTotp(password: $p, code: $c) }"
CODES = "mutation($p: String!, $c: String!) { newRecoveryCodes(password: $p, code: $c) }"
SECURITY = "{ security { hasTotp recoveryCodesLeft emailConfirmed } }"
PROVE = "mutation($p: String!, $c: String) { confirmPassword(password: $p, code: $c) }"
CREATE = """mutation($n: String!, $s: [ApiScope!]!, $p: String!, $e: DateTime) {
  createApiToken(name: $n, scopes: $s, password: $p, expiresAt: $e) { token apiToken { id name scopes seenAt } } }"""
LIST = "{ apiTokens { id name scopes expiresAt seenAt } }"
END_TOKEN = "mutation($id: ID!) { endApiToken(id: $id) }"


def now() -> datetime:
    return datetime.now(UTC)  # noqa: TID251 - real servers, real time


async def with_totp(world: World, access: str) -> tuple[pyotp.TOTP, list[str]]:
    """The second factor is on, as if its first code had been of a while ago; recovery codes."""
    setup = (await world.ask(BEGIN, bearer(access), p=PASSWORD))["data"]["beginTotp"]
    totp = pyotp.TOTP(setup["secret"])
    assert setup["url"].startswith("otpauth://totp/Cryptwire:")
    codes = (await world.ask(CONFIRM, bearer(access), c=totp.at(now() - timedelta(seconds=30))))["data"]["confirmTotp"]
    await world.owner.execute("UPDATE totp SET last_step = 0")
    return totp, codes


async def sign_in(world: World, code: str | None) -> dict[str, Any]:
    return await world.ask(TOKENS, e=EMAIL, p=PASSWORD, c=code)


async def test_with_a_second_factor_signing_in_needs_a_code_which_is_good_once(world: World) -> None:
    access, _ = await tokens(world)
    assert (await world.ask(SECURITY, bearer(access)))["data"]["security"] == {
        "hasTotp": False,
        "recoveryCodesLeft": 0,
        "emailConfirmed": True,
    }
    totp, codes = await with_totp(world, access)
    assert len(set(codes)) == 10
    assert (await world.ask(SECURITY, bearer(access)))["data"]["security"]["recoveryCodesLeft"] == 10
    assert code_of(await sign_in(world, None)) == "CODE_NEEDED"
    assert code_of(await sign_in(world, " ")) == "CODE_NEEDED"
    code = totp.at(now())
    for wrong in ("000000", "1", "x" * 10_000, "\x00", totp.at(now() + timedelta(minutes=5))):
        assert code_of(await sign_in(world, wrong)) == "INVALID", wrong
    answers = await asyncio.gather(*(sign_in(world, code) for _ in range(4)))
    assert sum("errors" not in answer for answer in answers) == 1, "a code is good once, also for many at once"
    assert code_of(await world.ask(TOKENS, e=EMAIL, p="wrong", c=totp.at(now() + timedelta(seconds=30)))) == "INVALID"
    assert await mails(world, EMAIL) == ["totp-on"]


async def test_a_recovery_code_is_good_once_however_it_is_written(world: World) -> None:
    access, _ = await tokens(world)
    totp, codes = await with_totp(world, access)
    answers = await asyncio.gather(*(sign_in(world, f" {codes[0].lower()} ") for _ in range(4)))
    assert sum("errors" not in answer for answer in answers) == 1
    assert "errors" not in await sign_in(world, codes[1].replace("-", ""))
    assert (await world.ask(SECURITY, bearer(access)))["data"]["security"]["recoveryCodesLeft"] == 8
    new = (await world.ask(CODES, bearer(access), p=PASSWORD, c=totp.at(now())))["data"]["newRecoveryCodes"]
    assert code_of(await sign_in(world, codes[2])) == "INVALID", "those before are worth nothing"
    assert "errors" not in await sign_in(world, new[2])
    rows = [await world.owner.fetch(f"SELECT * FROM {table}") for table in ("recovery_codes", "totp")]
    kept = str(rows)
    assert new[3] not in kept
    assert totp.secret not in kept


async def test_a_second_factor_counts_when_its_first_code_was_right_and_is_ended_by_a_code(world: World) -> None:
    access, _ = await tokens(world)
    assert code_of(await world.ask(CONFIRM, bearer(access), c="123456")) == "INVALID", "nothing waits for a code"
    assert code_of(await world.ask(BEGIN, bearer(access), p="wrong")) == "INVALID"
    await world.ask(BEGIN, bearer(access), p=PASSWORD)
    assert "errors" not in await sign_in(world, None), "it was not confirmed"
    assert code_of(await world.ask(CONFIRM, bearer(access), c="12345")) == "INVALID"
    assert code_of(await world.ask(CODES, bearer(access), p=PASSWORD, c="x")) == "INVALID"
    totp, codes = await with_totp(world, access)
    assert code_of(await world.ask(BEGIN, bearer(access), p=PASSWORD)) == "INVALID", "one is on"
    assert code_of(await world.ask(CONFIRM, bearer(access), c=totp.at(now()))) == "INVALID"
    assert code_of(await world.ask(PROVE, bearer(access), p=PASSWORD)) == "CODE_NEEDED"
    assert "errors" not in await world.ask(PROVE, bearer(access), p=PASSWORD, c=codes[0])
    assert code_of(await world.ask(END, bearer(access), p=PASSWORD, c="000000")) == "INVALID"
    assert "errors" not in await world.ask(END, bearer(access), p=PASSWORD, c=codes[1])
    assert "errors" not in await sign_in(world, None)
    assert await mails(world, EMAIL) == ["totp-on", "totp-off"]
    assert await world.owner.value("SELECT count(*) FROM recovery_codes") == 0


# Personal API tokens


async def test_a_script_uses_a_personal_token_within_its_scopes(world: World) -> None:
    access, _ = await tokens(world)

    async def create(scopes: list[str]) -> tuple[str, str]:
        answer = await world.ask(CREATE, bearer(access), n="My script", s=scopes, p=PASSWORD)
        made = answer["data"]["createApiToken"]
        return made["token"], made["apiToken"]["id"]

    (read, id), (write, _) = await create(["READ"]), await create(["READ", "WRITE"])
    assert read.startswith("cwp_")
    told = await world.owner.fetch("SELECT facts FROM mails WHERE template = 'api-token-made' AND address = $1", EMAIL)
    facts = sorted((json.loads(row["facts"]) for row in told), key=lambda each: str(each["scopes"]))
    assert [(each["name"], each["scopes"]) for each in facts] == [
        ("My script", "read"),
        ("My script", "read and write"),
    ]
    assert not any(text in str(facts) for text in (read, write, "cwp_"))
    change = "mutation { changePreferences(input: {colours: RED_GREEN}) { colours } }"
    assert (await world.ask("{ hoppers { id } }", bearer(read)))["data"] == {"hoppers": [{"id": "1"}]}
    assert code_of(await world.ask(change, bearer(read))) == "FORBIDDEN"
    assert "errors" not in await world.ask(change, bearer(write))
    for query in (SECURITY, LIST, "{ sessions { id } }", "mutation { endOtherSessions }"):
        refused = await world.ask(query, bearer(write))
        codes = {error["extensions"]["code"] for error in refused["errors"]}
        assert codes == {"FORBIDDEN"}, "what guards the account is a person's"
    refused = await world.ask(CREATE, bearer(write), n="x", s=["READ"], p=PASSWORD)
    assert {error["extensions"]["code"] for error in refused["errors"]} == {"FORBIDDEN"}
    listed = (await world.ask(LIST, bearer(access)))["data"]["apiTokens"]
    assert [one["name"] for one in listed] == ["My script"] * 2
    assert all(one["seenAt"] is not None for one in listed)
    assert read not in str(listed) + str(await world.owner.fetch("SELECT * FROM api_tokens"))
    strangers, _ = await tokens(world, "you@example.com", "other")
    for who, which in ((strangers, id), (access, "x"), (access, ""), (access, "\x00" * 36), (access, id + "0")):
        assert code_of(await world.ask(END_TOKEN, bearer(who), id=which)) == "NOT_FOUND"
    assert (await world.ask(END_TOKEN, bearer(access), id=id))["data"] == {"endApiToken": True}
    assert code_of(await world.ask(END_TOKEN, bearer(access), id=id)) == "NOT_FOUND"
    assert (await world.ask("{ me { id } }", bearer(read)))["data"]["me"] is None


async def test_tokens_that_are_made_at_once_do_not_block_each_other(world: World) -> None:
    access, _ = await tokens(world)
    for _ in range(4):
        creating = (world.ask(CREATE, bearer(access), n="x", s=["READ"], p=PASSWORD) for _ in range(8))
        assert [answer for answer in await asyncio.gather(*creating) if "errors" in answer] == []


async def test_a_token_that_cannot_be_is_refused_and_one_that_expired_is_nobodys(world: World) -> None:
    access, _ = await tokens(world)
    soon = (now() + timedelta(hours=1)).isoformat()
    wrong: list[dict[str, Any]] = [
        {"n": ""},
        {"n": "x" * 101},
        {"n": "a\x00"},
        {"s": []},
        {"s": ["ADMIN"]},
        {"p": "wrong"},
        {"e": (now() - timedelta(hours=1)).isoformat()},
        {"e": "tomorrow"},
        {"e": "9999-99-99T00:00:00Z"},
    ]
    for one in wrong:
        answer = await world.ask(CREATE, bearer(access), **({"n": "x", "s": ["READ"], "p": PASSWORD} | one))
        assert code_of(answer) == "INVALID", one
    token = (await world.ask(CREATE, bearer(access), n="x", s=["READ"], p=PASSWORD, e=soon))["data"]["createApiToken"]
    assert (await world.ask("{ me { email } }", bearer(token["token"])))["data"]["me"] == {"email": EMAIL}
    await world.owner.execute("UPDATE api_tokens SET expires_at = now()")
    async with (
        running(world.settings) as (base, _),
        world.http.post(
            f"{base}/graphql", json={"query": "{ me { email } }"}, headers=bearer(token["token"])
        ) as response,
    ):
        assert (await response.json())["data"]["me"] is None
    await world.owner.execute(
        "INSERT INTO api_tokens (token_hash, user_id, name, scopes)"
        " SELECT sha256(n::text::bytea), user_id, 'x', '{read}' FROM users, generate_series(1, 48) n WHERE email = $1",
        EMAIL,
    )
    creating = (world.ask(CREATE, bearer(access), n="x", s=["READ"], p=PASSWORD) for _ in range(6))
    answers = await asyncio.gather(*creating)
    assert sum("errors" not in answer for answer in answers) == 2, "fifty are the most, also for many at once"


# Guessing


async def test_guesses_at_an_account_are_limited_over_all_replicas_and_told_with_the_time_to_wait(world: World) -> None:
    access, refresh = await tokens(world)
    async with running(world.settings) as (other, _), aiohttp.ClientSession() as http:
        codes = []
        for number in range(10):
            base = (world.base, other)[number % 2]
            body = {"query": TOKENS, "variables": {"e": (EMAIL, EMAIL.upper())[number % 2], "p": "wrong"}}
            async with http.post(f"{base}/graphql", json=body, headers=OURS) as response:
                codes.append(code_of(await response.json()))
        assert codes == ["INVALID"] * 10
        answer = await world.sign_in()
        assert code_of(answer) == "EXHAUSTED", "even with the right password"
        assert 0 < answer["errors"][0]["extensions"]["retryAfter"] <= 60
        assert "try again in" in answer["errors"][0]["message"]
    assert (await world.ask("{ me { email } }", bearer(access)))["data"]["me"] == {"email": EMAIL}
    assert "errors" not in await world.ask(PROVE, bearer(access), p=PASSWORD), "who is in stays in, and may do all"
    assert "errors" not in await world.ask(REFRESH, t=refresh)


async def test_who_is_right_does_not_wait(world: World) -> None:
    for _ in range(15):
        await tokens(world)


async def test_all_other_guessing_is_limited_alike(world: World) -> None:
    access, _ = await tokens(world)
    for query in (PROVE, BEGIN):
        codes = [code_of(await world.ask(query, bearer(access), p="wrong")) for _ in range(11)]
        assert codes[-1] == "EXHAUSTED"
        other, _ = await tokens(world)
        assert "errors" not in await world.ask(PROVE, bearer(other), p=PASSWORD), "another device of his goes on"
        access = other
    await with_totp(world, access)
    codes = [code_of(await sign_in(world, "000000")) for _ in range(11)]
    assert codes[-1] == "EXHAUSTED"
    for _ in range(10):
        await sign_up(world, "many@example.com")
    assert code_of(await sign_up(world, "many@example.com")) == "EXHAUSTED", "and nobody's letter box is filled"


async def test_guesses_from_one_address_are_limited_and_proxies_are_believed_only_when_trusted(world: World) -> None:
    settings = Settings(
        world.settings.database_url,
        world.settings.nats_url,
        world.settings.redis_url,
        **world.keys.settings(),
        is_warmed_up=False,
        is_development=True,
        trusted_proxies=1,
        address_attempts_a_minute=5,
    )

    async def guess(base: str, number: int, forwarded: str) -> str:
        body = {"query": TOKENS, "variables": {"e": f"user{number}@example.com", "p": "wrong"}}
        headers = {**OURS, "X-Forwarded-For": forwarded}
        async with world.http.post(f"{base}/graphql", json=body, headers=headers) as response:
            return code_of(await response.json())

    async with running(settings) as (base, _):
        codes = [await guess(base, number, f"10.9.9.{number}, 192.0.2.7") for number in range(7)]
        assert codes == ["INVALID"] * 5 + ["EXHAUSTED"] * 2, "what stands before the proxy's word anybody may write"
        assert await guess(base, 8, "192.0.2.8") == "INVALID"
        codes = [await guess(base, 9 + number, f"2001:db8:1:2::{number}") for number in range(7)]
        assert codes == ["INVALID"] * 5 + ["EXHAUSTED"] * 2, "a host of IPv6 has a whole /64"
    assert await guess(world.base, 16, "192.0.2.7") == "INVALID", "without proxies the peer counts"


async def test_while_redis_is_away_each_process_counts_by_itself(world: World) -> None:
    settings = Settings(
        world.settings.database_url,
        world.settings.nats_url,
        "redis://127.0.0.1:9",
        **world.keys.settings(),
        is_warmed_up=False,
        is_development=True,
        attempts_a_minute=3,
    )
    async with running(settings) as (base, _):
        codes = []
        for _ in range(4):
            body = {"query": TOKENS, "variables": {"e": EMAIL, "p": "wrong"}}
            async with world.http.post(f"{base}/graphql", json=body, headers=OURS) as response:
                codes.append(code_of(await response.json()))
        assert codes == ["INVALID"] * 3 + ["EXHAUSTED"]


async def test_no_address_is_written_into_redis(world: World) -> None:
    await world.sign_in(EMAIL, "wrong")
    async with redis.connect(world.settings.redis_url) as client:
        keys = [key async for key in client.scan_iter("cw:limits*")]
    assert keys
    assert not any(b"@" in key or b"127.0.0.1" in key for key in keys)
