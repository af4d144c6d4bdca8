"""Every route of ``/v1``, and the scope it takes."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from simulator.cryptohopper import hoppers, positions, trades
from simulator.cryptohopper.access import Access, Answer
from simulator.cryptohopper.commands import Commands

_READ: dict[str, Answer] = {
    "/hopper": hoppers.hoppers,
    "/hopper/{id}": hoppers.hopper,
    "/hopper/{id}/assets": hoppers.assets,
    "/hopper/{id}/config": hoppers.config,
    "/hopper/{id}/reserved": hoppers.reserved,
    "/hopper/{id}/short": hoppers.shorts,
    "/hopper/{id}/order": hoppers.orders,
    "/hopper/{id}/subscription": hoppers.subscription,
    "/hopper/{id}/position": positions.open_positions,
    "/hopper/{id}/position/hold": positions.held,
    "/hopper/{id}/position/{position}": positions.position,
    "/hopper/{id}/trade": trades.trades,
    "/hopper/{id}/trade/{trade}": trades.trade,
    "/user": hoppers.user,
}


def routes(access: Access, commands: Commands) -> list[BaseRoute]:
    """Routes below ``/v1``; anything else there answers as the gateway in front of the real one does."""
    return [
        *(Route(path, access.admitting("read", answer), methods=["GET"]) for path, answer in _READ.items()),
        *(
            Route(f"/hopper/{{id}}/{path}", access.admitting(scope, answer), methods=[method])
            for method, path, scope, answer in commands.answers()
        ),
        Route("/{rest:path}", _unknown, methods=["GET", "POST", "PATCH", "PUT", "DELETE"]),
    ]


async def _unknown(_: Request) -> Response:
    return JSONResponse({"message": "Missing Authentication Token"}, 403)
