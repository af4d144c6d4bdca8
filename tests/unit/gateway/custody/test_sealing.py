"""A token opens for its user with its master key, and otherwise not at all."""

import secrets
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as some

from cryptwire.domain.hopper import UserId
from cryptwire.errors import Corrupt
from cryptwire.storage.tokens import LinkRequest, SealedToken
from gateway.custody.keys import EnvironmentKeys
from gateway.custody.sealing import DataKey, OpenToken, opened, opened_verifier

NOW = datetime(2026, 1, 1, tzinfo=UTC)
ALICE, BOB = UserId("alice"), UserId("bob")
TOKEN = OpenToken("access-of-alice", "refresh-of-alice")
MASTER = EnvironmentKeys(secrets.token_hex(32))
BYTES = ("sealed", "nonce", "wrapped_key")


async def sealed(master: EnvironmentKeys = MASTER, user: UserId = ALICE) -> SealedToken:
    row = SealedToken(user, b"", "", b"", b"", ("read",), NOW, False, NOW, None)
    return (await DataKey.made(master, user)).seal(TOKEN, row)


async def request(user: UserId = ALICE) -> LinkRequest:
    return (await DataKey.made(MASTER, user)).request(b"hash", "there", "verifier")


async def test_what_was_sealed_opens() -> None:
    assert await opened(MASTER, await sealed()) == TOKEN
    assert await opened_verifier(MASTER, await request()) == "verifier"


async def test_nothing_of_it_is_in_the_row_or_shown() -> None:
    row = await sealed()
    assert b"alice" not in row.sealed + row.wrapped_key
    assert "alice" not in repr(TOKEN)
    assert b"verifier" not in (await request()).sealed


async def test_each_token_has_a_key_of_its_own() -> None:
    one, two = await sealed(), await sealed()
    assert one.wrapped_key != two.wrapped_key
    assert one.nonce != two.nonce
    with pytest.raises(Corrupt):
        await opened(MASTER, replace(one, sealed=two.sealed, nonce=two.nonce))


async def test_another_users_row_does_not_open() -> None:
    with pytest.raises(Corrupt, match="another user"):
        await opened(MASTER, replace(await sealed(), user=BOB))
    with pytest.raises(Corrupt, match="another user"):
        await opened_verifier(MASTER, replace(await request(), user=BOB))


@pytest.mark.parametrize("moved", [("sealed", "nonce"), ("wrapped_key",), ("sealed",), ("nonce",)])
async def test_no_part_of_it_can_be_moved_to_another_user(moved: tuple[str, ...]) -> None:
    of_alice, of_bob = await sealed(), await sealed(user=BOB)
    with pytest.raises(Corrupt):
        await opened(MASTER, replace(of_bob, **{part: getattr(of_alice, part) for part in moved}))


async def test_what_is_sealed_as_a_verifier_does_not_open_as_a_token() -> None:
    asked, row = await request(), await sealed()
    parts = {part: getattr(asked, part) for part in (*BYTES, "master_key")}
    with pytest.raises(Corrupt):
        await opened(MASTER, replace(row, **parts))


@given(part=some.sampled_from(BYTES), place=some.integers(0, 10_000), change=some.integers(1, 255))
async def test_a_changed_byte_is_noticed(part: str, place: int, change: int) -> None:
    row = await sealed()
    changed = bytearray(getattr(row, part))
    changed[place % len(changed)] ^= change
    with pytest.raises(Corrupt):
        await opened(MASTER, replace(row, **{part: bytes(changed)}))  # type: ignore[arg-type]


@given(part=some.sampled_from(BYTES), length=some.integers(0, 10_000), more=some.binary(max_size=3))
async def test_a_row_that_was_cut_or_lengthened_is_noticed(part: str, length: int, more: bytes) -> None:
    row = await sealed()
    whole: bytes = getattr(row, part)
    cut = whole[: length % (len(whole) + 1)] + more
    if cut != whole:
        with pytest.raises(Corrupt):
            await opened(MASTER, replace(row, **{part: cut}))  # type: ignore[arg-type]


@given(some.text(max_size=20))
async def test_another_name_of_the_master_key_is_noticed(name: str) -> None:
    with pytest.raises(Corrupt):
        await opened(MASTER, replace(await sealed(), master_key=name))


async def test_another_master_key_does_not_open_even_by_this_ones_name() -> None:
    other = EnvironmentKeys(secrets.token_hex(32))
    row = await sealed()
    with pytest.raises(Corrupt, match="not here"):
        await opened(other, row)
    with pytest.raises(Corrupt):
        await opened(other, replace(row, master_key=await other.current()))
