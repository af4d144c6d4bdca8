"""The process: its start, its end, and what it tells a receiver of webhooks."""

import asyncio
import hashlib
import hmac
import json
import signal
import sys
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from websockets.asyncio.client import connect

from devstack.servers import free_port
from simulator.cryptohopper.webhook_messages import TOPICS
from tests.contract.simulator.conftest import ROOT, Run, Running, within

SECRET = b"cryptwire-dev-secret"
ALICES = {"1042001", "1042002", "1042003", "1042004"}
VALIDATION = {"app_id": 1001, "type": "validate", "messages": []}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_it_exits_cleanly_and_soon_even_when_somebody_listens(run: Run, number: int) -> None:
    async with run(webhook_url=f"http://127.0.0.1:{free_port()}/") as here:
        async with connect(f"{here.socket_url}/binance/ws/!miniTicker@arr") as socket:
            await within(10, socket.recv())
            code, seconds = await here.stop(number)
        assert code == 0
        assert seconds < 5


async def linked(
    here: Running, session: aiohttp.ClientSession, scope: str = "read notifications", secret: str = SECRET.decode()
) -> str:
    """alice's token, got as a browser and an app get it."""
    form = {
        "response_type": "code",
        "client_id": "cryptwire-dev",
        "redirect_uri": "http://127.0.0.1:8080/link/callback",
        "scope": scope,
        "state": "s",
        "username": "alice",
        "password": "alice-demo",
        "decision": "allow",
    }
    async with session.post(f"{here.url}/oauth2/authorize", data=form, allow_redirects=False) as answer:
        code = answer.headers["location"].split("code=")[1].split("&")[0]
    body = {
        "grant_type": "authorization_code",
        "code": code,
        "client_id": "cryptwire-dev",
        "client_secret": secret,
        "redirect_uri": form["redirect_uri"],
    }
    async with session.post(f"{here.url}/oauth2/token", json=body) as answer:
        token: str = (await answer.json())["access_token"]
        return token


async def test_every_live_trade_is_told_once_it_is_in_the_list(run: Run) -> None:
    calls: list[dict[str, Any]] = []
    failures = iter([503, 503])
    of_alice, is_validated = asyncio.Event(), asyncio.Event()

    def told() -> list[dict[str, Any]]:
        """Of each trade; hoppers tell of orders that expire and of what they note, too."""
        messages = [message for call in calls for message in call["messages"]]
        assert {message["type"] for message in messages} <= {*TOPICS}
        return [message["data"] for message in messages if message["type"] == "trade_completed"]

    async def receive(request: web.Request) -> web.Response:
        body = await request.read()
        assert request.headers["X-Hub-Signature"] == hmac.new(SECRET, body, hashlib.sha512).hexdigest()
        status = next(failures, 200)
        if status == 200:
            calls.append(json.loads(body))
        if ALICES & {data.get("hopper_id") for data in told()}:
            of_alice.set()
        if VALIDATION in calls:
            is_validated.set()
        return web.Response(status=status, text="verified")

    app = web.Application()
    app.router.add_post("/hook", receive)
    runner = web.AppRunner(app)
    await runner.setup()
    port = free_port()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    settings = {
        "webhook_url": f"http://127.0.0.1:{port}/hook",
        "webhook_verification": "verified",
        "webhook_interval": 0.1,
        "webhook_backoff": 0.1,
        "decision_seconds": 1,
        "history_days": 0,
    }
    try:
        async with run(**settings) as here, aiohttp.ClientSession() as session:
            token = await linked(here, session)

            await within(90, of_alice.wait())
            await within(20, is_validated.wait())  # tried again behind the refusals, so it may come after a trade
            for data in told():
                assert data["coin"] == data["currency"]
                if data.get("hopper_id") in ALICES:
                    url = f"{here.url}/v1/hopper/{data['hopper_id']}/trade/{data['id']}"
                    async with session.get(url, headers={"access-token": token}) as answer:
                        listed = (await answer.json())["data"]
                    assert listed.items() <= data.items()
        assert len({data["id"] for data in told()}) == len(told())
    finally:
        await runner.cleanup()


async def test_the_command_line_tells_how_to_begin_and_ends_by_ctrl_c(tmp_path: Path) -> None:
    port = free_port()
    file = tmp_path / "scenario.json"
    file.write_text(json.dumps({"says": "of a test", "settings": {"history_days": 0, "port": 1, "rate_limit": 3}}))
    variables = {"CRYPTWIRE_SIMULATOR_FOLDER": str(tmp_path / "kept"), "CRYPTWIRE_SIMULATOR_RATE_LIMIT": "4"}
    options = ("--scenario", str(file), "--port", str(port), "--client-secret", "not-for-the-log")
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "cryptwire", "simulate", *options, cwd=ROOT, env=variables,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        async with aiohttp.ClientSession() as session:
            for _ in range(200):
                assert process.returncode is None
                try:
                    async with session.get(f"http://127.0.0.1:{port}/control/scenario") as answer:
                        assert (await answer.json())["says"] == "of a test"
                    break
                except aiohttp.ClientError:
                    await asyncio.sleep(0.05)
            token = await linked(Running(port, process), session, secret="not-for-the-log")
            answers = []
            for _ in range(5):
                async with session.get(f"http://127.0.0.1:{port}/v1/user", headers={"access-token": token}) as answer:
                    answers.append(answer.status)
            assert answers == [200] * 4 + [429]  # the variable came before the scenario, the option before both
        process.send_signal(signal.SIGINT)
        said, complained = await within(10, process.communicate())
    finally:
        if process.returncode is None:
            process.kill()
    assert (process.returncode, complained) == (0, b"")
    for text in (b"of a test", b"alice", b"alice-demo", f"http://127.0.0.1:{port}/oauth2/authorize".encode()):
        assert text in said
    assert b"not-for-the-log" not in said


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (("--scenario", "nowhere.json"), "nowhere.json"),
        (("--port", "eighty"), "--port"),
        (("--nonsense", "1"), "--nonsense"),
        (("--decision-seconds", "7"), "decision_seconds"),
    ],
)
async def test_nonsense_on_the_command_line_ends_at_once(tmp_path: Path, options: tuple[str, str], named: str) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "simulator", "--folder", str(tmp_path), *options, cwd=ROOT, stderr=asyncio.subprocess.PIPE
    )
    _, complained = await within(20, process.communicate())
    assert process.returncode == 2
    assert named in complained.decode()
