"""What one user may have read of exchanges: they are shared by all, and what they answer is limited."""

from collections.abc import Hashable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from cryptwire.domain.hopper import UserId
from cryptwire.errors import Exhausted

MOST_PAIRS = 20
"""Different pairs a minute."""
MOST_BLOCKS = 400
"""Blocks of candles a minute that nobody has asked for before: some ten years of hours of four pairs."""
_MINUTE = timedelta(minutes=1)


@dataclass(slots=True)
class _Spent:
    since: datetime
    pairs: set[Hashable] = field(default_factory=set)
    blocks: int = 0


class Budget:
    """What each user has spent in his minute, which begins with the first thing that he spends in it."""

    def __init__(self, most_pairs: int = MOST_PAIRS, most_blocks: int = MOST_BLOCKS) -> None:
        self._most_pairs = most_pairs
        self._most_blocks = most_blocks
        self._spent: dict[UserId, _Spent] = {}

    def pair(self, user: UserId, pair: Hashable, now: datetime) -> None:
        """He looks at ``pair``; raises Exhausted when he has looked at too many others in this minute."""
        spent = self._of(user, now)
        if pair not in spent.pairs and len(spent.pairs) >= self._most_pairs:
            raise self._exhausted(f"{self._most_pairs} different pairs a minute at most", spent, now)
        spent.pairs.add(pair)

    def block(self, user: UserId, now: datetime) -> None:
        """An exchange is asked for a block on his behalf; raises Exhausted when that would be one too many."""
        spent = self._of(user, now)
        if spent.blocks >= self._most_blocks:
            raise self._exhausted("too much of the past of pairs that nobody has looked at yet", spent, now)
        spent.blocks += 1

    def _of(self, user: UserId, now: datetime) -> _Spent:
        spent = self._spent.get(user)
        if spent is None or not spent.since <= now < spent.since + _MINUTE:
            if len(self._spent) > 1_000:
                self._spent = {who: one for who, one in self._spent.items() if now < one.since + _MINUTE}
            spent = self._spent[user] = _Spent(now)
        return spent

    @staticmethod
    def _exhausted(text: str, spent: _Spent, now: datetime) -> Exhausted:
        wait = max(1.0, (spent.since + _MINUTE - now).total_seconds())
        return Exhausted(f"{text}; try again in {wait:.0f} s", wait)
