"""A token opens for its user with its master key, and otherwise not at all."""

import secrets
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from cryptwire.domain.hopper import UserId
from cryptwire.errors import Corrupt, Invalid
from cryptwire.storage.tokens import SealedToken
from gateway.custody import DataKey, FileKeys, OpenToken, opened

NOW = datetime(2026, 1, 1, tzinfo=UTC)
ALICE, BOB = UserId("alice"), UserId("bob")
TOKEN = OpenToken("access-of-alice", "refresh-of-alice")


def keys(folder: Path) -> FileKeys:
    path = folder / f"{secrets.token_hex(4)}.key"
    path.touch(mode=0o600)
    path.write_text(secrets.token_hex(32) + "\n")
    return FileKeys(path)


async def sealed(master: FileKeys, user: UserId = ALICE) -> SealedToken:
    row = SealedToken(user, b"", "", b"", b"", ("read",), NOW, False, NOW, None)
    return (await DataKey.made(master, user)).seal(TOKEN, row)


async def test_what_was_sealed_opens(tmp_path: Path) -> None:
    master = keys(tmp_path)
    assert await opened(master, await sealed(master)) == TOKEN


async def test_nothing_of_it_is_in_the_row_or_shown(tmp_path: Path) -> None:
    row = await sealed(keys(tmp_path))
    assert b"alice" not in row.sealed + row.wrapped_key
    assert "alice" not in repr(TOKEN)


async def test_each_token_has_a_key_of_its_own(tmp_path: Path) -> None:
    master = keys(tmp_path)
    one, two = await sealed(master), await sealed(master)
    assert one.wrapped_key != two.wrapped_key
    assert one.nonce != two.nonce
    with pytest.raises(Corrupt):
        await opened(master, replace(one, sealed=two.sealed, nonce=two.nonce))


async def test_another_users_row_does_not_open(tmp_path: Path) -> None:
    master = keys(tmp_path)
    with pytest.raises(Corrupt, match="another user"):
        await opened(master, replace(await sealed(master), user=BOB))


async def test_a_wrapped_key_alone_cannot_be_moved_to_another_user(tmp_path: Path) -> None:
    master = keys(tmp_path)
    of_alice, of_bob = await sealed(master), await sealed(master, BOB)
    with pytest.raises(Corrupt):
        await opened(master, replace(of_bob, sealed=of_alice.sealed, nonce=of_alice.nonce))


@pytest.mark.parametrize("field", ["sealed", "nonce", "wrapped_key"])
@pytest.mark.parametrize("place", [0, -1])
async def test_a_changed_bit_is_noticed(tmp_path: Path, field: str, place: int) -> None:
    master = keys(tmp_path)
    row = await sealed(master)
    changed = bytearray(getattr(row, field))
    changed[place] ^= 1
    with pytest.raises(Corrupt):
        await opened(master, replace(row, **{field: bytes(changed)}))  # type: ignore[arg-type]


@pytest.mark.parametrize("field", ["sealed", "nonce", "wrapped_key"])
async def test_a_row_that_was_cut_is_noticed(tmp_path: Path, field: str) -> None:
    master = keys(tmp_path)
    with pytest.raises(Corrupt):
        await opened(master, replace(await sealed(master), **{field: b"abc"}))  # type: ignore[arg-type]


async def test_another_master_key_is_named_and_does_not_open(tmp_path: Path) -> None:
    one, other = keys(tmp_path), keys(tmp_path)
    row = await sealed(one)
    with pytest.raises(Corrupt, match="not the one in use"):
        await opened(other, row)
    name, _ = await other.wrap(b"x" * 32, b"")
    with pytest.raises(Corrupt):
        await opened(other, replace(row, master_key=name))


@pytest.mark.parametrize("text", ["", "zz", "00" * 31, "00" * 33, "é" * 64])
def test_a_file_that_holds_no_key_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "k"
    path.touch(mode=0o600)
    path.write_text(text)
    with pytest.raises(Invalid, match="64 hexadecimal"):
        FileKeys(path)


def test_a_file_that_is_missing_or_open_to_everybody_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match="cannot be read"):
        FileKeys(tmp_path / "none")
    path = tmp_path / "k"
    path.write_text("00" * 32)
    path.chmod(0o644)
    with pytest.raises(Invalid, match="0600"):
        FileKeys(path)
