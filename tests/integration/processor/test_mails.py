"""Mails reach their reader, in words that nobody can smuggle anything into, through kills and bad servers."""

import asyncio
import json
import random
from collections import Counter
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from cryptwire.clock import SystemClock
from cryptwire.codec.one_time import OneTimeKey, Purpose
from cryptwire.errors import Refused, Unavailable
from cryptwire.storage.mails import Mails
from cryptwire.texts import NOTICES
from devstack.mailbox.kept import Kept
from devstack.servers import free_port
from processor.adapters.smtp import Smtp
from processor.handlers.mails import LEASE
from processor.logic.mails import Letter
from processor.mails import FOLDER
from tests.integration.processor.delivering import KEY, OPERATORS, PUBLIC, Delivering, delivering


@pytest.fixture
async def world(database_url: str, tmp_path: Path) -> AsyncIterator[Delivering]:
    async with delivering(database_url, tmp_path) as made:
        yield made


class Server:
    """A mail server that answers as a test says, and notes what it was handed."""

    def __init__(self, *answers: Exception | None) -> None:
        self.answers = list(answers)
        self.handed: list[tuple[str, str, Letter]] = []

    async def send(self, id: str, address: str, letter: Letter) -> None:
        self.handed.append((id, address, letter))
        answer = self.answers.pop(0) if self.answers else None
        if answer is not None:
            raise answer


async def test_a_link_in_a_mail_is_ours_and_stands_in_no_table(world: Delivering) -> None:
    token_id = "7f0c1a52-51dd-4f5e-9f43-1c5a9d3f6f10"
    await world.mails.add("new@example.com", "sign-up", {"token_id": token_id})
    assert await world.post().send_due() == 1
    (mail,) = world.inbox("new@example.com")
    token = mail.text.split(f"{PUBLIC}/confirm?token=")[1].split()[0]
    assert OneTimeKey(KEY).read(token) == (Purpose.SIGN_UP, token_id)
    assert f'href="{PUBLIC}/confirm?token={token}"' in mail.html
    assert mail.subject == "Cryptwire: Confirm your address"
    kept = await world.owner.fetchval("SELECT mails::text FROM mails")
    assert token not in kept


async def test_a_reset_is_mailed_to_who_has_the_address_and_to_nobody_else(world: Delivering) -> None:
    await world.user("known@example.com")
    for address in ("Known@example.com", "stranger@example.com"):
        await world.mails.add(address, "password-reset", {})
    assert await world.post().send_due() == 2
    assert [mail.to for mail in world.kept.newest()] == ["Known@example.com"]
    token = world.kept.newest()[0].text.split("/reset-password?token=")[1].split()[0]
    assert OneTimeKey(KEY).read(token)[0] is Purpose.PASSWORD_RESET
    assert await world.owner.fetchval("SELECT count(*) FROM mails WHERE sent_at IS NULL") == 0


async def test_every_text_is_a_mail_however_little_is_known(world: Delivering) -> None:
    items: list[dict[str, object]] = [
        {"kind": kind, "facts": {}, "times": 2, "at": "now"} for kind in ("silence", "unheard-of")
    ]
    facts = {"token_id": "7f0c1a52-51dd-4f5e-9f43-1c5a9d3f6f10", "items": json.dumps(items)}
    await world.user("a@example.com")
    texts = [path.stem for folder in (FOLDER, NOTICES) for path in folder.glob("*.txt")]
    for template in [*texts, "unheard-of"]:
        await world.mails.add("a@example.com", template, facts)
    await world.post().send_due()
    mails = world.inbox("a@example.com")
    assert len(mails) == len(texts) + 1
    for mail in mails:
        assert mail.subject.startswith("Cryptwire: ")
        assert "$" not in mail.text + mail.html
        assert mail.text.strip()


async def test_what_a_stranger_chose_cannot_break_out_of_its_place(world: Delivering) -> None:
    device = 'x\r\nBcc: all@example.com\r\n\r\n<img src=x onerror="alert(1)">\x00\ud800\u202e' + "y" * 5000
    await world.mails.add("a@example.com", "new-device", {"device": device, "address": "1.2.3.4", "at": "now"})
    await world.mails.add("a@example.com", "hopper-renamed", {"name": device, "hopper": device})
    await world.post().send_due()
    assert {mail.to for mail in world.kept.newest()} == {"a@example.com"}
    for mail in world.inbox("a@example.com"):
        assert "<img" not in mail.html
        assert "\r" not in mail.subject
        assert "\n" not in mail.subject
        assert len(mail.text) < 3_000
        assert "\u202e" not in mail.text


async def test_a_mail_that_is_not_taken_now_is_tried_again_later_and_later(world: Delivering) -> None:
    server = Server(*[Unavailable("421 later")] * 3)
    await world.mails.add("a@example.com", "totp-on", {})
    pauses = []
    for _ in range(3):
        assert await world.post(server).send_due() == 1
        assert await world.post(server).send_due() == 0
        pauses.append(await world.owner.fetchval("SELECT extract(epoch FROM due_at - now()) FROM mails"))
        await world.owner.execute("UPDATE mails SET due_at = now()")
    assert 10 < pauses[0] < pauses[1] < pauses[2]
    assert await world.post(server).send_due() == 1
    assert await world.owner.fetchval("SELECT sent_at IS NOT NULL FROM mails")
    assert len({id for id, _, _ in server.handed}) == 1


async def test_after_two_days_it_is_given_up_and_those_who_run_the_system_are_told(world: Delivering) -> None:
    await world.mails.add("a@example.com", "totp-on", {})
    await world.owner.execute("UPDATE mails SET added_at = now() - interval '49 hours'")
    await world.post(Server(Unavailable("421 later"))).send_due()
    assert "2 days" in await world.owner.fetchval("SELECT given_up FROM mails WHERE address = 'a@example.com'")
    await world.deliver()
    assert [mail.subject for mail in world.inbox(OPERATORS)] == ["Cryptwire: A mail could not be sent"]


async def test_a_mail_that_will_never_be_taken_is_given_up_at_once_and_its_address_not_repeated(
    world: Delivering,
) -> None:
    await world.mails.add("gone@example.com", "totp-on", {})
    await world.mails.add("no address", "totp-on", {})
    await world.mails.add(OPERATORS, "service-silent", {})
    await world.post(Server(Refused("550 no such user"), Refused("no"), Refused("no"))).send_due()
    assert await world.owner.fetchval("SELECT count(*) FROM mails WHERE given_up IS NOT NULL") == 3
    told = await world.owner.fetch("SELECT facts::text AS facts FROM notices")
    assert len(told) == 2  # about a mail to those who would be told nobody is told
    assert "gone@" not in str(told)


async def test_an_address_that_no_mail_can_have_is_given_up(world: Delivering) -> None:
    for address in ("a\r\nBcc: b@example.com", "no address", "@", ""):
        await world.mails.add(address, "totp-on", {})
    await world.post().send_due()
    assert await world.owner.fetchval("SELECT count(*) FROM mails WHERE given_up IS NOT NULL") == 4
    assert world.kept.newest() == []


async def test_a_sender_that_was_killed_leaves_its_mail_to_another(world: Delivering) -> None:
    await world.mails.add("a@example.com", "totp-on", {})
    taken = await world.mails.take(timedelta(milliseconds=300))  # and then killed, before or after it was sent
    assert taken is not None
    assert await world.post().send_due() == 0
    await asyncio.sleep(0.4)
    assert await world.post().send_due() == 1
    (mail,) = world.inbox("a@example.com")
    assert mail.id == f"{taken.id}@cryptwire.test"
    assert timedelta(seconds=40) < LEASE


async def test_through_thirty_kills_every_mail_goes_and_none_twice_but_at_a_kill(world: Delivering) -> None:
    chance = random.Random(7)

    class Slow(Server):
        async def send(self, id: str, address: str, letter: Letter) -> None:
            await asyncio.sleep(chance.random() * 0.01)
            await super().send(id, address, letter)
            await asyncio.sleep(chance.random() * 0.01)

    server = Slow()
    for number in range(60):
        await world.mails.add(f"{number}@example.com", "totp-on", {})
    for _ in range(30):
        sending = asyncio.create_task(world.post(server, timedelta(milliseconds=200)).send_due())
        await asyncio.sleep(chance.random() * 0.08)
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)
    await asyncio.sleep(0.25)
    await world.post(server).send_due()
    went = Counter(address for _, address, _ in server.handed)
    assert len(went) == 60
    assert len(server.handed) <= 60 + 30
    assert await world.owner.fetchval("SELECT count(*) FROM mails WHERE sent_at IS NULL") == 0


async def test_many_senders_send_each_mail_once(world: Delivering) -> None:
    for number in range(40):
        await world.mails.add(f"{number}@example.com", "totp-on", {})
    await asyncio.gather(*(world.post().send_due() for _ in range(4)))
    assert sorted(int(mail.to.split("@")[0]) for mail in world.kept.newest()) == list(range(40))


async def test_a_mail_server_that_is_away_is_waited_for(world: Delivering, tmp_path: Path) -> None:
    away = Smtp(f"smtp://127.0.0.1:{free_port()}", "cw@cryptwire.test", SystemClock().now)
    await world.mails.add("a@example.com", "totp-on", {})
    await world.post(away).send_due()
    assert await world.owner.fetchval("SELECT given_up IS NULL AND sent_at IS NULL FROM mails")


async def test_old_mails_are_forgotten_with_their_addresses_and_waiting_ones_are_not(world: Delivering) -> None:
    for address in ("old@example.com", "new@example.com", "waits@example.com"):
        await world.mails.add(address, "totp-on", {})
    await world.owner.execute("UPDATE mails SET sent_at = now() WHERE address <> 'waits@example.com'")
    age = "UPDATE mails SET added_at = now() - interval '31 days' WHERE address <> 'new@example.com'"
    await world.owner.execute(age)
    mails = Mails(world.rows)
    assert await mails.forget(timedelta(days=30), 100) == 1
    left = await world.owner.fetch("SELECT address FROM mails ORDER BY address")
    assert [row["address"] for row in left] == ["new@example.com", "waits@example.com"]


async def test_the_newest_five_hundred_mails_are_kept(tmp_path: Path) -> None:
    kept = Kept(tmp_path)
    for number in range(1, 503):
        (tmp_path / f"{number:012d}.eml").write_bytes(b"Subject: x\r\n\r\n")
    await kept.add(["a@example.com"], b"Subject: new\r\n\r\nText")
    assert len(kept.newest()) == 500
    assert kept.newest()[0].subject == "new"
    assert kept.one("../secrets") is None
