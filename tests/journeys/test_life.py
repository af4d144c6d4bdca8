"""An account's whole life through public doors, as a script sees it: sign-up, link, import, figures, deletion.

Nothing here asks the database but the last look: that nothing is left.
"""

import csv
import io
import json
import re
import zipfile
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import aiohttp
import pyotp

from devstack.accounts import authorize
from tests.journeys.conftest import DAYS, Doors, until

EMAIL, PASSWORD = "erin@cryptwire.test", "forty-two small turtles"
USERNAME, CONSENT = "dave", "dave-demo"  # at the simulated Cryptohopper; no demo account is linked to him
SIGN_IN = """mutation($e: String!, $p: String!, $c: String) {
    signIn(email: $e, password: $p, code: $c, asTokens: true, device: "script") { accessToken refreshToken } }"""


@dataclass
class Script:
    """Somebody's program: it shows a Bearer token, and keeps what it was given."""

    doors: Doors
    access: str = ""
    refresh: str = ""
    secrets: list[str] = field(default_factory=lambda: [PASSWORD])
    """What nobody else may ever read."""

    async def ask(self, query: str, **variables: Any) -> dict[str, Any]:
        headers = {"authorization": f"Bearer {self.access}"} if self.access else {"x-cryptwire": "1"}
        body = {"query": query, "variables": variables}
        async with self.doors.http.post(f"{self.doors.base}/graphql", json=body, headers=headers) as answer:
            assert answer.status == 200, await answer.text()
            said: dict[str, Any] = await answer.json()
            return said

    async def got(self, query: str, **variables: Any) -> Any:
        """The only field's value; fails on any error."""
        said = await self.ask(query, **variables)
        assert "errors" not in said, said
        (value,) = said["data"].values()
        return value

    async def refused(self, query: str, **variables: Any) -> str:
        """The code of the error that is expected."""
        (error, *_) = (await self.ask(query, **variables))["errors"]
        code: str = error["extensions"]["code"]
        return code

    def take(self, signed_in: dict[str, Any]) -> None:
        self.access, self.refresh = signed_in["accessToken"], signed_in["refreshToken"]
        self.secrets += [self.access.rpartition(".")[2], self.refresh]

    async def mailed(self, path: str) -> str:
        """The token of the newest link with ``path`` in a mail to him."""
        found: list[str] = []

        async def is_there() -> bool:
            async with self.doors.http.get(f"{self.doors.base}/dev/mails.json") as answer:
                texts = [mail["text"] for mail in await answer.json() if EMAIL in str(mail["to"])]
            found[:] = [m[1] for text in texts if (m := re.search(rf"{path}\?token=(\S+)", text))]
            return bool(found)

        await until(is_there, 20, f"a mail with {path}")
        self.secrets.append(found[0])
        return found[0]

    async def udf(self, path: str, **asked: Any) -> Any:
        headers = {"authorization": f"Bearer {self.access}"}
        async with self.doors.http.get(f"{self.doors.base}/udf/{path}", params=asked, headers=headers) as answer:
            return await answer.json()


async def test_a_whole_life(doors: Doors) -> None:
    me = Script(doors)
    await sign_up(me)
    await link_and_import(me)
    await look_at_figures(me)
    await be_careful(me)
    await use_a_token(me)
    await search_for_secrets(me)
    await leave(me)


async def sign_up(me: Script) -> None:
    up = "mutation($e: String!, $p: String!) { signUp(email: $e, password: $p, zone: "
    up += '"Asia/Kathmandu", currency: "CHF") }'
    assert await me.got(up, e=EMAIL, p=PASSWORD) is True
    assert await me.got(up, e="demo@cryptwire.test", p=PASSWORD) is True, "nobody learns who has an account"
    assert await me.refused(SIGN_IN, e=EMAIL, p=PASSWORD) == "INVALID", "not before the mail was opened"
    confirm = """mutation($t: String!, $p: String!) { confirmSignUp(token: $t, password: $p, asTokens: true) {
        accessToken refreshToken user { plan zone permissions { resource action effect } } } }"""
    token = await me.mailed("/confirm")
    assert await me.refused(confirm, t=token, p="not the password I gave") == "INVALID"
    signed_in = await me.got(confirm, t=token, p=PASSWORD)
    me.take(signed_in)
    assert (signed_in["user"]["plan"], signed_in["user"]["zone"]) == ("free", "Asia/Kathmandu")
    assert await me.refused("{ hoppers { portfolio { value } } }") == "FORBIDDEN"
    assert await me.got("mutation { startTrial }") is True
    assert await me.refused("mutation { startTrial }") == "INVALID"
    plan = (await me.got("{ me { plan planEndsAt } }"))["planEndsAt"]
    ends_in = datetime.fromisoformat(plan) - datetime.now(UTC)  # noqa: TID251 - real servers, real time
    assert timedelta(days=13, hours=23) < ends_in <= timedelta(days=14)


async def link_and_import(me: Script) -> None:
    assert (await me.got("{ link { state } }"))["state"] == "NONE"
    url = (await me.got("mutation { beginLink { authorizeUrl } }"))["authorizeUrl"]
    state = parse_qs(urlsplit(url).query)["state"][0]
    code = await authorize(url, state, USERNAME, CONSENT)
    complete = "mutation($c: String!, $s: String!) { completeLink(code: $c, state: $s) { state missingScopes } }"
    assert await me.refused(complete, c=code, s="x" * len(state)) == "INVALID"
    assert await me.got(complete, c=code, s=state) == {"state": "LINKED", "missingScopes": []}
    assert await me.refused(complete, c=code, s=state) == "INVALID", "a state is good once"
    stages: list[str] = []
    async with (
        aiohttp.ClientSession() as http,
        http.ws_connect(f"{me.doors.base}/graphql", protocols=["graphql-transport-ws"]) as socket,
    ):
        await socket.send_json({"type": "connection_init", "payload": {"authorization": f"Bearer {me.access}"}})
        assert (await socket.receive_json(timeout=10))["type"] == "connection_ack"
        query = "subscription { importProgress { state stage done total problems { hopper message } } }"
        await socket.send_json({"id": "1", "type": "subscribe", "payload": {"query": query}})
        last: dict[str, Any] = {}
        while last.get("state") not in ("DONE", "FAILED", "STOPPED"):
            message = await socket.receive_json(timeout=90)
            if message["type"] == "ping":
                await socket.send_json({"type": "pong"})
                continue
            assert message["type"] == "next", message
            assert "errors" not in message["payload"], message
            last = message["payload"]["data"]["importProgress"]
            if last["stage"] and last["stage"] not in stages:
                stages.append(last["stage"])
    assert (last["state"], last["problems"]) == ("DONE", [])
    assert {"TRADES", "BACK_FILL"} <= set(stages), stages


async def look_at_figures(me: Script) -> None:
    hoppers = await me.got("{ hoppers { id name baseCurrency isLinked } }")
    assert sorted(hopper["name"] for hopper in hoppers) == ["First Steps", "Weekend Swing"]
    one = hoppers[0]["id"]
    theirs = me.doors.hoppers[0]
    missing = await me.ask("query($i: ID!) { hopper(id: $i) { name } }", i="999999")
    stranger = await me.ask("query($i: ID!) { hopper(id: $i) { name } }", i=theirs)
    assert json.dumps(stranger).replace(theirs, "999999") == json.dumps(missing), "not yours is not there"

    async def is_live() -> bool:
        said = await me.got("query($i: ID!) { hopper(id: $i) { portfolio { value } } }", i=one)
        return said["portfolio"] is not None

    await until(is_live, 75, "a trial's hopper is tracked live")  # after the minute's budget
    now = int(datetime.now(UTC).timestamp())  # noqa: TID251
    span = {"from": now - (DAYS + 1) * 86_400, "to": now, "resolution": "15"}

    async def is_filled() -> bool:
        bars = await me.udf("history", symbol=f"HOPPER:{one}", **span)
        return bars.get("s") == "ok" and len(bars["t"]) >= DAYS * 96 - 2

    await until(is_filled, 60, "the past is filled", pause=0.5)
    bars = await me.udf("history", symbol=f"HOPPER:{one}", **span)
    assert all(low <= first <= high for low, first, high in zip(bars["l"], bars["o"], bars["h"], strict=True))
    marks = await me.udf("marks", symbol=f"HOPPER:{one}", **span)
    assert marks, "his trades stand on the chart"
    notices = await me.got("{ notices { nodes { kind about } unread } }")
    assert "import-done" in [notice["kind"] for notice in notices["nodes"]]

    async def was_mailed() -> bool:
        async with me.doors.http.get(f"{me.doors.base}/dev/mails.json") as answer:
            return any(EMAIL in str(mail["to"]) and "import" in mail["subject"].lower() for mail in await answer.json())

    await until(was_mailed, 20, "the end of the import is mailed")
    zone = 'mutation { changePreferences(input: {zone: "America/St_Johns", stablecoinDecimals: 3}) { zone } }'
    assert (await me.got(zone))["zone"] == "America/St_Johns"
    wrong = 'mutation { changePreferences(input: {zone: "Mars/Olympus"}) { zone } }'
    assert await me.refused(wrong) == "INVALID"


async def be_careful(me: Script) -> None:
    setup = await me.got("mutation($p: String!) { beginTotp(password: $p) { secret } }", p=PASSWORD)
    codes = pyotp.TOTP(setup["secret"])
    recovery = await me.got("mutation($c: String!) { confirmTotp(code: $c) }", c=codes.now())
    assert len(recovery) == 10
    me.secrets += [setup["secret"], *recovery]
    other = Script(me.doors, secrets=me.secrets)
    assert await other.refused(SIGN_IN, e=EMAIL, p=PASSWORD) == "CODE_NEEDED"
    other.take(await other.got(SIGN_IN, e=EMAIL, p=PASSWORD, c=recovery[0]))
    assert await other.refused(SIGN_IN, e=EMAIL, p=PASSWORD, c=recovery[0]) != "CODE_NEEDED", "good once"
    again = "mutation($t: String) { refreshSession(refreshToken: $t) { accessToken refreshToken } }"
    stolen = other.refresh
    other.take(await other.got(again, t=stolen))
    other.take(await other.got(again, t=other.refresh))
    thief = Script(me.doors)
    assert await thief.refused(again, t=stolen) == "UNAUTHENTICATED"

    async def is_out() -> bool:
        return bool((await other.ask("{ sessions { id } }")).get("errors"))

    await until(is_out, 6, "a session whose refresh token was used twice has ended")
    assert len(await me.got("{ sessions { id isThisOne } }")) == 1
    me.take(await me.got(again, t=me.refresh))
    assert await me.got("mutation($p: String!, $c: String!) { endTotp(password: $p, code: $c) }",
                        p=PASSWORD, c=recovery[1]) is True  # fmt: skip


async def use_a_token(me: Script) -> None:
    make = """mutation($p: String!) { createApiToken(name: "reader", scopes: [READ], password: $p) {
        token apiToken { id } } }"""
    made = await me.got(make, p=PASSWORD)
    me.secrets.append(made["token"])
    reader = Script(me.doors, made["token"])
    assert await reader.got("{ hoppers { id } }")
    assert await reader.refused('mutation { changePreferences(input: {currency: "EUR"}) { zone } }') == "FORBIDDEN"
    assert await reader.refused("{ sessions { id } }") == "FORBIDDEN"
    assert await me.got("mutation($i: ID!) { endApiToken(id: $i) }", i=made["apiToken"]["id"]) is True

    async def is_out() -> bool:
        return bool((await reader.ask("{ hoppers { id } }")).get("errors"))

    await until(is_out, 6, "an ended token is worth nothing")


async def search_for_secrets(me: Script) -> None:
    """In every log and every row of every table."""
    needles = [secret.encode() for secret in me.secrets]
    assert len(needles) > 15
    for log in (me.doors.stack.folder / "logs").glob("*.log"):
        content = log.read_bytes()
        assert content
        assert [needle for needle in needles if needle in content] == [], log.name
    for table in sorted({name for name, _ in await tables(me.doors)} | {"public.refresh_tokens", "public.sign_ups"}):
        rows = await me.doors.rows(f"SELECT t::text AS row FROM {table} t")
        content = b"\n".join(row["row"].encode() for row in rows)
        assert [needle for needle in needles if needle in content] == [], table


async def leave(me: Script) -> None:
    assert await me.got("mutation($p: String!) { confirmPassword(password: $p) }", p=PASSWORD) is True
    headers = {"authorization": f"Bearer {me.access}"}
    async with me.doors.http.get(f"{me.doors.base}/export", headers=headers) as answer:
        assert answer.status == 200, await answer.text()
        export = zipfile.ZipFile(io.BytesIO(await answer.read()))
    assert export.testzip() is None
    names = export.namelist()
    trades = next(name for name in names if "trades" in name and name.endswith(".csv"))
    assert len(list(csv.reader(io.TextIOWrapper(export.open(trades), "utf-8")))) > 10
    text = b"".join(export.read(name) for name in names)
    assert b"argon2" not in text
    (user,) = await me.doors.rows("SELECT user_id FROM users WHERE email = $1", EMAIL)
    hoppers = [hopper["id"] for hopper in await me.got("{ hoppers { id } }")]
    delete = "mutation($p: String!, $c: String!) { deleteAccount(password: $p, confirmation: $c) }"
    assert await me.refused(delete, p=PASSWORD, c="yes") == "INVALID"
    assert await me.got(delete, p=PASSWORD, c=EMAIL) is True
    assert await me.refused("{ sessions { id } }") == "UNAUTHENTICATED"
    assert await Script(me.doors).refused(SIGN_IN, e=EMAIL, p=PASSWORD) == "INVALID"

    async def is_gone() -> bool:
        return not await me.doors.rows("SELECT FROM users WHERE user_id = $1", user["user_id"])

    await until(is_gone, 90, "the user is erased", pause=0.5)
    for table, column in await tables(me.doors):
        ours = user["user_id"] if column == "user_id" else None
        left = await me.doors.rows(
            f"SELECT count(*) AS n FROM {table} WHERE {column}::text = ANY($1::text[])",
            [str(ours)] if ours else hoppers,
        )
        if table != "public.erasures":
            assert left[0]["n"] == 0, f"{table}.{column}"


async def tables(doors: Doors) -> list[tuple[str, str]]:
    """Every table of ours that names users or hoppers."""
    rows = await doors.rows(
        """SELECT c.table_schema || '.' || c.table_name AS name, c.column_name FROM information_schema.columns c
             JOIN information_schema.tables t USING (table_schema, table_name)
            WHERE c.table_schema IN ('public', 'custody') AND c.column_name IN ('user_id', 'hopper_id')
              AND t.table_type = 'BASE TABLE'"""
    )
    return [(row["name"], row["column_name"]) for row in rows]
