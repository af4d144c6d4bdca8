"""What `cryptwire admin rules verify-audit` and `export-audit` do, with the address of the database's owner."""

import json
from collections.abc import AsyncIterator

from cryptwire.clock import SystemClock
from cryptwire.domain.audit import Sealed
from cryptwire.domain.hopper import HopperId
from cryptwire.storage import database
from cryptwire.storage.audit import Audit


async def verify_audit(url: str, hopper: str) -> list[str]:
    """Whether a hopper's chain holds from its first entry on; what to tell of it.

    What was cut off at its end shows only by comparison: keep the line that this gives. Raises NotFound, Unavailable,
    and Corrupt that names the first entry at which the chain does not hold.
    """
    async with database.connect(url, "admin", 1) as rows:
        audit = Audit(rows)
        chain = await audit.chain_of(HopperId(hopper))
        count, last = await audit.verify(chain)
    return [
        f"the audit of hopper {hopper} holds: {count} entries, the last one's hash is {last.hex()}"
        f" ({SystemClock().now():%Y-%m-%d %H:%M:%S}Z, chain {chain})"
    ]


async def export_audit(url: str, hopper: str) -> AsyncIterator[str]:
    """A hopper's chain as JSON, an entry a line, the first first. Raises NotFound, Unavailable."""
    async with database.connect(url, "admin", 1) as rows:
        audit = Audit(rows)
        async for entry in audit.entries(await audit.chain_of(HopperId(hopper))):
            yield entry_to_json(entry)


def entry_to_json(entry: Sealed) -> str:
    """One line; ``body`` is the very text that was hashed, so that anybody can compute ``hash`` again."""
    return json.dumps(
        {
            "chain": entry.chain,
            "number": entry.number,
            "at": entry.at.isoformat(timespec="microseconds"),
            "kind": entry.kind,
            "rule_set": entry.rule_set,
            "version": entry.version,
            "intent": entry.intent,
            "body": entry.body,
            "previous": entry.previous.hex(),
            "hash": entry.hash.hex(),
        }
    )
