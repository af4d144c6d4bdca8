"""``/share/<token>``: the performance report for whoever has a link, of what the link shows."""

import asyncio
from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime, timedelta
from weakref import WeakValueDictionary

from starlette.requests import Request
from starlette.responses import HTMLResponse
from starlette.routing import Route

from api.handlers.exports.streaming import Door
from api.handlers.reports.figures import figures_of
from api.handlers.reports.markup import element
from api.handlers.reports.page import Shown, page_of, whole
from api.handlers.reports.style import STYLE, policy
from api.handlers.shares import Followed, Shares
from api.logic.accounts import address
from api.schema.analytics import Analytics
from api.schema.shared import SharedAnalytics
from cryptwire.clock import EPOCH
from cryptwire.domain.share import ShareId
from cryptwire.errors import Exhausted, NotFound, Unavailable
from cryptwire.log import Log
from cryptwire.metrics import Meters
from cryptwire.permissions import Needs

PATH = "/share/{token}"
NEEDS = Needs("view", "shared")
_GONE = "This link does not exist, or it has ended."
_LATER = "This cannot be shown at this moment. Load the page again a little later."
_BROKE = "Something went wrong here; it was noted."
_KEPT_FOR = timedelta(seconds=30)
_MOST_KEPT = 100
_log = Log(__name__)


class SharePage:
    """Needs no session and looks at no cookie.

    A page is made once in half a minute, however many look at it; whether the link still lives is asked each time.
    ``door``: how many are made at once, apart from users' own reports; ``time``: for one.
    """

    def __init__(self, shares: Shares, door: Door, meters: Meters, trusted_proxies: int, time: timedelta) -> None:
        self._shares = shares
        self._door = door
        self._meters = meters
        self._trusted_proxies = trusted_proxies
        self._time = time
        self._kept: OrderedDict[ShareId, _Page] = OrderedDict()
        self._making: WeakValueDictionary[ShareId, asyncio.Lock] = WeakValueDictionary()

    def route(self) -> Route:
        return Route(PATH, self.on_get, methods=["GET"])

    async def on_get(self, request: Request) -> HTMLResponse:
        """The page; 404 always the same, 429, 503 with the time to wait."""
        try:
            async with asyncio.timeout(self._time.total_seconds()):
                followed = await self._shares.follow(request.path_params["token"], self._address(request))
                page = await self._page(followed)
        except NotFound:
            return self._told("gone", 404, _GONE)
        except Exhausted as error:
            return self._told("exhausted", 429, _LATER, error.retry_after)
        except (Unavailable, TimeoutError) as error:
            _log.warning("what a link shows could not be told", reason=error)
            return self._told("unavailable", 503, _LATER, 10)
        except Exception as error:  # noqa: BLE001 - outermost edge: a stranger gets a page, the log the reason
            _log.error("what a link shows broke", exception=error)
            return self._told("broken", 500, _BROKE)
        return self._answer("given", 200, page)

    async def _page(self, followed: Followed) -> "_Page":
        link, now = followed.link.id, followed.scope.now
        lock = self._making.setdefault(link, asyncio.Lock())
        async with lock:
            page = self._kept.get(link)
            if page is None or now - page.made_at >= _KEPT_FOR:
                with self._door.room(followed.link.user):
                    page = self._kept[link] = await _made(followed)
                self._kept.move_to_end(link)
                while len(self._kept) > _MOST_KEPT:
                    self._kept.popitem(last=False)
        return page

    def _address(self, request: Request) -> str:
        forwarded = ",".join(request.headers.getlist("x-forwarded-for"))
        return address(request.client.host if request.client else None, forwarded, self._trusted_proxies)

    def _told(self, outcome: str, status: int, text: str, wait: float | None = None) -> HTMLResponse:
        told = whole("Shared figures", STYLE, element("h1", "Shared figures"), element("p", text))
        answer = self._answer(outcome, status, _Page(told, policy(STYLE), EPOCH))
        if wait is not None:
            answer.headers["retry-after"] = f"{max(1, wait):.0f}"
        return answer

    def _answer(self, outcome: str, status: int, page: "_Page") -> HTMLResponse:
        self._meters.count("api_shared_pages", "Pages of links", outcome=outcome)
        headers = {
            "cache-control": "no-store",
            "content-security-policy": page.policy,
            "referrer-policy": "no-referrer",
            "x-frame-options": "DENY",
            "x-robots-tag": "noindex, nofollow",
        }
        return HTMLResponse(page.html, status, headers)


@dataclass(frozen=True, slots=True)
class _Page:
    html: str
    policy: str
    made_at: datetime


async def _made(followed: Followed) -> _Page:
    scope, link = followed.scope, followed.link
    analytics = Analytics(scope=scope, reading=followed.reading)
    figures = await figures_of(SharedAnalytics(analytics=analytics, followed=followed))
    return _Page(*page_of(figures, scope, followed.person, Shown(link.share.title, link.expires_at)), scope.now)
