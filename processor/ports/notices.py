"""What the delivery of notices and mails wants from the world; each raises Unavailable."""

from dataclasses import dataclass, field
from typing import Protocol

from cryptwire.codec.one_time import TokenId
from cryptwire.domain.hopper import UserId
from processor.logic.mails import Letter


class Transport(Protocol):
    """A mail server."""

    async def send(self, id: str, address: str, letter: Letter) -> None:
        """Hand over a mail; its Message-ID is made of ``id``, the same at every try.

        Raises Unavailable when it may be taken later, Refused when it never will.
        """
        ...


class Resets(Protocol):
    """Tokens to choose a new password with."""

    async def begin_reset(self, address: str) -> tuple[TokenId, UserId] | None:
        """A new token for who has this address; None when nobody has."""
        ...


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a user's webhook; its headers hold the signature and no secret."""

    url: str = field(repr=False)
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of it: a status of HTTP, 0 for none, and a few words."""

    status: int
    words: str

    @property
    def is_taken(self) -> bool:
        return 200 <= self.status < 300


class Caller(Protocol):
    """What calls webhooks."""

    async def call(self, call: Call) -> Answer:
        """Whatever happens is an answer; takes some seconds at most."""
        ...
