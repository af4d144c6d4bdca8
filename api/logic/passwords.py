"""What may be a password."""

import re
import unicodedata

from cryptwire.errors import Invalid

LEAST, MOST = 10, 1_000  # characters
_ROWS = ("1234567890", "abcdefghijklmnopqrstuvwxyz", "qwertyuiop", "asdfghjkl", "zxcvbnm", "qwertzuiop", "azertyuiop")
_MOST_BLOCK = 5

# The stems and whole passwords that lead the published rankings of leaked ones (NCSC with Have I Been Pwned, 2019;
# NordPass, 2019 to 2024), as far as ten characters reach them; digits and signs at their ends are taken off first.
_STEMS_TEXT = (
    "password passw0rd p@ssw0rd p@ssword pa55word qwerty qwertyuiop qwertz qwert azerty asdfgh asdfghjkl zxcvbnm "
    "zxcvbn iloveyou ilovegod ilove loveyou letmein welcome admin administrator root user guest login master superman "
    "batman spiderman pokemon minecraft football baseball basketball liverpool arsenal chelsea barcelona realmadrid "
    "manchester juventus dragon monkey shadow sunshine princess princesa flower butterfly chocolate computer internet "
    "samsung iphone google facebook youtube trustno secret changeme default abc abcd abcde abcdef abcdefg asdf asd "
    "qaz qazwsx qazwsxedc zaq wsx michael jennifer jessica jordan charlie daniel thomas andrew joshua matthew ashley "
    "nicole michelle tigger starwars whatever mustang corvette ferrari porsche mercedes harley killer hunter hello "
    "helloworld hallo passwort kennwort motdepasse contrasena bitcoin ethereum crypto cryptwire cryptohopper hopper "
    "trading binance coinbase"
)
_STEMS = frozenset(_STEMS_TEXT.split())
_WHOLE_TEXT = (
    "1q2w3e4r5t 1q2w3e4r5t6y 1qaz2wsx3edc q1w2e3r4t5 q1w2e3r4t5y6 zaq12wsxcde3 1qazxsw23edc qwe123qwe123 qweasdzxc123 "
    "qwerasdfzxcv asdfqwer1234 a1b2c3d4e5 1a2b3c4d5e abc123abc123 abcd1234abcd aa12345678 a123456789 q123456789 "
    "123456789a 123456789q 123456789abc 1234567890a 1234567890q 0123456789 9876543210 0987654321 1111122222 "
    "147258369a 1472583690 147852369a 7894561230 12345qwert 12345qwerty 123456qwerty 1234qwerasdf qwerty12345 "
    "correcthorsebatterystaple gfhjkm123456 thisisapassword mypassword mypassword1"
)
_WHOLE = frozenset(_WHOLE_TEXT.split())
_TAIL = re.compile(r"[\W\d_]+$")
_HEAD = re.compile(r"^[\W\d_]+")


def plain(password: str) -> str:
    """A password as it is hashed: the same signs are the same, however a keyboard composes them (RFC 8265)."""
    return unicodedata.normalize("NFC", password)


def is_possible(password: str) -> bool:
    """False for what nobody's password can be, and nothing could hash."""
    return len(password) <= MOST and "\x00" not in password and not any("\ud800" <= c <= "\udfff" for c in password)


def must_be_good(password: str, email: str) -> None:
    """Raises Invalid when ``password`` may not be that of the user with ``email``."""
    if not is_possible(password):
        raise Invalid(f"a password has {MOST:,} characters at most, none of them NUL or half of another")
    if len(password) < LEAST:
        raise Invalid(f"a password has at least {LEAST} characters; a few words are good, and easy to remember")
    lower = plain(password).casefold()
    if lower in (email.casefold(), email.partition("@")[0].casefold()):
        raise Invalid("the password is your e-mail address; choose another")
    if is_common(lower):
        raise Invalid("that password is among those that are tried first; choose another")


def is_common(lower: str) -> bool:
    """True for what guessers try first, in lower case: rows of keys, repetitions, famous words with digits around."""
    if lower in _WHOLE or _HEAD.sub("", _TAIL.sub("", lower)) in _STEMS | {""}:
        return True
    if any(lower in row * 3 or lower in row[::-1] * 3 for row in _ROWS):
        return True
    return any(lower == (lower[:size] * len(lower))[: len(lower)] for size in range(1, _MOST_BLOCK + 1))
