"""What may be an address, a zone, a currency, a name; whence somebody asks, and on what."""

import ipaddress
import re
import zoneinfo
from functools import lru_cache

from cryptwire.domain.currencies import LEGAL_TENDER
from cryptwire.errors import Invalid

MOST_EMAIL = 254
MOST_NAME = 100
_MOST_USER_AGENT = 300
_EMAIL = re.compile(
    r"[a-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)+",
    re.ASCII | re.IGNORECASE,
)
_BROWSERS = (("Edg", "Edge"), ("OPR", "Opera"), ("Firefox", "Firefox"), ("Chrome", "Chrome"), ("Safari", "Safari"))
_SYSTEMS = (
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("Windows", "Windows"),
    ("Mac OS", "macOS"),
    ("Linux", "Linux"),
)


def could_be_email(text: str) -> bool:
    """False for what no account has: an address has 254 characters at most, without the exotic (RFC 5321, HTML)."""
    return len(text) <= MOST_EMAIL and _EMAIL.fullmatch(text) is not None


def email(text: str) -> str:
    """An address as it was written, without space at its ends; raises Invalid when it is none."""
    text = text.strip()
    if not could_be_email(text):
        raise Invalid("that is no e-mail address we can write to; it looks like name@example.com")
    return text


def zone(text: str) -> str:
    """An IANA zone; raises Invalid."""
    if text not in _zones():
        raise Invalid("that is no time zone; use IANA's name for it, such as Europe/Berlin")
    return text


def currency(text: str) -> str:
    """A currency; raises Invalid."""
    if text not in LEGAL_TENDER:
        raise Invalid("that is no currency; use its three letters, such as EUR")
    return text


def name(text: str, what: str) -> str:
    """A name that somebody gives to ``what``, without space at its ends; raises Invalid."""
    text = text.strip()
    if not text or len(text) > MOST_NAME or not text.isprintable():
        raise Invalid(f"the name of {what} has 1 to {MOST_NAME} characters that can be printed")
    return text


def user_agent(text: str) -> str:
    """What a client calls itself, cut and cleaned: it is shown to the user and never believed."""
    return "".join(char if char.isprintable() else " " for char in text[:_MOST_USER_AGENT]).strip()


def device(given: str | None, agent: str) -> str:
    """What a session's device is called: as the client says, else by its user agent, such as Firefox on Linux."""
    if given is not None and given.strip():
        return name(given, "the device")
    browser = next((called for sign, called in _BROWSERS if sign in agent), "")
    system = next((called for sign, called in _SYSTEMS if sign in agent), "")
    return " on ".join(filter(None, (browser, system))) or (agent.split("/")[0][:40] or "unknown")


def address(client: str | None, forwarded: str, trusted_proxies: int) -> str:
    """Whence a request comes: ``client`` is the peer, ``forwarded`` X-Forwarded-For.

    Each trusted proxy has added whom it heard; what stands before these anybody may have written.
    """
    said = [each.strip() for each in forwarded.split(",") if each.strip()]
    if 0 < trusted_proxies <= len(said):
        return said[-trusted_proxies][:64]
    return (client or "unknown")[:64]


def network(address: str) -> str:
    """For whom tries are counted that come from ``address``: itself, or its /64, which is what one host has of IPv6."""
    try:
        said = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(said, ipaddress.IPv4Address):
        return str(said)
    return str(said.ipv4_mapped or ipaddress.ip_network((int(said) >> 64 << 64, 64)))


@lru_cache(maxsize=1)
def _zones() -> frozenset[str]:
    return frozenset(zoneinfo.available_timezones()) - {"localtime", "Factory"}
