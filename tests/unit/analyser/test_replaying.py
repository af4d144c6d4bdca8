"""Pages of the past are told to whoever may ask, in order, once more, and from anywhere."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest

from analyser.handlers.replaying import Replaying
from analyser.ports import FlowBook
from cryptwire.codec.control import ControlRequest, control_reply_from_wire, control_request_to_wire
from cryptwire.codec.ohlcv import Ohlcv
from cryptwire.codec.recall import Page, PastWanted, page_from_json, wish_to_json
from cryptwire.domain.bar import Columns, Volumes
from cryptwire.domain.candle import Quality
from cryptwire.domain.figure import figure_key
from cryptwire.domain.hopper import Asset, HopperId, UserId
from cryptwire.domain.ticker import Pair
from cryptwire.errors import Invalid, NotFound, Unavailable
from cryptwire.memory.bus import MemoryBus
from cryptwire.memory.clock import HandClock
from cryptwire.messaging.bus import Message
from cryptwire.messaging.subjects import LIVE
from cryptwire.metrics import Meters
from tests.unit.analyser.logic.test_rerun import walk
from tests.unit.analyser.playing import QUARTER, SPAN, T, hopper

COUNT = 1200
WISH = PastWanted((figure_key("rsi@60"), figure_key("drawdown"), figure_key("obv@15")), {}, T, T + COUNT * QUARTER)


class Tables:
    """Twin of the tables: candles from ten days before T on; how often they were read."""

    def __init__(self) -> None:
        self.rows = walk(COUNT + 960, at=int(T.timestamp()) - 960 * SPAN)
        self.reads = 0
        self.is_away = False

    async def newest(self, hopper: HopperId, since: int, until: int, limit: int) -> Columns:
        if self.is_away:
            raise Unavailable("the database is away")
        self.reads += 1
        at = self.rows.at
        kept = self.rows.between(int((at < since).sum()), int((at < until).sum()))
        return kept.between(max(0, len(kept) - limit), len(kept))

    async def volumes(self, hopper: HopperId, base: Asset, since: int, until: int) -> Volumes:
        kept = await self.newest(hopper, since, until, 10**6)
        return Volumes(kept.at, kept.volume)

    async def earliest(self, hopper: HopperId) -> int | None:
        return int(self.rows.at[0])

    async def imperfect(self, hopper: HopperId, since: int, until: int) -> dict[int, Quality]:
        return {}

    async def marks(self, hoppers: Sequence[HopperId]) -> dict[HopperId, int]:
        return {}


class Books:
    async def of(self, hopper: HopperId) -> FlowBook:
        return FlowBook([], [], 1, None)

    async def marks(self, hoppers: Sequence[HopperId]) -> dict[HopperId, int]:
        return {}


class Berlin:
    async def of(self, users: Sequence[UserId]) -> dict[UserId, ZoneInfo]:
        return dict.fromkeys(users, ZoneInfo("Europe/Berlin"))


class NoExchange:
    async def since(self, pair: Pair, timeframe: str, since: object, limit: int) -> list[Ohlcv]:
        raise AssertionError("no pair is asked for")


class Asked:
    """A handler, and whoever asks it."""

    def __init__(self) -> None:
        self.tables, self.bus, self.clock = Tables(), MemoryBus(), HandClock(T)
        self.replaying = Replaying(
            *(self.tables, Books(), Berlin(), NoExchange(), self.bus, self.clock, Meters(), QUARTER)
        )
        self.hopper = hopper()

    async def page(self, wish: PastWanted, user: str = "u", name: str = "1", verb: str = "replay") -> Page:
        request = ControlRequest(HopperId(name), UserId(user), "controller", body=wish_to_json(wish))
        reply = f"reply.{len(self.bus.published)}"
        answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

        async def on_reply(message: Message) -> None:
            answer.set_result(message.payload)

        await self.bus.subscribe(reply, on_reply)
        subject = LIVE.control(HopperId(name), "analyser", verb)
        await self.replaying.on_request(
            Message(subject, control_request_to_wire(request), reply),
            held=lambda asked: self.hopper if asked == self.hopper.id else None,
        )
        async with asyncio.timeout(20):
            return page_from_json(control_reply_from_wire(await answer))

    async def all(self, forgets: bool = False) -> list[Page]:
        pages = [await self.page(WISH)]
        while pages[-1].following is not None:
            if forgets:
                self.clock.set(self.clock.now() + timedelta(minutes=5))
            wish = PastWanted(WISH.keys, WISH.pairs, WISH.since, WISH.until, pages[-1].following)
            pages.append(await self.page(wish))
        return pages


async def test_pages_follow_one_another_and_everything_is_read_once() -> None:
    asked = Asked()
    pages = await asked.all()
    assert asked.tables.reads == 2  # candles, and volumes for OBV
    assert len(pages) > 2
    assert sum(page.candles for page in pages) == COUNT
    moments = [at for page in pages for at in page.points.at]
    assert moments == sorted(set(moments))
    assert len(moments) == 4 * COUNT


async def test_what_was_forgotten_is_read_again_and_the_pages_are_the_same() -> None:
    calm, forgetful = await Asked().all(), await Asked().all(forgets=True)
    assert [page.points.at for page in calm] == [page.points.at for page in forgetful]
    for one, other in zip(calm, forgetful, strict=True):
        for key in WISH.keys:
            assert other.points.figures[key][0] == pytest.approx(one.points.figures[key][0], rel=1e-9)


async def test_who_begins_anew_is_told_what_there_is_now() -> None:
    asked = Asked()
    await asked.page(WISH)
    await asked.page(WISH)
    assert asked.tables.reads == 4


async def test_another_users_and_another_pods_hopper() -> None:
    asked = Asked()
    with pytest.raises(NotFound):
        await asked.page(WISH, user="somebody")
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):
            await asked.page(WISH, name="2")  # nobody here answers for it


async def test_what_makes_no_sense_is_said() -> None:
    asked = Asked()
    with pytest.raises(Invalid, match="for a replay only"):
        await asked.page(WISH, verb="sell")
    with pytest.raises(Invalid, match="366 days"):
        await asked.page(PastWanted(WISH.keys, {}, T - timedelta(days=400), T))
    asked.tables.is_away = True
    with pytest.raises(Unavailable, match="the database is away"):
        await asked.page(WISH)


async def test_of_too_many_at_once_some_are_told_to_come_again() -> None:
    asked = Asked()
    answers = await asyncio.gather(*(asked.page(WISH) for _ in range(1)), return_exceptions=True)
    assert isinstance(answers[0], Page)
    request = control_request_to_wire(ControlRequest(HopperId("1"), UserId("u"), "c", body=wish_to_json(WISH)))
    subject = LIVE.control(HopperId("1"), "analyser", "replay")
    for number in range(12):
        await asked.replaying.on_request(Message(subject, request, f"many.{number}"), held=lambda _: asked.hopper)
    refused = [number for number in range(12) if asked.bus.sent(f"many.{number}")]
    assert len(refused) == 4
    with pytest.raises(Unavailable, match="too many replays"):
        control_reply_from_wire(asked.bus.sent(f"many.{refused[0]}")[0])
    await asked.replaying.close()
