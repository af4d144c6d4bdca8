"""Errors, named after what the caller can do about them.

The outermost edge maps them to GraphQL, gRPC, HTTP or an acknowledgement; an adapter turns its library's errors into
these; between the two nobody catches. Their text goes to users and logs: it names what is wrong and what to do, and
never holds a secret.
"""


class CryptwireError(Exception):
    """Every error of ours."""


class Refused(CryptwireError):
    """The request cannot be granted as it is: drop it and tell why."""


class NotFound(Refused):
    """It is not there, or not for this caller; which of the two is never told."""


class Invalid(Refused):
    """The input contradicts itself or its contract."""


class Conflict(Refused):
    """It was changed meanwhile: read it again, and decide anew.

    ``version`` is the newest.
    """

    def __init__(self, message: str, version: int) -> None:
        super().__init__(message)
        self.version = version


class Unauthenticated(Refused):
    """Nobody is signed in, or the session has ended."""


class CodeNeeded(Refused):
    """The password is right, and a code of the second factor is needed besides."""


class Forbidden(Refused):
    """The caller is known and may not do this."""


class LinkAgain(Refused):
    """The Cryptohopper account must be linked again before anything can be read or done."""


class Fenced(Refused):
    """Somebody else acts for this hopper now: the fence is an older one, or the session has ended."""


class SwitchedOff(Refused):
    """A kill switch is on: nothing acts until a person turns it off."""


class Unconfirmed(CryptwireError):
    """It was sent and what became of it is not known: read back, never send it again."""


class Unavailable(CryptwireError):
    """Something this needs is away: the same request may succeed later."""


class Exhausted(Unavailable):
    """A rate budget is used up.

    ``retry_after`` tells how many seconds to wait.
    """

    def __init__(self, message: str, retry_after: float) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class Corrupt(CryptwireError):
    """Stored or received data that nothing can be done with: set it aside and tell a person."""
