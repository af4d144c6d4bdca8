"""A mailed link's token is good only as it was made, and only with the key."""

from pathlib import Path
from uuid import uuid4

import pytest

from cryptwire.codec.one_time import OneTimeKey, Purpose, TokenId
from cryptwire.errors import Invalid

KEY = OneTimeKey(b"k" * 32)


@pytest.mark.parametrize("purpose", list(Purpose))
def test_a_token_says_what_it_is_for_and_which_row_it_is(purpose: Purpose) -> None:
    which = TokenId(str(uuid4()))
    token = KEY.token(purpose, which)
    assert KEY.read(token) == (purpose, which)
    assert token.replace("-", "").replace("_", "").isalnum()


def test_no_character_of_it_can_be_changed() -> None:
    token = KEY.token(Purpose.PASSWORD_RESET, TokenId(str(uuid4())))
    for at in range(len(token)):
        changed = token[:at] + ("A" if token[at] != "A" else "B") + token[at + 1 :]
        with pytest.raises(Invalid):
            KEY.read(changed)


@pytest.mark.parametrize(
    "text", ["", "x", "A" * 63, "A" * 64, "A" * 65, "ä" * 64, "\x00" * 64, "\ud800" * 64, "=" * 64]
)
def test_what_is_no_token_is_refused(text: str) -> None:
    with pytest.raises(Invalid, match="this link"):
        KEY.read(text)


def test_another_key_reads_nothing() -> None:
    with pytest.raises(Invalid):
        OneTimeKey(b"l" * 32).read(KEY.token(Purpose.SIGN_UP, TokenId(str(uuid4()))))


def test_a_key_comes_from_a_file_and_is_long_enough(tmp_path: Path) -> None:
    path = tmp_path / "mail-key"
    path.write_text("k" * 32 + "\n")
    token = OneTimeKey.read_from(path).token(Purpose.SIGN_UP, TokenId(str(uuid4())))
    assert KEY.read(token)[0] is Purpose.SIGN_UP
    path.write_text("short")
    for bad in (path, tmp_path / "none"):
        with pytest.raises(Invalid):
            OneTimeKey.read_from(bad)
