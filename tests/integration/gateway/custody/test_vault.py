"""Master keys in Vault's transit engine, which a test plays: no Vault is at hand."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from starlette.responses import JSONResponse, RedirectResponse, Response

from cryptwire.errors import Corrupt, Unavailable
from cryptwire.runtime import serving
from devstack.servers import free_port
from gateway.custody.keys import EnvironmentKeys, SeveralKeys
from gateway.custody.vault import VaultKeys
from tests.integration.gateway.custody.conftest import Scene
from tests.integration.gateway.custody.vault import PlayedVault

KEY, BOUND = b"k" * 32, b"of alice"


@dataclass
class Stage:
    vault: PlayedVault
    keys: VaultKeys
    token_file: Path
    url: str


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    vault = PlayedVault()
    token_file = tmp_path / "vault-token"
    token_file.touch(mode=0o600)
    token_file.write_text(vault.token + "\n")
    async with serving(vault.app, "127.0.0.1", 0) as port, closing(f"http://127.0.0.1:{port}", token_file) as keys:
        yield Stage(vault, keys, token_file, f"http://127.0.0.1:{port}")


@asynccontextmanager
async def closing(url: str, token_file: Path, key: str = "cryptwire") -> AsyncIterator[VaultKeys]:
    keys = VaultKeys(url, key, token_file)
    yield keys
    keys.close()


async def test_what_vault_wraps_it_unwraps(stage: Stage) -> None:
    name, wrapped = await stage.keys.wrap(KEY, BOUND)
    assert name == await stage.keys.current() == "vault:cryptwire:v1"
    assert KEY not in wrapped
    assert await stage.keys.unwrap(name, wrapped, BOUND) == KEY


async def test_what_is_bound_must_be_the_same(stage: Stage) -> None:
    name, wrapped = await stage.keys.wrap(KEY, BOUND)
    with pytest.raises(Corrupt, match="another user"):
        await stage.keys.unwrap(name, wrapped, b"of bob")


async def test_a_new_version_wraps_and_older_ones_unwrap_while_vault_lets_them(stage: Stage) -> None:
    old = await stage.keys.wrap(KEY, BOUND)
    stage.vault.rotate()
    assert await stage.keys.current() == "vault:cryptwire:v2"
    assert (await stage.keys.wrap(KEY, BOUND))[0] == "vault:cryptwire:v2"
    assert await stage.keys.unwrap(*old, BOUND) == KEY
    stage.vault.min_decryption_version = 2
    with pytest.raises(Corrupt, match="min_decryption_version"):
        await stage.keys.unwrap(*old, BOUND)


async def test_what_vault_did_not_wrap_is_not_sent_to_it(stage: Stage) -> None:
    name, wrapped = await stage.keys.wrap(KEY, BOUND)
    asked = stage.vault.asked
    for other, bytes_ in [("file:00", wrapped), (name, b"x" + wrapped), ("vault:cryptwire:v2", wrapped), (name, b"")]:
        with pytest.raises(Corrupt):
            await stage.keys.unwrap(other, bytes_, BOUND)
    assert stage.vault.asked == asked


async def test_its_token_is_read_again_when_the_file_changes(stage: Stage) -> None:
    stage.vault.token = "hvs.renewed"
    with pytest.raises(Unavailable, match="refuses the gateway's token") as refused:
        await stage.keys.current()
    assert "hvs." not in str(refused.value)
    stage.token_file.write_text("hvs.renewed")
    assert await stage.keys.current()


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (Response("<html>", 502), "cannot answer"),
        (Response("oops", 200), "makes no sense"),
        (JSONResponse({"data": {}}), "makes no sense"),
        (JSONResponse({"data": {"plaintext": "%%%", "ciphertext": "x", "latest_version": "x"}}), "makes no sense"),
        (JSONResponse([1]), "makes no sense"),
        (JSONResponse({"errors": ["rate limited"]}, 429), "cannot answer"),
        (RedirectResponse("http://127.0.0.1:1/elsewhere"), "makes no sense"),
    ],
)
async def test_strange_answers_are_for_later(stage: Stage, answer: Response, says: str) -> None:
    name, wrapped = await stage.keys.wrap(KEY, BOUND)
    stage.vault.answers = answer
    for ask in (stage.keys.current(), stage.keys.wrap(KEY, BOUND), stage.keys.unwrap(name, wrapped, BOUND)):
        with pytest.raises(Unavailable, match=says):
            await ask


async def test_sealed_or_away_is_for_later(stage: Stage) -> None:
    stage.vault.is_sealed = True
    with pytest.raises(Unavailable, match="sealed"):
        await stage.keys.wrap(KEY, BOUND)
    async with closing(f"http://127.0.0.1:{free_port()}", stage.token_file) as away:
        with pytest.raises(Unavailable, match="reached"):
            await away.wrap(KEY, BOUND)


async def test_a_transit_key_that_is_not_there_is_named(stage: Stage) -> None:
    async with closing(stage.url, stage.token_file, "other") as keys:
        with pytest.raises(Unavailable, match="other"):
            await keys.current()
        with pytest.raises(Unavailable, match="other"):
            await keys.wrap(KEY, BOUND)


async def test_while_vault_is_slow_everything_else_goes_on(stage: Stage) -> None:
    stage.vault.delay = 1.0
    asked = [asyncio.create_task(stage.keys.wrap(KEY, BOUND)) for _ in range(16)]
    loop = asyncio.get_running_loop()
    worst = 0.0
    while not all(task.done() for task in asked):
        began = loop.time()
        await asyncio.sleep(0.01)
        worst = max(worst, loop.time() - began)
    assert worst < 0.8, "it held the loop up"
    assert len({(await task)[1] for task in asked}) == 16


async def test_custody_works_with_vault_and_moves_there_and_on(scene: Scene, stage: Stage) -> None:
    """From keys in the environment to Vault, then through a rotation there: every token opens at any time."""
    before = EnvironmentKeys(secrets.token_hex(32))
    async with scene.replica(before) as custody:
        users = [await scene.linked(custody) for _ in range(3)]
    async with scene.replica(SeveralKeys(stage.keys, [before])) as custody:
        assert [await custody.access(user) for user in users]
        assert await custody.rewrap() == 3
    async with scene.replica(stage.keys) as custody:
        tokens = [await custody.access(user) for user in users]
        stage.vault.rotate()
        assert await custody.rewrap() == 3
        assert await custody.rewrap() == 0
        stage.vault.min_decryption_version = 2
        assert [await custody.access(user) for user in users] == tokens


async def test_a_renewal_is_not_begun_while_vault_is_away(scene: Scene, stage: Stage) -> None:
    async with scene.replica(stage.keys) as custody:
        user = await scene.linked(custody)
        await scene.expire()
        stage.vault.is_sealed = True
        with pytest.raises(Unavailable, match="sealed"):
            await custody.access(user)
        assert scene.oauth.rotations == 0
        stage.vault.is_sealed = False
        assert scene.oauth.is_alive(await custody.access(user))
