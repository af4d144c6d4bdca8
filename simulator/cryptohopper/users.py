"""Who somebody is, their devices and subscriptions; and the routes of the market place, where nothing is offered."""

import json
from collections.abc import Awaitable, Callable

from starlette.responses import Response

from simulator.clock import spoken
from simulator.cryptohopper.access import Answer, Call, Refusal, data
from simulator.cryptohopper.hoppers import plan_of
from simulator.cryptohopper.state import Kept
from simulator.worlds.demo import PLANS

NOTIFICATIONS = (
    "config_error", "on_first_start", "on_trigger", "on_panic_start", "on_panic_end", "order_placed", "trade_completed",
    "order_cancelled",
)  # fmt: skip
"""What a user may be told about, by push or by webhook."""

_PRICES = {"Pioneer": "0", "Explorer": "29", "Adventurer": "69", "Hero": "129"}
_TEXTS = ("name", "website", "region", "postal_code", "phone", "country", "city", "address1", "address2")


def profile(call: Call) -> dict[str, object]:
    """Who asks."""
    known = call.world.users[call.grant.user]
    return {
        "id": known.id,
        "name": known.full_name,
        "username": known.name,
        "email": f"{known.name}@example.com",
        "website": "",
        "region": "",
        "postal_code": "",
        "phone": "",
        "country": "NL",
        "city": "",
        "address1": "",
        "address2": "",
        "enabled_2fa": False,
        "is_trial_user": "0",
    }


def saying(value: object) -> Answer:
    """A route that says the same to everybody."""

    async def answer(call: Call) -> Response:
        return data(value)

    return answer


def of_profile(name: str) -> Answer:
    """A route that tells one field of who asks."""

    async def answer(call: Call) -> Response:
        return data(profile(call)[name])

    return answer


class Users:
    """Profiles and settings that users may change; these outlive a restart."""

    def __init__(self, kept: Kept) -> None:
        self._kept = kept

    async def profile(self, call: Call) -> Response:
        return data(self._profile(call))

    async def change(self, call: Call) -> Response:
        """Texts of the profile. Refuses with 400 what is none of them."""
        body = await call.body()
        if not body or set(body) - set(_TEXTS) or not all(isinstance(value, str) for value in body.values()):
            raise Refusal(400, f"Texts among {', '.join(_TEXTS)}")
        self._keep(call, "profile", {**self._kept_of(call, "profile"), **body})
        return data("Profile updated")

    async def notifications(self, call: Call) -> Response:
        """Name to "0" or "1"."""
        return data({**dict.fromkeys(NOTIFICATIONS, "1"), **self._kept_of(call, "notifications")})

    async def change_notifications(self, call: Call) -> Response:
        settings = (await call.body()).get("settings")
        if not isinstance(settings, dict) or set(settings) - set(NOTIFICATIONS):
            raise Refusal(400, f"settings must be an object of {', '.join(NOTIFICATIONS)}")
        flags = {name: "1" if str(value).lower() in ("1", "true") else "0" for name, value in settings.items()}
        self._keep(call, "notifications", {**self._kept_of(call, "notifications"), **flags})
        return data("Settings saved")

    def _profile(self, call: Call) -> dict[str, object]:
        return {**profile(call), **self._kept_of(call, "profile")}

    def _kept_of(self, call: Call, what: str) -> dict[str, object]:
        found: dict[str, object] = json.loads(self._kept.fact(f"{what} {call.grant.user}", "{}"))
        return found

    def _keep(self, call: Call, what: str, value: dict[str, object]) -> None:
        self._kept.set_fact(f"{what} {call.grant.user}", json.dumps(value))


async def metadata(call: Call) -> Response:
    return data({"language": "en", "currency": "USD", "timezone": "UTC", "created": spoken(call.world.began_at)})


async def devices(call: Call) -> Response:
    """The one device that asks."""
    began = spoken(call.world.began_at)
    return data(
        [
            {
                "id": int(call.grant.user) * 10,
                "name": call.grant.client,
                "location": "",
                "ipAddress": "192.0.2.7",
                "platform": "api",
                "state": 1,
                "deviceId": "0",
                "lastActivity": spoken(call.now),
                "createdAt": began,
                "deletedAt": None,
                "expiration": spoken(call.grant.expires_at),
                "revokedAt": None,
            }
        ]
    )


def subscriptions_of(call: Call) -> list[dict[str, object]]:
    """One subscription for each hopper of who asks."""
    numbers = {name: number for number, name in enumerate(PLANS, 1)}
    return [
        {"plan_id": str(numbers[trader.hopper.plan_name]), **plan_of(call, trader.hopper)}
        for trader in call.world.of(call.grant.user)
    ]


async def subscriptions(call: Call) -> Response:
    return data(subscriptions_of(call))


async def subscription(call: Call) -> Response:
    for each in subscriptions_of(call):
        if each["subscription_id"] == call.request.path_params["number"]:
            return data(each)
    raise Refusal(404, "Subscription not found")


def plans_of(call: Call) -> list[dict[str, object]]:
    """What can be subscribed to; ``subscribed`` is how many hoppers of who asks are."""
    mine = [trader.hopper.plan_name for trader in call.world.of(call.grant.user)]
    return [
        {
            "plan_id": str(number),
            "name": name,
            "description": f"{name}: values refreshed every {seconds} s",
            "price_month": _PRICES[name],
            "price_year": str(int(_PRICES[name]) * 10),
            "subscribed": mine.count(name),
        }
        for number, (name, seconds) in enumerate(PLANS.items(), 1)
    ]


async def plans(call: Call) -> Response:
    return data(plans_of(call))


async def plan(call: Call) -> Response:
    for each in plans_of(call):
        if each["plan_id"] == call.request.path_params["number"]:
            return data(each)
    raise Refusal(404, "Plan not found")


def missing(what: str) -> Callable[[Call], Awaitable[Response]]:
    """A route to single things of which there is none."""

    async def answer(call: Call) -> Response:
        raise Refusal(404, f"{what} not found")

    return answer
