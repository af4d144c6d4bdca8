"""Table ``flow_candidates``: the only module that knows its columns."""

from collections.abc import Sequence

from cryptwire.domain.candle import Written
from cryptwire.domain.portfolio import FlowCandidate
from cryptwire.storage.database import Database

_ADD = """
    INSERT INTO flow_candidates (hopper_id, at, asset, quantity, price, value_before, fence)
    SELECT * FROM unnest($1::text[], $2::timestamptz[], $3::text[], $4::numeric[], $5::float8[], $6::float8[],
                         $7::int8[])
    ON CONFLICT DO NOTHING
"""


class FlowCandidates:
    """Money that came or went without a trade, as the tracker found it; the first word on a flow stays."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def write(self, flows: Sequence[FlowCandidate]) -> Written[FlowCandidate]:
        """Write a batch at once; keys may repeat. Raises Unavailable, or Invalid for a value of the batch."""
        rows = [(f.hopper, f.at, f.asset, f.quantity, f.price, f.value_before, f.fence) for f in flows]
        status = await self._database.execute(_ADD, *map(list, zip(*rows, strict=True)))
        return Written(int(status.rpartition(" ")[2]), [])
