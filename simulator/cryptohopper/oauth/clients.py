"""Apps that are registered: who may ask users for access."""

import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

SCOPES = {
    "read": "See your account, hoppers, positions and trades",
    "notifications": "Be told when your hoppers trade",
    "manage": "Create and change hoppers and their configuration",
    "trade": "Buy, sell and panic sell",
    "user": "See your profile",
}
"""Every scope, and what it lets an app do."""

_ALIASES = {"write": "manage"}
_LOOPBACK = ("127.0.0.1", "localhost", "::1")


@dataclass(frozen=True, slots=True)
class Client:
    """One app; public when it has no secret (a command line, a phone), then any port of a loopback address will do."""

    id: str
    secret: str | None
    redirect_uris: tuple[str, ...]
    name: str = ""
    scopes: tuple[str, ...] = tuple(SCOPES)

    def may_return_to(self, address: str) -> bool:
        """Whether users may be sent there: exactly as registered but for a public client's loopback port."""
        if address in self.redirect_uris:
            return True
        return self.secret is None and any(_same_but_port(address, known) for known in self.redirect_uris)

    def is_it(self, secret: str | None) -> bool:
        """Whether whoever shows this secret is the client; a public one shows none."""
        if self.secret is None:
            return not secret
        return secrets.compare_digest((secret or "").encode(), self.secret.encode())


CLI = Client("cryptohopper-cli", None, ("http://127.0.0.1:18765/callback",), "Command line")
"""A public client that is always registered."""


def parsed(entries: object) -> tuple[Client, ...]:
    """Clients of a scenario file: ``[{"id", "secret"?, "redirect_uris", "name"?, "scopes"?}]``.

    Raises ValueError naming what is wrong.
    """
    if not isinstance(entries, list):
        raise ValueError("clients: must be a list")
    return tuple(_client(entry, f"clients[{number}]") for number, entry in enumerate(entries))


def _client(entry: object, where: str) -> Client:
    if not isinstance(entry, Mapping):
        raise ValueError(f"{where}: must be an object")
    if unknown := set(entry) - {"id", "secret", "redirect_uris", "name", "scopes"}:
        raise ValueError(f"{where}: there is no {', '.join(sorted(map(repr, unknown)))}")
    id_, secret, name = entry.get("id"), entry.get("secret"), entry.get("name", "")
    if not isinstance(id_, str) or not id_ or not isinstance(name, str):
        raise ValueError(f"{where}: id must be a text, name too")
    if secret is not None and (not isinstance(secret, str) or not secret):
        raise ValueError(f"{where}: secret must be a text, or left out for a public client")
    addresses = _texts(entry.get("redirect_uris"), f"{where}: redirect_uris")
    scopes = known_scopes(" ".join(_texts(entry.get("scopes", list(SCOPES)), f"{where}: scopes")))
    if not scopes:
        raise ValueError(f"{where}: scopes must be among {', '.join(SCOPES)}")
    return Client(id_, secret, addresses, name, scopes)


def _texts(value: object, where: str) -> tuple[str, ...]:
    if not isinstance(value, list) or not value or not all(isinstance(each, str) and each for each in value):
        raise ValueError(f"{where} must be a list of texts")
    return tuple(value)


def known_scopes(text: str) -> tuple[str, ...] | None:
    """Scopes by comma or space, each once, aliases resolved; None when one is unknown or there is none."""
    names = tuple(dict.fromkeys(_ALIASES.get(name, name) for name in text.replace(",", " ").split()))
    return names if names and all(name in SCOPES for name in names) else None


def by_id(clients: Iterable[Client]) -> dict[str, Client]:
    """Clients by id. Raises ValueError for an id that comes twice."""
    found: dict[str, Client] = {}
    for client in clients:
        if client.id in found:
            raise ValueError(f"clients: {client.id!r} is registered twice")
        found[client.id] = client
    return found


def _same_but_port(address: str, known: str) -> bool:
    try:
        ours, theirs = urlsplit(address), urlsplit(known)
        if ours.port == 0:
            return False
    except ValueError:
        return False
    if theirs.hostname not in _LOOPBACK or ours.username is not None or ours.fragment:
        return False
    return (ours.scheme, ours.hostname, ours.path, ours.query) == (
        theirs.scheme, theirs.hostname, theirs.path, theirs.query,
    )  # fmt: skip
