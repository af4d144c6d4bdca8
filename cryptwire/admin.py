"""What `cryptwire admin …` does, with the address of the database's owner."""

from datetime import datetime

from cryptwire.domain.hopper import HopperId
from cryptwire.storage import database
from cryptwire.storage.hoppers import Hoppers
from cryptwire.storage.kill_switches import KillSwitches, Level
from cryptwire.storage.plans import Plans


async def set_kill_switch(url: str, level: Level, id: str, *, is_on: bool, reason: str, by: str) -> list[str]:
    """Turn a kill switch on or off, at once for every gateway; what to tell of it. Raises Invalid, Unavailable."""
    async with database.connect(url, "admin", 1) as rows:
        await KillSwitches(rows).set(level, id, is_on=is_on, reason=reason, by=by)
        said = [f"the kill switch of {_name(level, id)} is {'on: nothing acts' if is_on else 'off'}"]
        if level is Level.HOPPER and not await Hoppers(rows).by_id([HopperId(id)]):
            said.append(f"warning: no hopper {id} is known here; is that the right number?")
        return said


async def list_kill_switches(url: str) -> list[str]:
    """A line for each switch that was ever set, those that are on first. Raises Unavailable."""
    async with database.connect(url, "admin", 1) as rows:
        return [
            f"{'ON ' if switch.is_on else 'off'}  {_name(switch.level, switch.id)}  since "
            f"{switch.set_at:%Y-%m-%d %H:%M:%S}Z by {switch.set_by}: {switch.reason or 'no reason was given'}"
            for switch in await KillSwitches(rows).all()
        ] or ["no kill switch was ever set"]


async def set_plan(url: str, email: str, plan: str, until: datetime | None) -> list[str]:
    """Give a user a plan; what to tell of it. It holds within five seconds. Raises NotFound, Invalid, Unavailable."""
    async with database.connect(url, "admin", 1) as rows:
        await Plans(rows).set(email, plan, until)
    return [f"{email} has the plan {plan}" + ("" if until is None else f" until {until:%Y-%m-%d %H:%M:%S}Z")]


def _name(level: Level, id: str) -> str:
    return level.value if level is Level.PLATFORM else f"{level.value} {id}"
