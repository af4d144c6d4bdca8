"""Tables ``totp`` and ``recovery_codes``: the only module that knows their columns."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from cryptwire.domain.hopper import UserId
from cryptwire.errors import Refused
from cryptwire.storage import mails
from cryptwire.storage.database import Connection, Database

_OF = """
    SELECT nonce, sealed, confirmed_at IS NOT NULL AS is_confirmed FROM totp WHERE user_id = $1::text::uuid
"""
_LEFT = "SELECT count(*) FROM recovery_codes WHERE user_id = $1::text::uuid AND used_at IS NULL"
_BEGIN = """
    INSERT INTO totp AS t (user_id, nonce, sealed) VALUES ($1::text::uuid, $2, $3)
    ON CONFLICT (user_id) DO UPDATE SET nonce = excluded.nonce, sealed = excluded.sealed, last_step = 0
     WHERE t.confirmed_at IS NULL
"""
_CONFIRM = """
    UPDATE totp SET confirmed_at = now(), last_step = $3
     WHERE user_id = $1::text::uuid AND nonce = $2 AND confirmed_at IS NULL
"""
_TAKE_STEP = """
    UPDATE totp SET last_step = $2
     WHERE user_id = $1::text::uuid AND confirmed_at IS NOT NULL AND last_step < $2
"""
_TAKE_CODE = """
    UPDATE recovery_codes SET used_at = now()
     WHERE user_id = $1::text::uuid AND code_hash = $2 AND used_at IS NULL
"""
_DROP_CODES = "DELETE FROM recovery_codes WHERE user_id = $1::text::uuid"
_ADD_CODES = "INSERT INTO recovery_codes (user_id, code_hash) SELECT $1::text::uuid, unnest($2::bytea[])"
_END = "DELETE FROM totp WHERE user_id = $1::text::uuid AND confirmed_at IS NOT NULL"


@dataclass(frozen=True, slots=True, repr=False)
class Totp:
    """A sealed secret, and whether a code of it was ever shown."""

    nonce: bytes
    sealed: bytes
    is_confirmed: bool


class SecondFactorRows:
    """Who has a second factor. Raises Unavailable while the database is away."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def of(self, user: UserId) -> Totp | None:
        """A user's secret, confirmed or not; None when he has none."""
        row = await self._database.row(_OF, user)
        return None if row is None else Totp(bytes(row["nonce"]), bytes(row["sealed"]), row["is_confirmed"])

    async def codes_left(self, user: UserId) -> int:
        """How many recovery codes were not used."""
        return int(await self._database.value(_LEFT, user))

    async def begin(self, user: UserId, nonce: bytes, sealed: bytes) -> None:
        """A secret that waits for its first code, instead of one that waited; Refused when one is confirmed."""
        if await self._database.execute(_BEGIN, user, nonce, sealed) != "INSERT 0 1":
            raise Refused("a second factor is on; end it before another is set up")

    async def confirm(self, user: UserId, email: str, totp: Totp, step: int, proofs: Sequence[bytes]) -> None:
        """The first code was right: it counts from now on, with these recovery codes. Refused when it was replaced."""
        async with self._database.transaction() as connection:
            if await connection.execute(_CONFIRM, user, totp.nonce, step) != "UPDATE 1":
                raise Refused("the second factor was set up anew meanwhile; scan the newest picture")
            await _new_codes(connection, user, proofs)
            await mails.add_within(connection, email, "totp-on", {}, user)

    async def take_step(self, user: UserId, step: int) -> bool:
        """Use the code of a step up; False when this one, or a later one, was used."""
        return await self._database.execute(_TAKE_STEP, user, step) == "UPDATE 1"

    async def take_code(self, user: UserId, proof: bytes) -> bool:
        """Use a recovery code up; False when there is none such left."""
        return await self._database.execute(_TAKE_CODE, user, proof) == "UPDATE 1"

    async def new_codes(self, user: UserId, proofs: Iterable[bytes]) -> None:
        """Other recovery codes; those before are worth nothing."""
        async with self._database.transaction() as connection:
            await _new_codes(connection, user, proofs)

    async def end(self, user: UserId, email: str) -> None:
        """No second factor any more; Refused when there is none."""
        async with self._database.transaction() as connection:
            if await connection.execute(_END, user) != "DELETE 1":
                raise Refused("there is no second factor that is on")
            await connection.execute(_DROP_CODES, user)
            await mails.add_within(connection, email, "totp-off", {}, user)


async def _new_codes(connection: Connection, user: UserId, proofs: Iterable[bytes]) -> None:
    await connection.execute(_DROP_CODES, user)
    await connection.execute(_ADD_CODES, user, list(proofs))
