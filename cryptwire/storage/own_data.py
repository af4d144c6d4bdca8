"""What the tables hold of one user: exported for him, and erased when he leaves.

Every table with a column ``user_id`` or ``hopper_id`` is named here: what is exported of it, or why nothing is. What
does not go with the row of ``users`` by a reference is erased by ``erasures.py`` as said here. A test compares both
with the schema.
"""

from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from cryptwire.domain.formula import FORMULA, FORMULA_IN_JSON
from cryptwire.domain.hopper import UserId
from cryptwire.storage.database import Database

_HIS = "$1::text::uuid"
_BY_USER = f"user_id = {_HIS}"
_HIS_CHAINS = f"JOIN audit_chains c USING (chain) JOIN hoppers h USING (hopper_id) WHERE h.user_id = {_HIS}"
_BY_HOPPER = f"hopper_id IN (SELECT h.hopper_id FROM hoppers h WHERE h.user_id = {_HIS})"  # noqa: S608 - ours
_PATTERNS: Mapping[str, str] = {
    **dict.fromkeys(("text", "_text", "varchar", "bpchar"), FORMULA),
    **dict.fromkeys(("json", "jsonb"), FORMULA_IN_JSON),
}
"""By type of a column."""


@dataclass(frozen=True, slots=True)
class Held:
    """A table with rows of a user: by his id, by those of his hoppers, or by the chains of their audits.

    ``columns``: without secrets and proofs; ``verbatim``: of them those that stay as they are, letter by letter.
    """

    table: str
    by: Literal["user", "hopper", "chain"]
    columns: str = "*"
    order: str = "1"
    verbatim: frozenset[str] = frozenset()

    @property
    def query(self) -> str:
        """The rows of user $1."""
        if self.by == "chain":
            return f"SELECT {self.columns} FROM {self.table} {_HIS_CHAINS} ORDER BY {self.order}"  # noqa: S608 - ours
        where = _BY_USER if self.by == "user" else _BY_HOPPER
        return f"SELECT {self.columns} FROM {self.table} WHERE {where} ORDER BY {self.order}"  # noqa: S608 - ours


EXPORTED: tuple[Held, ...] = (
    Held(
        "users",
        "user",
        "user_id, email, zone, currency, plan, plan_until, trial_began_at, preferences, created_at, deletion_asked_at",
    ),
    Held(
        "sessions",
        "user",
        "device, user_agent, address, began_at, seen_at, authenticated_at, expires_at, ended_at, ended_why",
        "began_at",
    ),
    Held("api_tokens", "user", "token_id, name, scopes, created_at, expires_at, seen_at, ended_at", "created_at"),
    Held("one_time_tokens", "user", "purpose, address, made_at, expires_at, used_at", "made_at"),
    Held("totp", "user", "user_id, confirmed_at"),
    Held("recovery_codes", "user", "user_id, used_at", "used_at"),
    Held("billing_events", "user"),
    Held("hoppers", "user"),
    Held("assignments", "hopper", "hopper_id, granted_at"),
    Held("imports", "user"),
    Held("import_hoppers", "user"),
    Held("hopper_configs", "hopper"),
    Held("hopper_config_changes", "hopper"),
    Held("hopper_reads", "hopper"),
    Held("hopper_events", "user"),
    Held("positions", "hopper"),
    Held("open_orders", "hopper"),
    Held("trades", "hopper", order="hopper_id, at, trade_id"),
    Held("trade_comparisons", "hopper"),
    Held("webhook_hints", "hopper"),
    Held("trade_results", "hopper", order="hopper_id, at, trade_id"),
    Held("result_progress", "hopper"),
    Held("candles", "hopper", order="hopper_id, opened_at"),
    Held("backfills", "hopper"),
    Held("flow_candidates", "hopper", order="hopper_id, at"),
    Held("flows", "hopper", order="hopper_id, at"),
    Held("hopper_histories", "hopper"),
    Held("midnights", "hopper", order="hopper_id, at"),
    Held("balances", "hopper", order="hopper_id, at, asset"),
    Held("daily_statistics", "hopper", order="hopper_id, zone, date, version"),
    Held("statistics_progress", "hopper"),
    Held("targets", "user", order="hopper_id, asset"),
    Held("rule_sets", "user", order="created_at"),
    Held("rule_set_versions", "user", order="rule_set_id, version"),
    Held("rule_set_changes", "user", order="change_id"),
    Held("rule_states", "hopper"),
    Held("dashboards", "user", order="created_at"),
    Held("dashboard_versions", "user", order="dashboard_id, version"),
    Held(
        "share_links",
        "user",
        "title, hoppers, parts, days, currency, is_masked, shows_names, created_at, expires_at, revoked_at, views,"
        " viewed_at",
        "created_at",
    ),
    Held(
        "intents",
        "user",
        "intent_id, rule_set_id, version, epoch, hopper_id, is_shadow, decided_at, actions, progress, state",
        "decided_at",
    ),
    Held(
        "audit",
        "chain",
        "hopper_id, chain, number, at, kind, rule_set_id, version, intent_id, body, previous, hash",
        "hopper_id, number",
        frozenset({"body"}),  # our own words, of which hashes are made
    ),
    Held("calls", "user", order="begun_at"),
    Held("notices", "user"),
    Held("mails", "user", "address, template, facts, added_at, sent_at, given_up", "added_at"),
    Held("deliveries", "user"),
    Held("outgoing_webhooks", "user", "user_id, url, created_at, failing_since, off_at, tried_at, answer"),
    Held("outages", "user"),
)

NOT_EXPORTED: Mapping[str, str] = {
    "trade_packs": "rows of trade_results, which are exported, once more",
    "custody.tokens": "sealed tokens: the gateway's alone; `link` tells their state",
    "custody.hoppers": "the same hoppers as in `hoppers`, as the gateway knows them; the gateway's alone",
    "custody.link_requests": "a secret of a consent that is under way; the gateway's alone, gone in minutes",
    "link_states": "a hash of a secret of a consent that is under way, gone in minutes",
    "erasures": "holds only who is leaving, and goes itself",
    "audit_chains": "numbers of chains; they and what stands in them are in `audit`",
    "audit_people": "who did what stands in `rule_set_changes`",
}
"""Tables of which nothing is exported, and why."""

ERASED: tuple[str, ...] = ("candles", "trades", "flow_candidates", "balances", "intents", "audit_chains")
"""Tables by ``hopper_id`` that no reference ties to the user: their rows are erased by themselves."""

KEPT: Mapping[str, str] = {
    "calls": "the audit (R25): its hashes and amounts stay, under a pseudonym that leads to nobody",
    "erasures": "goes last, when nothing can come late any more",
}
"""Tables that outlive the user's row, and what becomes of what they hold of him."""


class OwnData:
    """Reads all that is exported of a user."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def copy(self, user: UserId, held: Held, write: Callable[[bytes], Coroutine[Any, Any, None]]) -> int:
        """Hand a table's rows to ``write`` as CSV with a head, piece by piece as they come; how many.

        Nothing is kept in memory, and no text is a formula for a spreadsheet. Raises Unavailable.
        """
        columns = await self._database.columns(held.query)
        cells = ", ".join(_cell(name, "" if name in held.verbatim else kind) for name, kind in columns)
        return await self._database.copy(f"SELECT {cells} FROM ({held.query}) held", user, write=write)  # noqa: S608 - ours


def _cell(name: str, kind: str) -> str:
    """A column as it is told: text with an apostrophe wherever a formula would begin."""
    column, pattern = f'"{name}"', _PATTERNS.get(kind)
    if pattern is None:
        return column
    quoted = pattern.replace("'", "''")
    return f"regexp_replace({column}::text, '{quoted}', '''', 'g') AS {column}"
