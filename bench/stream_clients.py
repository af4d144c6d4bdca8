"""Charts that listen: ``python -m bench.stream_clients URL SESSION CHARTS SOCKETS SECONDS``.

Prints ``ready`` when every chart had a bar, then, after ``SECONDS``, one JSON object: the seconds that each later bar
took from the moment its portfolio was stamped, and how many sockets broke.
"""

import asyncio
import json
import sys
import time
from datetime import datetime

import aiohttp
import uvloop

_AT_ONCE = 50


class _Charts:
    def __init__(self, count: int) -> None:
        self._unseen = count
        self._seen: set[str] = set()
        self.all_seen = asyncio.Event()
        self.is_counting = False
        self.took: list[float] = []
        self.broken = 0

    async def listen(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        async for message in socket:
            now = time.time()
            body = json.loads(message.data)
            if body["type"] != "bar":
                continue
            if self.is_counting:
                self.took.append(now - datetime.fromisoformat(body["prices_at"]).timestamp())
            elif body["symbol"] not in self._seen:
                self._seen.add(body["symbol"])
                if len(self._seen) == self._unseen:
                    self.all_seen.set()
        self.broken += 1


async def _main(url: str, session: str, charts: int, sockets: int, seconds: float) -> None:
    all_charts, gate = _Charts(charts), asyncio.Semaphore(_AT_ONCE)
    headers = {"authorization": f"Bearer {session}"}
    async with aiohttp.ClientSession(headers=headers, connector=aiohttp.TCPConnector(limit=0)) as http:

        async def one(number: int) -> None:
            async with gate:
                socket = await http.ws_connect(url, max_msg_size=1_000_000)
                for chart in range(number, charts, sockets):
                    asked = {"action": "subscribe", "symbol": f"HOPPER:{chart}", "resolution": "15"}
                    await socket.send_json(asked)
            await all_charts.listen(socket)

        tasks = [asyncio.create_task(one(number)) for number in range(sockets)]
        await all_charts.all_seen.wait()
        print("ready", flush=True)
        await asyncio.sleep(2)
        all_charts.is_counting = True
        await asyncio.sleep(seconds - 2)
        all_charts.is_counting = False
        print(json.dumps({"took": all_charts.took, "broken": all_charts.broken}), flush=True)
        for task in tasks:
            task.cancel()


if __name__ == "__main__":
    _, _url, _session, _charts, _sockets, _seconds = sys.argv
    uvloop.run(_main(_url, _session, int(_charts), int(_sockets), float(_seconds)))
