"""Where a user's own webhook may be: what can be told from its address alone."""

import ipaddress
from urllib.parse import urlsplit

from cryptwire.errors import Invalid

SEALED = "webhook secret"
"""What the seal of a webhook's secret is for."""
_MOST = 2_000
_LEAST_FREE_PORT = 1024
_HTTPS = 443
_NAT64 = ipaddress.ip_network("64:ff9b::/96")


def checked_url(text: str, *, is_development: bool) -> str:
    """``text``, when a webhook may be there; raises Invalid that says why not.

    HTTPS on port 443 or above 1023, at a public name or address. In development HTTP, every port and this machine, too.
    """
    text = text.strip()
    if not 1 <= len(text) <= _MOST or not text.isascii() or not text.isprintable() or " " in text or "\\" in text:
        raise Invalid(
            f"a webhook's address is up to {_MOST:,} plain characters; other letters are written as xn--… or %…"
        )
    try:
        parts = urlsplit(text)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise Invalid("this is no address; one is like https://example.com/cryptwire") from None
    if parts.scheme not in (("https", "http") if is_development else ("https",)) or not host:
        raise Invalid("a webhook's address begins with https:// and a name, such as https://example.com/cryptwire")
    if parts.username is not None or parts.password is not None or parts.fragment:
        raise Invalid("a webhook's address holds no user, no password and no #; our calls are signed instead")
    if is_development:
        return text
    if port is not None and port != _HTTPS and port < _LEAST_FREE_PORT:
        raise Invalid("a webhook's port is 443, or one above 1023")
    address = literal(host)
    if (address is not None and not is_public(address)) or (address is None and not _could_be_public(host)):
        raise Invalid("a webhook is on the public Internet; this name or address is not")
    return text


def literal(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """The address that ``host`` is, when it is one and no name."""
    try:
        return ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return None


def is_public(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    """False for what is private, loopback, link-local (where clouds tell secrets), shared, multicast or reserved.

    Of an address that carries another one, that one counts.
    """
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour
        if inner is None and address in _NAT64:
            inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(inner)
        if address.teredo is not None or address.is_site_local:
            return False
    return address.is_global and not (address.is_multicast or address.is_reserved or address.is_unspecified)


def _could_be_public(host: str) -> bool:
    """False for names that only a local network or machine knows, and for numbers that programs read as addresses."""
    labels = host.rstrip(".").split(".")
    last = labels[-1]
    if len(labels) < 2 or last in ("localhost", "local", "internal", "home", "lan", "test", "invalid", "arpa"):
        return False
    return not last[:1].isdigit()
