"""Who wants a figure gets a lease of a minute from the one analyser that computes it, or hears why not."""

import asyncio

import pytest

from analyser.logic.leases import MOST, Leases
from cryptwire.codec.figure import lease_from_wire
from cryptwire.domain.figure import figure_key
from cryptwire.errors import Invalid, Unavailable
from cryptwire.messaging.subjects import LIVE
from tests.unit.analyser.playing import BTC, ONE, Played, S, T, hopper, playing


async def test_a_lease_lasts_a_minute_from_the_asking() -> None:
    async with playing() as played:
        lease = await played.want("balance", "rsi@60")
        assert T + 60 * S <= lease.until <= T + 61 * S
        assert lease.refused == {}


async def test_of_a_hopper_that_nobody_holds_nobody_answers() -> None:
    async with playing() as played:
        asking = asyncio.create_task(played.want("balance", of=hopper("9").id))
        with pytest.raises(Unavailable):
            await asking


async def test_a_pod_that_is_not_confirmed_does_not_answer() -> None:
    async with playing() as played:
        played.duties.held = None
        await played.clock.turn(4 * S)
        with pytest.raises(Unavailable):
            await played.want("balance")


async def test_what_cannot_be_computed_is_refused_with_the_reason_and_the_rest_is_not() -> None:
    async with playing() as played:
        lease = await played.want("balance", "nonsense", "rsi(length=0)@60", "price", "rsi(length=14)@7")
        assert set(lease.refused) == {"nonsense", "rsi(length=0)@60", "price", "rsi(length=14)@7"}
        assert "no figure" in lease.refused["nonsense"]
        assert "not told of hoppers" in lease.refused["price"]
        await played.live(100.0)
        assert list(played.last()) == ["balance"]
        lease = await played.want("balance", "price", of=BTC)
        assert "not told of pairs" in lease.refused["balance"]


async def test_nobody_makes_it_compute_without_bounds() -> None:
    async with playing() as played:
        for begin in range(1, 500, 100):
            lease = await played.want(*(f"change(minutes={minutes})" for minutes in range(begin, begin + 100)))
        assert len(lease.refused) == 100
        assert len(played.hoppers.by_id[ONE].leases) == MOST
        lease = await played.want("change(minutes=1)")
        assert lease.refused == {}, "it is renewed all the same"


async def test_a_wish_that_makes_no_sense_is_told_so() -> None:
    async with playing() as played:
        for payload in (b"\xff", b"", b"\x0a\x03sma"):
            with pytest.raises(Invalid):
                lease_from_wire(await played.bus.request(LIVE.want, payload, 0.5))
        assert played.meters.value("analyser_refused_messages", subject="want") == 3


async def test_new_wishes_do_not_disturb_old_figures() -> None:
    async with playing() as played:
        played.past(*[(100.0, 101.0, 99.0, 100.0)] * 100)
        await played.live(100.0)
        await played.want("sma(length=5)@15")
        await played.live(100.0)
        played.tables.is_away = True
        await played.want("ema(length=5)@15")
        await played.live(100.0)
        assert played.last() == {"sma(length=5)@15": 100.0, "ema(length=5)@15": None}
        played.tables.is_away = False
        await played.clock.turn(3 * S)
        await played.live(100.0)
        assert played.last() == {"sma(length=5)@15": 100.0, "ema(length=5)@15": pytest.approx(100.0)}


def test_leases_are_kept_until_the_last_who_asked() -> None:
    leases, one, two = Leases(), figure_key("balance"), figure_key("index")
    assert leases.want([one, two], T + 60 * S)
    assert not leases.want([one], T + 90 * S)
    assert not leases.want([one], T + 70 * S), "an earlier end shortens nothing"
    assert not leases.expire(T + 59 * S)
    assert leases.expire(T + 60 * S)
    assert leases.keys == (one,)
    assert leases.expire(T + 90 * S)
    assert not leases


async def test_of_two_pods_each_answers_for_its_own() -> None:
    async with playing(hopper("1")) as first:
        second = Played(hopper("2"), beside=first)
        await second.begin()
        await first.want("balance", of=hopper("2").id)
        await first.live(50.0, name="2")
        assert [one.session for one in first.told("2")] == [second.session]
        await second.end()
