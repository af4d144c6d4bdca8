"""What tests of rule sets ask, a controller that answers as it is told, and a gateway that knows a link."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import grpc.aio

from cryptwire.clock import SystemClock
from cryptwire.codec.control import ControlRequest, control_reply_to_wire, control_request_from_wire
from cryptwire.codec.gateway import timestamp
from cryptwire.domain.hopper import HopperId, UserId
from cryptwire.errors import CryptwireError
from cryptwire.gateway_client import Identity
from cryptwire.messaging.bus import Message
from cryptwire.messaging.subjects import LIVE
from cryptwire.storage.assignments import Assignments
from devstack import certificates
from generated.wire.v1 import gateway_pb2 as pb
from generated.wire.v1 import gateway_pb2_grpc as pb_grpc
from tests.integration.api.conftest import EMAIL, World, running, until

FIELDS = "id hopperId name version body mode modeNumber shadowSince replayedAt isProven confirmation"
LIST = f"query($h: ID!) {{ ruleSets(hopperId: $h) {{ {FIELDS} }} }}"
ONE = f"query($id: ID!) {{ ruleSet(id: $id) {{ {FIELDS} }} }}"
CREATE = f"mutation($h: ID!, $b: JSON!) {{ createRuleSet(hopperId: $h, body: $b) {{ {FIELDS} }} }}"
EDIT = f"""mutation($id: ID!, $b: JSON!, $v: Int!, $c: String, $n: String, $d: Boolean! = false) {{
  editRuleSet(id: $id, body: $b, expectedVersion: $v, confirmation: $c, note: $n, despite: $d) {{ {FIELDS} }} }}"""
MODE = f"""mutation($id: ID!, $m: RuleSetMode!, $x: Int, $c: String, $n: String, $d: Boolean! = false) {{
  setRuleSetMode(id: $id, mode: $m, expectedModeNumber: $x, confirmation: $c, note: $n, despite: $d) {{
    {FIELDS} }} }}"""
DELETE = "mutation($id: ID!) { deleteRuleSet(id: $id) }"
PREVIEW = """query($h: ID!, $b: JSON!) {
  ruleSetPreview(hopperId: $h, body: $b) { words verdict firesNow reason } }"""
REPLAY = """mutation($id: ID!, $s: DateTime!, $u: DateTime!) { replayRuleSet(id: $id, since: $s, until: $u) {
  since until candles isApproximation saved words fires { at value words } } }"""
STATE = """query($id: ID!) { ruleSetState(id: $id) { isMismatch mismatches
  rules { version mode modeNumber epoch phase verdict reason start peak index evaluatedAt snapshotAt }
  upstream { isEnabled isBuying isSelling positions readAt } } }"""
HISTORY = """query($id: ID!) { ruleSetVersions(id: $id) { number body }
  ruleSetChanges(id: $id) { kind version mode by note } }"""

CALM = {"words": ["as it is"], "verdict": "false", "fires_now": False, "reason": "waits"}


def body(name: str = "stop", *then: Mapping[str, object], loss: float = 0.1) -> dict[str, Any]:
    """A stop-loss that tells its user, or does ``then``."""
    when = [{"rule": "stop-loss", "loss": loss}]
    return {"name": name, "when": when, "then": [*then] or [{"action": "notify", "text": "look"}]}


@dataclass
class PlayedController:
    """Answers what it is asked with ``answers`` by verb: a reply, an error, or what makes one of the request."""

    answers: dict[str, Any] = field(default_factory=lambda: {"preview": CALM})
    asked: list[tuple[str, ControlRequest]] = field(default_factory=list)


@dataclass
class PlayedLinks(pb_grpc.GatewayServicer):
    """Everybody is linked, and may trade unless told otherwise."""

    state: Any = pb.LINK_STATE_LINKED
    scopes: tuple[str, ...] = ("read", "notifications", "manage", "trade")

    async def GetLinkState(self, request: pb.GetLinkStateRequest, context: Any) -> Any:
        now = timestamp(SystemClock().now())
        return pb.GetLinkStateResponse(state=self.state, scopes=self.scopes, linked_at=now)

    async def GetAssets(self, request: pb.GetAssetsRequest, context: Any) -> Any:
        """Asked when somebody has come."""
        return pb.GetAssetsResponse(read_at=timestamp(SystemClock().now()))


@dataclass
class Scene:
    """An API whose gateway and controller are played; hopper 1 is watched."""

    world: World
    controller: PlayedController
    links: PlayedLinks
    me: UserId

    async def ask(self, text: str, headers: dict[str, str] | None = None, **variables: Any) -> dict[str, Any]:
        return await self.world.ask(text, headers, **variables)

    async def made(self, *then: Mapping[str, object], name: str = "stop") -> dict[str, Any]:
        """A new rule set of hopper 1."""
        answer = await self.ask(CREATE, h="1", b=body(name, *then))
        assert "errors" not in answer, answer
        return dict(answer["data"]["createRuleSet"])

    async def set_to(self, one: Mapping[str, Any], mode: str, **more: Any) -> dict[str, Any]:
        """The answer to a change of mode, decided on what ``one`` shows."""
        return await self.ask(MODE, id=one["id"], m=mode, x=one["modeNumber"], **more)

    async def watch(self) -> None:
        """Somebody holds hopper 1, as of now."""
        await Assignments(self.world.owner).confirm("pod")
        await Assignments(self.world.owner).assign([HopperId("1")], "pod")


@asynccontextmanager
async def acting(world: World, folder: Path) -> AsyncIterator[Scene]:
    """Signed in as the owner of hopper 1."""
    certificates.issue(folder, ("gateway", "api"), SystemClock().now())
    authority, certificate, key = Identity(folder, "gateway").read()
    links, controller, server = PlayedLinks(), PlayedController(), grpc.aio.server()  # type: ignore[abstract]
    pb_grpc.add_GatewayServicer_to_server(links, server)
    port = server.add_secure_port("127.0.0.1:0", grpc.ssl_server_credentials([(key, certificate)], authority, True))
    await server.start()

    async def answer(message: Message) -> None:
        verb, request = message.subject.rpartition(".")[2], control_request_from_wire(message.payload)
        controller.asked.append((verb, request))
        said = controller.answers.get(verb)
        if callable(said):
            said = await said(request)
        if isinstance(said, Mapping | CryptwireError):
            await world.bus.publish(message.reply, control_reply_to_wire(said))

    end = await world.bus.subscribe(LIVE.all_control("controller"), answer)
    await world.bus.flush()
    settings = replace(
        world.settings, gateway_address=f"127.0.0.1:{port}", certificates=folder, points_a_minute=1_000_000
    )
    async with running(settings) as (base, runtime):
        await until(lambda: runtime.health.needs.get("nats", (False, ""))[0])
        me = UserId(await world.owner.value("SELECT user_id::text FROM users WHERE email = $1", EMAIL))
        scene = Scene(replace(world, base=base, runtime=runtime), controller, links, me)
        await scene.watch()
        await scene.world.sign_in()
        yield scene
    await end()
    await server.stop(None)
