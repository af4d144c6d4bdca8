"""Every NATS subject. Tokens are lower case; what NATS would read as its own is escaped.

A ``World`` puts a prefix before them: a replay lives under ``replay.<run>.`` and no live service sees it.
"""

from dataclasses import dataclass

from cryptwire.domain.hopper import Exchange, HopperId, UserId
from cryptwire.domain.ticker import Pair

_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-_")


def _token(name: str) -> str:
    """``name`` as one token: lower case, every other character as ``=XX`` of its UTF-8 bytes; never empty."""
    if not name:
        return "="
    return "".join(
        char if char in _PLAIN else "".join(f"={byte:02X}" for byte in char.encode()) for char in name.lower()
    )


@dataclass(frozen=True, slots=True)
class World:
    """Subjects of the live system (no prefix) or of one replay (``replay.<run>.``)."""

    prefix: str = ""

    def ticker(self, pair: Pair) -> str:
        """``ticker.binance.usdt.btc``; order holds within a pair, not across pairs."""
        return f"{self.prefix}ticker.{_token(pair.exchange)}.{_token(pair.quote)}.{_token(pair.base)}"

    @property
    def all_tickers(self) -> str:
        return f"{self.prefix}ticker.>"

    def feed(self, exchange: Exchange) -> str:
        return f"{self.prefix}feed.{_token(exchange)}"

    @property
    def all_feeds(self) -> str:
        return f"{self.prefix}feed.*"

    def trade(self, exchange: Exchange, hopper: HopperId) -> str:
        return f"{self.prefix}trade.{_token(exchange)}.{_token(hopper)}"

    @property
    def all_trades(self) -> str:
        return f"{self.prefix}trade.>"

    def live(self, hopper: HopperId) -> str:
        return f"{self.prefix}portfolio.{_token(hopper)}.live"

    @property
    def all_live(self) -> str:
        return f"{self.prefix}portfolio.*.live"

    def closed(self, hopper: HopperId) -> str:
        return f"{self.prefix}portfolio.{_token(hopper)}.closed"

    @property
    def all_closed(self) -> str:
        return f"{self.prefix}portfolio.*.closed"

    def rewritten(self, hopper: HopperId) -> str:
        """Stored candles of a hopper have changed: who shows them reads them again. No payload."""
        return f"{self.prefix}portfolio.{_token(hopper)}.rewritten"

    @property
    def all_rewritten(self) -> str:
        return f"{self.prefix}portfolio.*.rewritten"

    def poll(self, hopper: HopperId) -> str:
        """``control.<hopper_id>.tracker.poll``: read its balance soon. The payload is the hopper's id."""
        return f"{self.prefix}control.{_token(hopper)}.tracker.poll"

    def figures(self, hopper: HopperId) -> str:
        """``figure.<hopper_id>``: its figures at each live message."""
        return f"{self.prefix}figure.{_token(hopper)}"

    def pair_figures(self, pair: Pair) -> str:
        return f"{self.prefix}figure.pair.{_token(pair.exchange)}.{_token(pair.quote)}.{_token(pair.base)}"

    @property
    def all_figures(self) -> str:
        """Of hoppers; a pair's have more tokens."""
        return f"{self.prefix}figure.*"

    @property
    def all_pair_figures(self) -> str:
        return f"{self.prefix}figure.pair.*.*.*"

    @property
    def want(self) -> str:
        """Request-reply: somebody wants figures for sixty seconds."""
        return f"{self.prefix}want.figure"

    def action(self, hopper: HopperId) -> str:
        """``action.<hopper_id>``: what the controller decided and did."""
        return f"{self.prefix}action.{_token(hopper)}"

    @property
    def all_actions(self) -> str:
        return f"{self.prefix}action.*"

    def control(self, hopper: HopperId, service: str, verb: str) -> str:
        """Request-reply with one Pro service of a hopper: ``control.<hopper_id>.controller.preview``."""
        return f"{self.prefix}control.{_token(hopper)}.{service}.{verb}"

    def all_control(self, service: str) -> str:
        return f"{self.prefix}control.*.{service}.*"

    @property
    def all_polls(self) -> str:
        return f"{self.prefix}control.*.tracker.poll"

    def candles(self, pair: Pair) -> str:
        """Request-reply with the streamer: an exchange's candles."""
        return f"{self.prefix}candles.{_token(pair.exchange)}.{_token(pair.quote)}.{_token(pair.base)}"

    def all_candles(self, exchange: Exchange) -> str:
        return f"{self.prefix}candles.{_token(exchange)}.>"


def account(user: UserId) -> str:
    """Something of a user's account has changed: read it again. No payload."""
    return f"account.{_token(user)}"


def notice(user: UserId) -> str:
    """A notice was added for a user: read them again. No payload."""
    return f"notice.{_token(user)}"


def imports(user: UserId) -> str:
    """How a user's import comes along."""
    return f"import.{_token(user)}"


ALL_ACCOUNTS = "account.*"
ALL_NOTICES = "notice.*"
ALL_IMPORTS = "import.*"

LIVE = World()


def replay_world(run: str) -> World:
    """The subjects of one replay."""
    return World(f"replay.{_token(run)}.")


_MAY: dict[str, tuple[list[str], list[str]]] = {
    # service: (publishes, subscribes to)
    "streamer": (["ticker.>", "feed.*"], ["candles.>"]),
    "tracker": (
        ["portfolio.*.live", "portfolio.*.closed"],
        ["ticker.>", "feed.*", "trade.>", "control.*.tracker.poll"],
    ),
    "analyser": (
        ["figure.>", "candles.>"],
        [
            "portfolio.*.live",
            "portfolio.*.closed",
            "portfolio.*.rewritten",
            "ticker.>",
            "feed.*",
            "trade.>",
            "account.*",
            "want.figure",
            "control.*.analyser.*",
        ],
    ),
    "controller": (
        ["action.*", "want.figure", "notice.*", "control.*.tracker.poll", "control.*.analyser.*"],
        ["figure.>", "account.*", "control.*.controller.*"],
    ),
    "operator": (["control.>", "cluster.pods.*"], []),
    "webhook": (["trade.>"], []),
    "processor": (
        ["trade.>", "account.*", "notice.*", "import.*", "candles.>", "portfolio.*.rewritten"],
        ["portfolio.*.live", "account.*", "trade.>"],
    ),
    "datafeed": (
        ["candles.>"],
        [
            "portfolio.*.live",
            "portfolio.*.closed",
            "portfolio.*.rewritten",
            "trade.>",
            "account.*",
            "ticker.>",
            "feed.*",
        ],
    ),
    "api": (
        ["account.*", "notice.*", "import.*", "control.*.tracker.poll", "control.*.controller.*", "want.figure"],
        ["portfolio.*.live", "trade.>", "account.*", "notice.*", "import.*", "action.*", "figure.*"],
    ),
    "replay": (["replay.>"], ["replay.>"]),
}


def permissions(service: str) -> tuple[list[str], list[str]]:
    """What a service's NATS user may publish and subscribe to, its own inbox included.

    Whoever answers requests may publish to the asker's inbox once (NATS: ``allow_responses``).
    """
    publishes, subscribes = _MAY[service]
    return publishes, [*subscribes, f"_INBOX_{service}.>"]


SERVICES = tuple(_MAY)
"""The services with a NATS user of their own."""
