"""Whose a kill switch is: the API's role cannot turn off what no user turned on, whatever it is made to say."""

import pytest

from cryptwire.domain.hopper import UserId
from cryptwire.errors import Corrupt, Forbidden
from cryptwire.storage import database
from cryptwire.storage.database import Database, url_of
from cryptwire.storage.kill_switches import KillSwitches, Level

ME = UserId("5f0c1c1e-0000-4000-8000-000000000001")


async def _on(owner: Database, level: str) -> bool:
    return bool(await owner.value("SELECT is_on FROM kill_switches WHERE level = $1", level))


async def test_a_user_turns_his_own_on_and_off_and_takes_over_none(database_url: str) -> None:
    async with (
        database.connect(database_url, "test") as owner,
        database.connect(url_of("api", database_url), "test") as api,
    ):
        by_admin, by_user = KillSwitches(owner), KillSwitches(api)
        assert await by_user.turn(Level.HOPPER, "1", ME, is_on=False) is None
        switch = await by_user.turn(Level.HOPPER, "1", ME, is_on=True, reason="x")
        assert switch is not None
        assert (switch.is_on, switch.is_users, switch.reason) == (True, True, "x")
        off = await by_user.turn(Level.HOPPER, "1", ME, is_on=False)
        assert off is not None
        assert not off.is_on
        await by_admin.set(Level.HOPPER, "1", is_on=True, reason="incident", by="carol")
        kept = await by_user.turn(Level.HOPPER, "1", ME, is_on=True, reason="mine")
        assert kept is not None
        assert (kept.set_by, kept.reason) == ("carol", "incident")
        with pytest.raises(Forbidden):
            await by_user.turn(Level.HOPPER, "1", ME, is_on=False)
        await by_admin.set(Level.HOPPER, "1", is_on=False, reason="", by="carol")
        again = await by_user.turn(Level.HOPPER, "1", ME, is_on=True)
        assert again is not None
        assert again.is_users, "what an administrator turned off is a user's to turn on"
        await by_admin.set(Level.HOPPER, "1", is_on=False, reason="", by="carol")
        assert not await _on(owner, "hopper"), "an administrator turns off a user's, too"


async def test_the_apis_role_is_kept_from_others_switches_by_the_table_itself(database_url: str) -> None:
    async with (
        database.connect(database_url, "test") as owner,
        database.connect(url_of("api", database_url), "test") as api,
        database.connect(url_of("gateway", database_url), "test") as gateway,
    ):
        for level, id in ((Level.PLATFORM, ""), (Level.HOPPER, "1")):
            await KillSwitches(owner).set(level, id, is_on=True, reason="incident", by="carol")
        await api.execute("UPDATE kill_switches SET is_on = false, set_by = 'user:x'")
        assert await _on(owner, "platform")
        assert await _on(owner, "hopper")
        for statement in (
            "INSERT INTO kill_switches VALUES ('platform', '', false, '', 'user:x')"
            " ON CONFLICT (level, id) DO UPDATE SET is_on = false",
            "INSERT INTO kill_switches VALUES ('hopper', '1', false, '', 'user:x')"
            " ON CONFLICT (level, id) DO UPDATE SET is_on = false",
            "INSERT INTO kill_switches VALUES ('hopper', '2', true, '', 'carol')",
            "DELETE FROM kill_switches",
            "UPDATE kill_switches SET id = '3'",
        ):
            with pytest.raises(Corrupt, match="42501"):
                await api.execute(statement)
        assert await _on(owner, "platform")
        assert await _on(owner, "hopper")
        assert len(await gateway.fetch("SELECT FROM kill_switches")) == 2, "whoever heeds them sees them all"
