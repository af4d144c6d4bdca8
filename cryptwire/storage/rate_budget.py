"""The rate budget of each user's token, in Redis: what was sent lately, and who waits for a turn.

One Lua script decides, by Redis' own clock, so that several gateways share one budget. A user has five keys under
``cw:budget:<user>:``, each of which expires: ``sent`` and ``orders`` (when each request went), ``queue`` (who waits,
the first first), ``lease`` (until when each waiter counts as alive) and ``state`` (upstream's "not before", the last
import).
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum
from typing import Any

import redis.exceptions

from cryptwire.clock import MICROSECOND, Clock, to_us
from cryptwire.domain.hopper import UserId
from cryptwire.storage.redis import LIVE_KEYS, Redis, our_errors

LEASE = timedelta(seconds=1.5)
"""A waiter of whom nothing was heard for so long is gone."""

_SCRIPT = """
local sent_key, orders_key, queue_key, lease_key, state_key = unpack(KEYS)
local op, now = ARGV[1], tonumber(ARGV[2])
local requests, reserved, window = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local order_limit, order_window, lease = tonumber(ARGV[6]), tonumber(ARGV[7]), tonumber(ARGV[8])
if now == 0 then
  local time = redis.call('TIME')
  now = time[1] * 1000000 + time[2]
end
local ordinary = requests - reserved
local imports = ordinary - math.floor(ordinary / 4)
local spacing = math.floor(window / imports)
local URGENCY = 1e15  -- a waiter's place: urgency * URGENCY + when it came, in units of 10 us

local function text(number) return string.format('%.0f', number) end
local function is_order(id) return string.sub(id, -1) == 'o' end
local function keep(key, least)
  redis.call('PEXPIRE', key, text(math.max(2 * window, least or 0) / 1000))
end

if op == 'leave' then
  for i = 9, #ARGV do
    for _, key in ipairs({queue_key, lease_key, sent_key, orders_key}) do redis.call('ZREM', key, ARGV[i]) end
  end
  return {}
end

if op == 'restore' then
  for i = 9, #ARGV, 2 do
    local id, age = ARGV[i], tonumber(ARGV[i + 1])
    if age < window then redis.call('ZADD', sent_key, 'NX', text(now - age), id) end
    if age < order_window and is_order(id) then redis.call('ZADD', orders_key, 'NX', text(now - age), id) end
  end
  keep(sent_key)
  keep(orders_key)
  return {}
end

local state = redis.call('HMGET', state_key, 'held', 'imported')
local held, imported = tonumber(state[1] or 0), tonumber(state[2] or 0)
local function hold(span)
  if span > 0 and now + span > held then
    held = now + span
    redis.call('HSET', state_key, 'held', text(held))
    keep(state_key, span)
  end
end

if op == 'hold' then
  hold(tonumber(ARGV[9]))
  return {}
end

local function stamps(key, span)
  redis.call('ZREMRANGEBYSCORE', key, '-inf', text(now - span))
  local found, read = {}, redis.call('ZRANGE', key, 0, -1, 'WITHSCORES')
  for i = 2, #read, 2 do found[i / 2] = tonumber(read[i]) end
  return found
end

local last = op == 'take' and ARGV[13] or ''
if last ~= '' and not redis.call('ZSCORE', sent_key, last) then return {3, 0, 0} end

for _, id in ipairs(redis.call('ZRANGEBYSCORE', lease_key, '-inf', text(now))) do
  redis.call('ZREM', queue_key, id)
  redis.call('ZREM', lease_key, id)
end
local sent, orders = stamps(sent_key, window), stamps(orders_key, order_window)

local function insert(list, at)
  local i = #list
  while i > 0 and list[i] > at do
    list[i + 1] = list[i]
    i = i - 1
  end
  list[i + 1] = at
end

-- The earliest moment of the next one's turn; it counts as taken for those who follow.
local function turn(urgency, orders_too)
  local limit = urgency == 0 and requests or urgency == 4 and imports or ordinary
  local at = math.max(now, held)
  if #sent >= limit then at = math.max(at, sent[#sent - limit + 1] + window) end
  if orders_too and #orders >= order_limit then at = math.max(at, orders[#orders - order_limit + 1] + order_window) end
  if urgency == 4 then
    at = math.max(at, imported + spacing)
    imported = at
  end
  insert(sent, at)
  if orders_too then insert(orders, at) end
  return at
end

if op == 'look' then
  local asked, answer, left = {}, {}, #ARGV - 8
  for i = 9, #ARGV do
    asked[ARGV[i]] = i - 8
    answer[i - 8] = -1
    redis.call('ZADD', lease_key, 'XX', text(now + lease), ARGV[i])
  end
  keep(queue_key)
  keep(lease_key)
  local queue = redis.call('ZRANGE', queue_key, 0, -1, 'WITHSCORES')
  for i = 1, #queue, 2 do
    if left == 0 then break end
    local at = turn(math.floor(tonumber(queue[i + 1]) / URGENCY), is_order(queue[i]))
    local place = asked[queue[i]]
    if place then
      answer[place] = at - now
      left = left - 1
    end
  end
  return answer
end

-- take: id, urgency, patience, place (0 for one who comes anew), last of the caller's own, own hold
local id, urgency, patience, place = ARGV[9], tonumber(ARGV[10]), tonumber(ARGV[11]), tonumber(ARGV[12])
hold(tonumber(ARGV[14]))
if place == 0 then place = urgency * URGENCY + math.floor(now / 10) end
local queue = redis.call('ZRANGEBYSCORE', queue_key, '-inf', text(place), 'WITHSCORES')
for i = 1, #queue, 2 do
  local score = tonumber(queue[i + 1])
  if queue[i] == id or (score == place and queue[i] > id) then break end
  turn(math.floor(score / URGENCY), is_order(queue[i]))
end
local at = turn(urgency, is_order(id))
if at <= now then
  redis.call('ZADD', sent_key, text(now), id)
  keep(sent_key)
  if is_order(id) then
    redis.call('ZADD', orders_key, text(now), id)
    keep(orders_key)
  end
  if urgency == 4 then
    redis.call('HSET', state_key, 'imported', text(now))
    keep(state_key)
  end
end
if at <= now or at - now > patience then
  redis.call('ZREM', queue_key, id)
  redis.call('ZREM', lease_key, id)
  return {at <= now and 0 or 2, at - now, place}
end
redis.call('ZADD', queue_key, text(place), id)
redis.call('ZADD', lease_key, text(now + lease), id)
keep(queue_key)
keep(lease_key)
return {1, at - now, place}
"""
_SHA = hashlib.sha1(_SCRIPT.encode()).hexdigest()  # noqa: S324 - Redis' name for it, no secret
_KEYS = ("sent", "orders", "queue", "lease", "state")
_MANY = 200  # users looked at in one round trip


@dataclass(frozen=True, slots=True)
class Limits:
    """Of one token: ``requests`` in any ``window``, ``reserved`` of them for actions; ``orders`` in any
    ``order_window``.
    """

    requests: int
    reserved: int
    window: timedelta
    orders: int
    order_window: timedelta


class Verdict(Enum):
    """On someone who asks for a turn."""

    GRANTED = 0
    WAITS = 1
    REFUSED = 2
    """The turn comes later than he would wait."""
    LOST = 3
    """Redis does not know what the asker sent last: it must be told first."""


@dataclass(frozen=True, slots=True)
class Answer:
    """``wait`` until the turn as it stands now; ``place`` in the queue, which is kept when asking again."""

    verdict: Verdict
    wait: timedelta
    place: int


class RateBudget:
    """Turns of every user's token. Ids order those who come at the same instant; an order's id ends in ``o``.

    Raises Unavailable when Redis is away. ``clock`` stands in for Redis' own where a test turns one.
    """

    def __init__(self, client: Redis, limits: Limits, prefix: str = LIVE_KEYS, clock: Clock | None = None) -> None:
        self._client = client
        self._prefix = f"{prefix}budget:"
        self._clock = clock
        self.limits = limits
        self._limits = (
            limits.requests,
            limits.reserved,
            limits.window // MICROSECOND,
            limits.orders,
            limits.order_window // MICROSECOND,
            LEASE // MICROSECOND,
        )

    async def take(
        self, user: UserId, who: str, urgency: int, patience: timedelta, place: int, last: str, held: timedelta
    ) -> Answer:
        """A turn, if it is there now; else a place in the queue, unless the turn comes after ``patience``.

        ``urgency`` 0 may use what is reserved and 4 leaves a quarter to the others and keeps its distance. ``place`` is
        0 for one who comes anew. ``last`` is the id of the asker's last request that Redis must know ("" for none),
        ``held`` how long upstream wants nothing.
        """
        verdict, wait, given = await self._run(
            user, "take", who, int(urgency), patience // MICROSECOND, place, last, held // MICROSECOND
        )
        return Answer(Verdict(verdict), wait * MICROSECOND, given)

    async def look(self, waiting: Mapping[UserId, Sequence[str]]) -> dict[UserId, list[timedelta | None]]:
        """These still wait: how long each has to, None for one who is not in the queue any more."""
        found: dict[UserId, list[timedelta | None]] = {}
        users = list(waiting)
        for begin in range(0, len(users), _MANY):
            some = users[begin : begin + _MANY]
            for user, waits in zip(some, await self._run_all({user: waiting[user] for user in some}), strict=True):
                found[user] = [None if wait < 0 else wait * MICROSECOND for wait in waits]
        return found

    async def leave(self, user: UserId, who: str) -> None:
        """Who waits no longer, or had his turn and sent nothing."""
        await self._run(user, "leave", who)

    async def restore(self, user: UserId, sent: Sequence[tuple[str, timedelta]]) -> None:
        """What was sent, by id, and how long ago; what is known already stays as it is."""
        parts: list[object] = []
        for who, ago in sent:
            parts += (who, max(0, ago // MICROSECOND))
        await self._run(user, "restore", *parts)

    async def hold(self, user: UserId, span: timedelta) -> None:
        """Nobody's turn comes within ``span``; a longer one that was told before stays."""
        await self._run(user, "hold", span // MICROSECOND)

    async def _run(self, user: UserId, op: str, *arguments: object) -> Any:
        command = self._command(user, op, *arguments)
        with our_errors():
            try:
                return await self._client.execute_command("EVALSHA", _SHA, *command)  # type: ignore[no-untyped-call]
            except redis.exceptions.NoScriptError:
                return await self._client.execute_command("EVAL", _SCRIPT, *command)  # type: ignore[no-untyped-call]

    async def _run_all(self, waiting: Mapping[UserId, Sequence[str]]) -> list[list[int]]:
        with our_errors():
            for _ in range(2):
                pipeline = self._client.pipeline(transaction=False)
                for user, ids in waiting.items():
                    pipeline.execute_command("EVALSHA", _SHA, *self._command(user, "look", *ids))
                try:
                    return await pipeline.execute()
                except redis.exceptions.NoScriptError:
                    await self._client.script_load(_SCRIPT)
        raise AssertionError("Redis forgets a script that it has just loaded")

    def _command(self, user: UserId, op: str, *arguments: object) -> tuple[object, ...]:
        now = 0 if self._clock is None else to_us(self._clock.now())
        keys = (f"{self._prefix}{user}:{name}" for name in _KEYS)
        return len(_KEYS), *keys, op, now, *self._limits, *arguments
