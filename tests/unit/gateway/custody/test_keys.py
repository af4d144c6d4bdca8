"""Master keys: the first wraps, all of them unwrap, and what is wrong with them is said without telling them."""

import secrets
from dataclasses import fields, replace
from pathlib import Path

import pytest

from cryptwire.errors import Corrupt, Invalid
from gateway.custody.keys import EnvironmentKeys, FileKeys, SeveralKeys, providers
from gateway.settings import Settings

KEY, BOUND = b"k" * 32, b"of alice"
SETTINGS = Settings("postgresql://x", "redis://x", Path("x"), "client", "client-secret")


def new() -> str:
    return secrets.token_hex(32)


def secret_file(folder: Path, *lines: str) -> Path:
    path = folder / f"{secrets.token_hex(4)}.key"
    path.touch(mode=0o600)
    path.write_text("\n".join(lines) + "\n")
    return path


async def test_the_first_wraps_and_the_others_still_unwrap(tmp_path: Path) -> None:
    old, young = new(), new()
    path = secret_file(tmp_path, old)
    keys = FileKeys(path)
    name, wrapped = await keys.wrap(KEY, BOUND)
    assert name == await keys.current()
    path.write_text(f"{young}\n{old}\n")
    assert await keys.current() != name
    assert (await keys.wrap(KEY, BOUND))[0] == await keys.current()
    assert await keys.unwrap(name, wrapped, BOUND) == KEY


async def test_a_key_that_was_taken_away_does_not_open_any_more(tmp_path: Path) -> None:
    path = secret_file(tmp_path, new())
    keys = FileKeys(path)
    name, wrapped = await keys.wrap(KEY, BOUND)
    path.write_text(new())
    with pytest.raises(Corrupt, match=name):
        await keys.unwrap(name, wrapped, BOUND)


async def test_a_file_that_becomes_nonsense_or_goes_changes_nothing(tmp_path: Path) -> None:
    path = secret_file(tmp_path, new())
    keys = FileKeys(path)
    name, wrapped = await keys.wrap(KEY, BOUND)
    for wrong in ("", "half a k", "00" * 31):
        path.write_text(wrong)
        assert await keys.unwrap(name, wrapped, BOUND) == KEY
    path.unlink()
    assert await keys.unwrap(name, wrapped, BOUND) == KEY
    assert await keys.current() == name


async def test_a_key_has_the_same_name_in_a_file_and_in_the_environment(tmp_path: Path) -> None:
    one, two = new(), new()
    in_file, in_environment = FileKeys(secret_file(tmp_path, one, "", two)), EnvironmentKeys(f"{one.upper()} {two}")
    assert await in_environment.current() == await in_file.current()
    assert await in_environment.unwrap(*await in_file.wrap(KEY, BOUND), BOUND) == KEY


async def test_what_is_bound_must_be_the_same(tmp_path: Path) -> None:
    keys = EnvironmentKeys(new())
    name, wrapped = await keys.wrap(KEY, BOUND)
    with pytest.raises(Corrupt):
        await keys.unwrap(name, wrapped, b"of bob")


@pytest.mark.parametrize("text", ["", "zz", "00" * 31, "00" * 33, "é" * 64, "0x" + "0" * 62, "00" * 32 + "\nzz"])
def test_what_is_no_key_is_refused_and_not_told(tmp_path: Path, text: str) -> None:
    path = secret_file(tmp_path, text)
    with pytest.raises(Invalid, match="64 hexadecimal") as refused:
        FileKeys(path)
    with pytest.raises(Invalid, match=r"MASTER_KEYS.*64 hexadecimal") as refused_too:
        EnvironmentKeys(text)
    for error in (refused, refused_too):
        assert "00" * 8 not in str(error.value)


def test_a_file_that_is_missing_or_open_to_everybody_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match="cannot be read"):
        FileKeys(tmp_path / "none")
    path = secret_file(tmp_path, new())
    path.chmod(0o644)
    with pytest.raises(Invalid, match="0600"):
        FileKeys(path)


async def test_a_move_between_providers_leaves_nothing_behind(tmp_path: Path) -> None:
    before, now = EnvironmentKeys(new()), FileKeys(secret_file(tmp_path, new()))
    old = await before.wrap(KEY, BOUND)
    both = SeveralKeys(now, [before])
    assert await both.current() == await now.current()
    assert (await both.wrap(KEY, BOUND))[0] == await now.current()
    assert await both.unwrap(*old, BOUND) == KEY
    with pytest.raises(Corrupt):
        await both.unwrap("file:000000000000", old[1], BOUND)


async def test_settings_say_which_provider(tmp_path: Path) -> None:
    one, two = new(), new()
    from_file = replace(SETTINGS, master_key_file=secret_file(tmp_path, one))
    assert await providers(from_file).current() == await EnvironmentKeys(one).current()
    from_environment = replace(SETTINGS, key_provider="environment", master_keys=two)
    assert await providers(from_environment).current() == await EnvironmentKeys(two).current()
    moving = providers(replace(from_file, key_provider="environment", master_keys=two))
    assert await moving.current() == await EnvironmentKeys(two).current()
    assert await moving.unwrap(*await EnvironmentKeys(one).wrap(KEY, BOUND), BOUND) == KEY


@pytest.mark.parametrize(
    ("changes", "names"),
    [
        ({}, "MASTER_KEY_FILE"),
        ({"key_provider": "environment"}, "MASTER_KEYS"),
        ({"key_provider": "vault"}, "VAULT_URL"),
        ({"key_provider": "vault", "vault_url": "http://127.0.0.1:1"}, "VAULT_TOKEN_FILE"),
        (
            {"key_provider": "vault", "vault_url": "http://127.0.0.1:1", "vault_token_file": Path("none")},
            "cannot be read",
        ),
        ({"key_provider": "hsm"}, "KEY_PROVIDER"),
    ],
)
def test_what_is_missing_is_named(changes: dict[str, object], names: str) -> None:
    with pytest.raises(Invalid, match=names):
        providers(replace(SETTINGS, **changes))  # type: ignore[arg-type]


def test_no_key_is_in_what_settings_and_providers_show() -> None:
    key = new()
    settings = replace(SETTINGS, key_provider="environment", master_keys=key)
    assert key not in repr(settings)
    assert key not in repr(providers(settings))
    assert "master_keys" in {field.name for field in fields(settings) if not field.repr}
