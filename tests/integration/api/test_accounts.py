"""Accounts: made, their passwords and addresses changed, deleted; by who may, and nobody else."""

import asyncio
import json
from typing import Any

import argon2
import pytest

from api.adapters import Argon2Passwords
from cryptwire.codec.one_time import OneTimeKey, Purpose
from cryptwire.storage.one_time_tokens import OneTimeTokens
from tests.integration.api.accounts import CONFIRM, bearer, link, mails, sign_up, tokens
from tests.integration.api.conftest import EMAIL, OURS, PASSWORD, QUICK, World, code_of, running

NEW, GOOD = "new@example.com", "a long enough one"
RESET = "mutation($t: String!, $p: String!) { resetPassword(token: $t, password: $p) }"
ASK_RESET = "mutation($e: String!) { requestPasswordReset(email: $e) }"
CHANGE = "mutation($p: String!, $n: String!) { changePassword(password: $p, newPassword: $n) }"
ASK_EMAIL = "mutation($e: String!, $p: String!) { requestEmailChange(email: $e, password: $p) }"
CONFIRM_EMAIL = "mutation($t: String!) { confirmEmailChange(token: $t) }"
DELETE = "mutation($p: String!, $c: String!) { deleteAccount(password: $p, confirmation: $c) }"
ME = "{ me { email plan } }"


async def begin_reset(world: World, address: str = EMAIL) -> str:
    """The token of a reset's link, as the processor makes it."""
    begun = await OneTimeTokens(world.owner).begin_reset(address)
    assert begun is not None
    return OneTimeKey.read_from(world.keys.mail_key).token(Purpose.PASSWORD_RESET, begun[0])


async def people(world: World) -> int:
    return int(await world.owner.value("SELECT count(*) FROM users"))


# Signing up


async def test_who_signs_up_opens_the_mail_gives_the_password_and_is_in(world: World) -> None:
    assert await sign_up(world, f" {NEW} ", zone="Asia/Kolkata") == {"data": {"signUp": True}}
    assert await people(world) == 2, "a sign-up is no user"
    token = await link(world, "sign-up", NEW)
    assert code_of(await world.ask(CONFIRM, t=token, p="not the password")) == "INVALID"
    user = (await world.ask(CONFIRM, t=token, p=GOOD))["data"]["confirmSignUp"]["user"]
    assert (user["email"], user["zone"], user["plan"]) == (NEW, "Asia/Kolkata", "free")
    assert (await world.ask(ME))["data"]["me"] == {"email": NEW, "plan": "free"}
    assert code_of(await world.ask(CONFIRM, t=token, p=GOOD)) == "INVALID", "a link is good once"
    await tokens(world, NEW, GOOD)


async def test_a_stranger_who_signs_up_with_my_address_gains_nothing(world: World) -> None:
    await sign_up(world, NEW, "the stranger's own")
    strangers = await link(world, "sign-up", NEW)
    await sign_up(world, NEW, GOOD)
    mine = await link(world, "sign-up", NEW)
    assert strangers != mine
    assert code_of(await world.ask(CONFIRM, t=strangers, p=GOOD)) == "INVALID", "my password is not his"
    assert "errors" not in await world.ask(CONFIRM, t=mine, p=GOOD)
    assert code_of(await world.ask(CONFIRM, t=strangers, p="the stranger's own")) == "INVALID"
    assert await people(world) == 3


async def test_an_address_that_is_taken_gets_a_mail_that_says_so(world: World) -> None:
    assert await sign_up(world, EMAIL.upper()) == {"data": {"signUp": True}}
    assert await mails(world, EMAIL.upper()) == ["sign-up-taken"]
    facts = await world.owner.value("SELECT facts FROM mails")
    assert facts == "{}"


async def test_of_many_who_confirm_at_once_one_is_made(world: World) -> None:
    for _ in range(2):
        await sign_up(world, NEW)
    token = await link(world, "sign-up", NEW)
    answers = await asyncio.gather(*(world.ask(CONFIRM, t=token, p=GOOD) for _ in range(6)))
    assert sum("errors" not in answer for answer in answers) == 1
    assert {code_of(answer) for answer in answers if "errors" in answer} == {"INVALID"}
    assert await people(world) == 3


async def test_what_cannot_be_an_account_is_refused_in_words(world: World) -> None:
    emails = ("", "x", "a@b", "a b@example.com", "a@example.com\x00", "a\nb@example.com", "ä@example.com")
    for email in (*emails, "a" * 250 + "@b.de"):
        answer = await sign_up(world, email)
        assert (code_of(answer), "e-mail" in answer["errors"][0]["message"]) == ("INVALID", True), email
    wrong = ("", "short", "x" * 1_001, "0123456789", "password12345", NEW, "new@EXAMPLE.com", "abc\x00defghijkl")
    for zone in ("", "Europe/Nowhere", "../../etc/passwd", "europe/berlin", "x" * 5_000, "\x00", "UTC\x00"):
        answer = await sign_up(world, NEW, zone=zone)
        assert (code_of(answer), "time zone" in answer["errors"][0]["message"]) == ("INVALID", True), zone
    for password in wrong:
        answer = await sign_up(world, NEW, password)
        assert (code_of(answer), "password" in answer["errors"][0]["message"]) == ("INVALID", True), password
    answer = await world.ask(
        'mutation { signUp(email: "new@example.com", password: "a long enough one", zone: "UTC", currency: "BTC") }'
    )
    assert (code_of(answer), "currency" in answer["errors"][0]["message"]) == ("INVALID", True)
    assert await world.owner.value("SELECT count(*) FROM sign_ups") == 0


async def test_an_old_link_and_a_link_for_something_else_do_nothing(world: World) -> None:
    await sign_up(world, NEW)
    token, reset = await link(world, "sign-up", NEW), await begin_reset(world)
    await world.owner.execute("UPDATE one_time_tokens SET expires_at = now() WHERE purpose = 'sign-up'")
    for wrong in (token, reset, "", "x" * 64, "x" * 50_000, "\x00" * 64):
        assert code_of(await world.ask(CONFIRM, t=wrong, p=GOOD)) == "INVALID"
    for wrong in (token, "", "A" * 64):
        assert code_of(await world.ask(RESET, t=wrong, p=GOOD)) == "INVALID"
        assert code_of(await world.ask(CONFIRM_EMAIL, t=wrong)) == "INVALID"
    assert await people(world) == 2


# Passwords


async def test_a_reset_sets_another_password_and_ends_whoever_was_in(world: World) -> None:
    assert await world.ask(ASK_RESET, e=EMAIL) == {"data": {"requestPasswordReset": True}}
    assert await world.ask(ASK_RESET, e="nobody@example.com") == {"data": {"requestPasswordReset": True}}
    assert [await mails(world, address) for address in (EMAIL, "nobody@example.com")] == [["password-reset"]] * 2
    access, _ = await tokens(world)
    token, other = await begin_reset(world), await begin_reset(world)
    assert code_of(await world.ask(RESET, t=token, p="password12")) == "INVALID"
    assert code_of(await world.ask(RESET, t=token, p=EMAIL)) == "INVALID"
    assert await world.ask(RESET, t=token, p=GOOD) == {"data": {"resetPassword": True}}
    assert (await world.ask(ME, bearer(access)))["data"]["me"] is None
    for used in (token, other):
        assert code_of(await world.ask(RESET, t=used, p="yet another good one")) == "INVALID"
    assert code_of(await world.sign_in(EMAIL, PASSWORD)) == "INVALID"
    await tokens(world, EMAIL, GOOD)
    assert (await mails(world, EMAIL))[:2] == ["password-reset", "password-changed"]


async def test_of_many_resets_at_once_one_is_done(world: World) -> None:
    token = await begin_reset(world)
    answers = await asyncio.gather(*(world.ask(RESET, t=token, p=f"{GOOD} {n}") for n in range(6)))
    (won,) = [n for n, answer in enumerate(answers) if "errors" not in answer]
    await tokens(world, EMAIL, f"{GOOD} {won}")


async def test_a_password_is_changed_by_who_knows_it_and_other_sessions_end(world: World) -> None:
    mine, _ = await tokens(world)
    other, _ = await tokens(world)
    reset = await begin_reset(world)
    for old, new in (("wrong", GOOD), ("", GOOD), ("x" * 5_000, GOOD), (PASSWORD, "short"), (PASSWORD, "\x00" * 12)):
        assert code_of(await world.ask(CHANGE, bearer(mine), p=old, n=new)) == "INVALID"
    answers = await asyncio.gather(*(world.ask(CHANGE, bearer(mine), p=PASSWORD, n=f"{GOOD} {n}") for n in range(4)))
    assert sum("errors" not in answer for answer in answers) == 1, "each knew the password that was changed but once"
    assert [(await world.ask(ME, bearer(each)))["data"]["me"] is None for each in (mine, other)] == [False, True]
    assert await mails(world, EMAIL) == ["password-changed"]
    assert code_of(await world.ask(RESET, t=reset, p="yet another good one")) == "INVALID", "links of before are void"


async def test_a_password_is_hashed_anew_when_the_parameters_have_changed(world: World) -> None:
    old = argon2.PasswordHasher(time_cost=2, memory_cost=16, parallelism=1).hash(PASSWORD)
    await world.owner.execute("UPDATE users SET password_hash = $1 WHERE email = $2", old, EMAIL)
    await tokens(world)
    new = await world.owner.value("SELECT password_hash FROM users WHERE email = $1", EMAIL)
    assert "m=8,t=1" in new
    await tokens(world)


# Another address


async def test_another_address_holds_when_its_mail_was_opened(world: World) -> None:
    access, _ = await tokens(world)
    for email, password in ((NEW, "wrong"), ("no address", PASSWORD)):
        assert code_of(await world.ask(ASK_EMAIL, bearer(access), e=email, p=password)) == "INVALID"
    for email in ("first@example.com", NEW, "you@example.com"):
        answer = await world.ask(ASK_EMAIL, bearer(access), e=email, p=PASSWORD)
        assert answer == {"data": {"requestEmailChange": True}}, "also for an address that somebody has"
    assert await mails(world, "you@example.com") == ["sign-up-taken"]
    await world.ask(ASK_EMAIL, bearer(access), e=NEW, p=PASSWORD)
    first, token = await link(world, "email-change", "first@example.com"), await link(world, "email-change", NEW)
    assert code_of(await world.ask(CONFIRM_EMAIL, t=first)) == "INVALID", "the last one counts"
    assert await world.ask(CONFIRM_EMAIL, t=token) == {"data": {"confirmEmailChange": True}}
    assert (await world.ask("{ me { email } }", bearer(access)))["data"]["me"] == {"email": NEW}
    assert await mails(world, EMAIL) == [*["email-change-asked"] * 4, "email-changed"], "not only when it is too late"
    asked = await world.owner.fetch("SELECT facts FROM mails WHERE template = 'email-change-asked' ORDER BY added_at")
    assert [json.loads(row["facts"])["address"] for row in asked] == ["first@example.com", NEW, "you@example.com", NEW]
    assert code_of(await world.ask(CONFIRM_EMAIL, t=token)) == "INVALID"
    assert code_of(await world.sign_in(EMAIL)) == "INVALID"
    await tokens(world, NEW)


async def test_an_address_that_was_taken_meanwhile_is_not_taken_away(world: World) -> None:
    access, _ = await tokens(world)
    await world.ask(ASK_EMAIL, bearer(access), e=NEW, p=PASSWORD)
    token = await link(world, "email-change", NEW)
    await world.owner.execute("UPDATE users SET email = 'NEW@example.com' WHERE email = 'you@example.com'")
    assert code_of(await world.ask(CONFIRM_EMAIL, t=token)) == "INVALID"
    assert (await world.ask("{ me { email } }", bearer(access)))["data"]["me"] == {"email": EMAIL}


@pytest.mark.parametrize("is_reset", [True, False])
async def test_a_link_to_another_address_does_not_outlive_the_password_it_was_asked_for_with(
    world: World, is_reset: bool
) -> None:
    """Else whoever was in takes the account back, after its owner has put him out."""
    thiefs, _ = await tokens(world)
    await world.ask(ASK_EMAIL, bearer(thiefs), e=NEW, p=PASSWORD)
    token = await link(world, "email-change", NEW)
    if is_reset:
        assert "errors" not in await world.ask(RESET, t=await begin_reset(world), p=GOOD)
    else:
        mine, _ = await tokens(world)
        assert "errors" not in await world.ask(CHANGE, bearer(mine), p=PASSWORD, n=GOOD)
    assert code_of(await world.ask(CONFIRM_EMAIL, t=token)) == "INVALID"
    await tokens(world, EMAIL, GOOD)


class Slow(Argon2Passwords):
    """Finds out whether a password is right, and says it when it is let."""

    def __init__(self) -> None:
        super().__init__(QUICK)
        self.knows, self.may_say = asyncio.Event(), asyncio.Event()

    async def are_same(self, password: str, password_hash: str | None) -> bool:
        is_right = await super().are_same(password, password_hash)
        self.knows.set()
        await self.may_say.wait()
        return is_right


@pytest.mark.parametrize(
    "query",
    [
        f'mutation {{ signIn(email: "{EMAIL}", password: "{PASSWORD}", asTokens: true) {{ accessToken }} }}',
        f'mutation {{ createApiToken(name: "x", scopes: [WRITE], password: "{PASSWORD}") {{ token }} }}',
        f'mutation {{ requestEmailChange(email: "{NEW}", password: "{PASSWORD}") }}',
    ],
)
async def test_what_was_proved_by_a_password_that_is_reset_meanwhile_is_not_given(world: World, query: str) -> None:
    access, _ = await tokens(world)
    slow = Slow()
    async with running(world.settings, slow) as (base, _):
        body, headers = {"query": query}, OURS if "signIn" in query else bearer(access)
        asking = asyncio.create_task(world.http.post(f"{base}/graphql", json=body, headers=headers))
        await slow.knows.wait()
        assert "errors" not in await world.ask(RESET, t=await begin_reset(world), p=GOOD)
        slow.may_say.set()
        async with await asking as response:
            assert code_of(await response.json()) == "INVALID"
    for left in ("sessions WHERE ended_at IS NULL", "api_tokens", "one_time_tokens WHERE used_at IS NULL"):
        assert await world.owner.value(f"SELECT count(*) FROM {left}") == 0, left


# Deletion


async def test_an_account_is_deleted_by_password_and_typed_address_and_nobody_comes_in_any_more(world: World) -> None:
    access, refresh = await tokens(world)
    reset = await begin_reset(world)
    for password, confirmation in (("wrong", EMAIL), (PASSWORD, "delete"), (PASSWORD, ""), (PASSWORD, "x" * 10_000)):
        assert code_of(await world.ask(DELETE, bearer(access), p=password, c=confirmation)) == "INVALID"
    answers = await asyncio.gather(*(world.ask(DELETE, bearer(access), p=PASSWORD, c=EMAIL.lower()) for _ in range(4)))
    assert sum("errors" not in answer for answer in answers) == 1
    assert {code_of(answer) for answer in answers if "errors" in answer} <= {"NOT_FOUND", "UNAUTHENTICATED"}
    assert (await world.ask(ME, bearer(access)))["data"]["me"] is None
    assert code_of(await world.sign_in()) == "INVALID"
    assert code_of(
        await world.ask("mutation($t: String) { refreshSession(refreshToken: $t) { expiresAt } }", t=refresh)
    ) == ("UNAUTHENTICATED")
    assert code_of(await world.ask(RESET, t=reset, p=GOOD)) in ("INVALID", "NOT_FOUND")
    assert await mails(world, EMAIL) == ["account-deleted"]
    assert await world.owner.value("SELECT deletion_asked_at IS NOT NULL FROM users WHERE email = $1", EMAIL)
    await sign_up(world, EMAIL)
    assert (await mails(world, EMAIL))[-1] == "sign-up-taken", "until he is erased"


# Preferences


PREFERENCES = """mutation($i: PreferencesInput!) { changePreferences(input: $i) {
  zone currency stablecoinDecimals otherDecimals masksAmounts colours notices { about byMail byWebhook } } }"""


async def test_preferences_are_changed_one_by_one_and_what_is_left_out_stays(world: World) -> None:
    access, _ = await tokens(world)

    async def change(**what: Any) -> dict[str, Any]:
        return await world.ask(PREFERENCES, bearer(access), i=what)

    await change(zone="Asia/Kathmandu", otherDecimals=4)
    answer = await change(colours="RED_GREEN", notices=[{"about": "INFO", "byMail": False, "byWebhook": False}])
    chosen = answer["data"]["changePreferences"]
    assert (chosen["zone"], chosen["currency"], chosen["otherDecimals"]) == ("Asia/Kathmandu", "EUR", 4)
    assert (chosen["stablecoinDecimals"], chosen["masksAmounts"], chosen["colours"]) == (2, False, "RED_GREEN")
    by_mail = {one["about"]: one["byMail"] for one in chosen["notices"]}
    assert by_mail == {"ACTION": True, "FAILURE": True, "DATA_PROBLEM": True, "INFO": False}
    asked = "{ me { zone preferences { colours } permissions { resource action effect } } }"
    me = await world.ask(asked, bearer(access))
    assert me["data"]["me"]["preferences"] == {"colours": "RED_GREEN"}
    assert {"resource": "live-candles", "action": "view", "effect": "allow"} in me["data"]["me"]["permissions"]
    silent = {"byMail": False, "byWebhook": False}
    for wrong in (
        {"zone": "Mars/Olympus"},
        {"zone": "\x00"},
        {"currency": "eur"},
        {"currency": "x" * 10_000},
        {"otherDecimals": -1},
        {"otherDecimals": 13},
        {"stablecoinDecimals": 2**31 - 1},
        {"notices": [{"about": "ACTION", **silent}]},
        {"notices": [{"about": "FAILURE", **silent}]},
        {"notices": [{"about": "INFO", **silent}] * 2},
        {"colours": "PINK"},
        {"otherDecimals": 2**40},
    ):
        assert code_of(await change(**wrong)) == "INVALID", wrong
    assert "errors" not in await change(notices=[{"about": "ACTION", "byMail": False, "byWebhook": True}])
    assert "errors" not in await change()
    answers = await asyncio.gather(*(change(otherDecimals=n) for n in range(5)))
    assert all("errors" not in answer or code_of(answer) == "INVALID" for answer in answers)


async def test_a_change_is_told_to_who_waits_for_it(world: World) -> None:
    heard: list[str] = []

    async def on(message: Any) -> None:
        heard.append(message.subject)

    await world.bus.subscribe("account.*", on)
    await world.bus.flush()
    access, _ = await tokens(world)
    user = await world.owner.value("SELECT user_id::text FROM users WHERE email = $1", EMAIL)
    async with asyncio.timeout(5):
        while not heard:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    heard.clear()
    await world.ask(PREFERENCES, bearer(access), i={"zone": "Asia/Tokyo"})
    async with asyncio.timeout(5):
        while heard != [f"account.{user}"]:  # noqa: ASYNC110
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("header", [{}, {"Origin": "https://evil.example"}])
async def test_no_change_is_made_for_another_site(world: World, header: dict[str, str]) -> None:
    await world.sign_in()
    for query in (
        'mutation { requestPasswordReset(email: "a@example.com") }',
        'mutation { signIn(email: "a@example.com", password: "x") { expiresAt } }',
        'mutation { confirmEmailChange(token: "x") }',
        "mutation { changePreferences(input: {}) { zone } }",
        "mutation { endOtherSessions }",
        'mutation { deleteAccount(password: "x", confirmation: "x") }',
    ):
        assert code_of(await world.ask(query, header)) == "FORBIDDEN"
