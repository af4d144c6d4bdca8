"""Table ``link_states``: which session asked for which consent. The only module that knows its columns.

A state is good for ten minutes, once, and in the session that began: whoever lures a user to a consent of his own
cannot bring its answer into the user's session.
"""

import hashlib
from datetime import timedelta

from cryptwire.domain.hopper import UserId
from cryptwire.storage.database import Database

_LIVES = timedelta(minutes=10)
_CLEAN = "DELETE FROM link_states WHERE expires_at <= now()"
_KEEP = """
    INSERT INTO link_states (state_hash, session, user_id, expires_at)
    VALUES ($1, $2, $3::text::uuid, now() + $4::interval)
"""
_USE = """
    DELETE FROM link_states WHERE state_hash = $1 AND session = $2 AND user_id = $3::text::uuid
    RETURNING expires_at > now()
"""


class LinkStates:
    """Raises Unavailable while the database is away."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def keep(self, state: str, session: bytes, user: UserId) -> None:
        """``session`` of ``user`` has asked for consent under ``state``, of which only a hash is kept."""
        await self._database.execute(_CLEAN)
        await self._database.execute(_KEEP, _hash(state), session, user, _LIVES)

    async def use(self, state: str, session: bytes, user: UserId) -> bool:
        """Whether this session asked under ``state``, at most ten minutes ago, and it was not used; it now is."""
        return bool(await self._database.value(_USE, _hash(state), session, user))


def _hash(state: str) -> bytes:
    return hashlib.sha256(state.encode("utf-8", "replace")).digest()
