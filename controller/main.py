"""The controller's wiring."""

import gc

from controller.adapters import AskedFigures, AskedHistory, GatewayUpstream
from controller.handlers.replaying import PastReplays
from controller.handlers.service import Controller
from controller.logic.inputs import Care
from controller.logic.limits import Limits
from controller.logic.moves import Patience
from controller.ports import NoPoints, Points
from controller.settings import Settings
from cryptwire import gateway_client
from cryptwire.gateway_client import Identity
from cryptwire.heartbeat import beating
from cryptwire.messaging import bus as messaging
from cryptwire.messaging.subjects import LIVE
from cryptwire.permissions import Needs, Permissions
from cryptwire.runtime import Runtime
from cryptwire.storage import database, redis
from cryptwire.storage.assignments import Assignments
from cryptwire.storage.calls import KeptCalls
from cryptwire.storage.intents import Intents
from cryptwire.storage.kill_switches import KillSwitches
from cryptwire.storage.last_prices import LastPrices
from cryptwire.storage.rule_sets import WatchedRuleSets
from cryptwire.storage.rule_states import RuleStates

_GARBAGE = (50_000, 20, 50)
"""A message of each of thousands of hoppers makes hundreds of thousands of objects, none of them in a circle: looking
for circles as often as is usual costs a fifth of an evaluation.
"""


async def main(settings: Settings, runtime: Runtime, points: Points | None = None) -> None:
    """Watch and act until told to stop. ``points``: who is told where a kill would find things half done."""
    gc.set_threshold(*_GARBAGE)
    runtime.health.mark("rules", False, "not read yet")
    async with (
        database.connect(settings.database_url, "controller", 8) as rows,
        redis.connect(settings.redis_url) as values,
        gateway_client.connect(settings.gateway_address, Identity(settings.certificates, "controller")) as gateway,
        messaging.connect(settings.nats_url, "controller") as bus,
        beating(runtime, values, "controller", settings.pod) as heartbeat,
    ):
        controller = Controller(
            settings.pod,
            duties=Assignments(rows),
            rule_sets=WatchedRuleSets(rows),
            states=RuleStates(rows),
            intents=Intents(rows),
            outcomes=KeptCalls(rows),
            switches=KillSwitches(rows),
            upstream=GatewayUpstream(gateway, LastPrices(values), runtime.clock),
            figures=AskedFigures(bus, LIVE),
            replays=PastReplays(AskedHistory(bus, LIVE)),
            bus=bus,
            world=LIVE,
            clock=runtime.clock,
            meters=runtime.meters,
            points=points or NoPoints(),
            plans=Permissions().plans_that_may(Needs("arm", "rules")),
            patience=Patience(settle=settings.settle),
            limits=Limits(settings.actions_an_hour, settings.actions_a_day, settings.panics_a_day),
            care=Care(),
            batch=settings.batch,
            look_each=settings.look_each,
            on_work=heartbeat.done,
            on_ready=lambda count: runtime.health.mark("rules", True, f"{count} rule sets"),
        )
        await controller.run(runtime.stop)
        await bus.drain()
