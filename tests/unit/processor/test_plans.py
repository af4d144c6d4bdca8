"""The ends of plans: all of them at each look, whatever NATS does, and every user's clients are told to look."""

from cryptwire.clock import EPOCH
from cryptwire.domain.hopper import UserId
from cryptwire.errors import Unavailable
from cryptwire.messaging import subjects
from cryptwire.metrics import Meters
from processor.handlers.plans import Ends


class TwinPlans:
    """Plans that have ended, and trials that will."""

    def __init__(self, ended: int, warned: int = 0) -> None:
        self.ended = [UserId(f"e{number}") for number in range(ended)]
        self.warned = [UserId(f"w{number}") for number in range(warned)]

    async def write_ends(self, most: int = 500) -> list[UserId]:
        written, self.ended = self.ended[:most], self.ended[most:]
        return written

    async def warn(self) -> list[UserId]:
        told, self.warned = self.warned, []
        return told


class TwinBus:
    def __init__(self, *, is_away: bool = False) -> None:
        self.is_away = is_away
        self.told: list[str] = []

    async def publish(self, subject: str, payload: bytes) -> None:
        if self.is_away:
            raise Unavailable("away")
        self.told.append(subject)


async def test_all_ends_are_written_down_in_one_look_and_everybody_is_told() -> None:
    plans, bus, meters = TwinPlans(1203, 2), TwinBus(), Meters()
    ends = Ends(plans, bus, meters)
    assert await ends.look(EPOCH) == "1203 ended, 2 warned"
    assert plans.ended == []
    assert {subjects.account(UserId(f"e{number}")) for number in range(1203)} <= set(bus.told)
    assert {subjects.notice(UserId(name)) for name in ("w0", "w1", "e0", "e1202")} <= set(bus.told)
    assert subjects.account(UserId("w0")) not in bus.told, "a warning changes no account"
    assert meters.value("processor_plans_ended") == 1203
    assert await ends.look(EPOCH) == "0 ended, 0 warned"


async def test_an_end_is_written_down_while_nobody_can_be_told() -> None:
    plans = TwinPlans(3, 1)
    assert await Ends(plans, TwinBus(is_away=True), Meters()).look(EPOCH) == "3 ended, 1 warned"
    assert plans.ended == []
