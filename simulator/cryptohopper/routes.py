"""Every route of ``/v1``, and the scope it takes."""

from collections.abc import Awaitable, Callable, Iterable

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Match, Route

from simulator.cryptohopper import exchanges, hoppers, orders, output, positions, stats, trades, users
from simulator.cryptohopper.access import Access, Answer, Entry, json
from simulator.cryptohopper.actions import Actions
from simulator.cryptohopper.buckets import Bucket
from simulator.cryptohopper.commands import Commands
from simulator.cryptohopper.configuration import Configuration
from simulator.cryptohopper.dialect_b import DialectB, Registry
from simulator.cryptohopper.exchanges import Exchanges
from simulator.cryptohopper.state import Kept
from simulator.cryptohopper.users import Users
from simulator.market.klines import Bars
from simulator.settings import Settings

_METHODS = ["GET", "POST", "PATCH", "PUT", "DELETE"]


def entries(settings: Settings, kept: Kept, commands: Commands, bars: Bars, registry: Registry) -> list[Entry]:
    """Both dialects; of two that fit a path the first one counts, so fixed paths come before those with ids in them."""
    configuration, actions, market = Configuration(commands, kept), Actions(commands), Exchanges(bars)
    newer = DialectB(commands, configuration, actions, market, registry).routes()
    return [
        *newer,
        *_of_hopper(settings, commands, configuration),
        *actions.routes(),
        Entry("POST", "/hopper", "manage", actions.create),
        *(Entry("GET", f"/exchange{path}", "read", answer) for path, answer in exchanges.routes(market).items()),
        *_of_user(Users(kept)),
        *_of_market(actions),
    ]


def routes(access: Access, listed: Iterable[Entry]) -> list[BaseRoute]:
    """Routes below ``/v1``; anything else there answers as the gateway in front of the real one does."""
    often_first = sorted(listed, key=lambda entry: not entry.path.startswith("/hopper/{id}/"))
    found = [
        Route(entry.path, access.admitting(entry.scope, entry.answer, entry.bucket), methods=[entry.method])
        for entry in often_first
    ]
    return [*found, Route("/{rest:path}", _otherwise(found), methods=_METHODS)]


def _of_hopper(settings: Settings, commands: Commands, configuration: Configuration) -> list[Entry]:
    of = "/hopper/{id}"
    reads: dict[str, Answer] = {
        "": hoppers.hopper,
        "/assets": hoppers.assets,
        "/position": positions.open_positions,
        "/config": configuration.read,
        "/reserved": positions.reserved,
        "/short": positions.shorts,
        "/order": orders.orders,
        "/subscription": hoppers.subscription,
        "/stats": stats.stats,
        "/stats/dashboard": stats.dashboard,
        "/mosttraded": stats.most_traded,
        "/output": output.output(commands),
        "/activity": hoppers.activity,
        "/ipwhitelist": hoppers.ipwhitelist,
        "/troubleshooter": hoppers.troubleshooter,
        "/config/pool": configuration.pools,
        "/config/pool/{pool}": configuration.pool,
        "/position/hold": positions.held,
        "/position/release": positions.to_release,
        "/position/sync": positions.unsynced,
        "/position/{position}": positions.position,
        "/order/{order}": orders.order,
        "/signal": hoppers.signals,
        "/signal/last": hoppers.last_signal,
        "/signal/{signal}": users.missing("Signal"),
    }
    bucket: Bucket = "order" if settings.trade_reads_are_orders else "normal"
    return [
        Entry("GET", "/hopper", "read", hoppers.hoppers),
        Entry("GET", f"{of}/trade", "read", trades.trades(settings.numbers_in_pages), bucket),
        Entry("GET", f"{of}/trade/{{trade}}", "read", trades.trade, bucket),
        *(Entry("GET", of + path, "read", answer) for path, answer in reads.items()),
        Entry("PATCH", f"{of}/config", "manage", configuration.change),
        Entry("PATCH", f"{of}/config/pool", "manage", configuration.add_pool),
        Entry("PATCH", f"{of}/config/pool/{{pool}}", "manage", configuration.change_pool),
        Entry("DELETE", f"{of}/config/pool/{{pool}}", "manage", configuration.remove_pool),
        *(
            Entry(verb, f"{of}/signal/{{signal}}", "trade", users.missing("Signal"))
            for verb in ("POST", "PATCH", "DELETE")
        ),
    ]


def _of_user(of: Users) -> list[Entry]:
    nothing, said = users.saying([]), users.saying
    reads: dict[str, Answer] = {
        "/user": of.profile,
        "/user/id": users.of_profile("id"),
        "/user/email": users.of_profile("email"),
        "/user/credits": said(0),
        "/user/usermetadata": users.metadata,
        "/user/notifications": nothing,
        "/user/purchases": nothing,
        "/user/transactions": nothing,
        "/user/mobilepushnotifications": of.notifications,
        "/user/validatetwofactor": said("Two-factor authentication is not enabled"),
        "/device/list": users.devices,
        "/device/check": said("Device authorized"),
        "/device/code": said("Code sent"),
        "/device/authorize": said("Device authorized"),
        "/device/{device}/revoke": said("Device revoked"),
        "/subscription": users.subscriptions,
        "/subscription/plans": users.plans,
        "/subscription/plans/{number}": users.plan,
        "/subscription/{number}": users.subscription,
    }
    return [
        *(Entry("GET", path, "read", answer) for path, answer in reads.items()),
        Entry("PATCH", "/user", "manage", of.change),
        Entry("POST", "/user/mobilepushnotifications", "manage", of.change_notifications),
        *(
            Entry("POST", f"/user/{what}", "manage", said(f"Check your mail to change your {name}"))
            for what, name in (("email", "address"), ("password", "password"), ("resetpassword", "password"))
        ),
        Entry("POST", "/subscription/assign", "manage", said("Subscription assigned")),
    ]


def _of_market(actions: Actions) -> list[Entry]:
    """The market place, where nothing is offered."""
    nothing = users.saying([])
    lists = ("/strategy", "/template", "/template/basic", "/template/market", "/market/templates", "/market/copybots")
    singles = {
        "/strategy/market/{number}": "Strategy", "/market/strategies/{number}": "Strategy",
        "/strategy/{number}": "Strategy", "/template/basic/{number}": "Template",
        "/template/market/{number}": "Template", "/template/{number}": "Template",
        "/market/signals/{number}": "Signal", "/market/signals/{number}/{part}": "Signal",
    }  # fmt: skip
    return [
        *(Entry("GET", path, "read", nothing) for path in lists),
        *(Entry("GET", path, "read", users.missing(what)) for path, what in singles.items()),
        Entry("POST", "/template/{number}/load/{id}", "manage", actions.saying("Template loaded")),
    ]


def _otherwise(known: Iterable[Route]) -> Callable[[Request], Awaitable[Response]]:
    async def answer(request: Request) -> Response:
        if any(route.matches(request.scope)[0] is Match.PARTIAL for route in known):
            return json({"status": 405, "code": 0, "error": 1, "message": "Method not allowed"}, 405)
        return json({"message": "Missing Authentication Token"}, 403)

    return answer
