"""No token is in a log, an error, a repr, a meter or a table, whatever goes wrong."""

import asyncio
import gc
from datetime import timedelta

from cryptwire.errors import CryptwireError
from tests.integration.gateway.custody.conftest import REDIRECT, Scene


async def test_no_token_is_ever_told(scene: Scene, everything_logged: list[str]) -> None:
    told: list[str] = []
    async with scene.replica(lease=timedelta(seconds=0.3)) as custody:

        async def tell(user: str, refused: str | None = None) -> None:
            try:
                await custody.access(user, refused)  # type: ignore[arg-type]
            except CryptwireError as error:
                told.extend((repr(error), str(error), repr(error.__cause__), repr(error.__context__)))

        user, other = await scene.linked(custody), await scene.linked(custody)
        told.append(repr(await custody.link_of(user)) + repr(await scene.opened(user)) + repr(custody))
        url, state = await custody.begin_link(user, REDIRECT)
        code = scene.oauth.consent(url) + scene.oauth.marked
        try:
            await custody.link(user, code, state)
        except CryptwireError as error:
            told.append(repr(error))
        await scene.expire()
        scene.oauth.is_away = True
        await tell(user)
        scene.oauth.is_away = False
        scene.oauth.go_on = asyncio.Event()
        await tell(user)
        scene.oauth.go_on.set()
        scene.oauth.go_on = None
        await tell(user)
        await scene.link(custody, user)
        await tell(user, await custody.access(user))
        await scene.sql("UPDATE custody.tokens SET sealed = sealed || '\\x00'::bytea")
        await tell(user)
        await custody.rewrap()
        await custody.recover()
        await custody.unlink(user)
        scene.oauth.refuses_to_revoke = True
        await custody.unlink(other)
        await scene.linked(custody)
        told.append(scene.meters.text().decode())
    gc.collect()
    rows = await scene.sql("SELECT row_to_json(t)::text FROM custody.tokens t")
    assert len(rows) == 1
    assert len(told) > 10
    secrets = (scene.oauth.marked, scene.oauth.marked.encode().hex(), scene.key_file.read_text().strip())
    for word in secrets:
        assert word not in "\n".join(told)
        assert word not in "\n".join(everything_logged)
        assert word not in rows[0][0]
