"""`cryptwire replay` on the servers that run, or on embedded ones for its own time."""

import sys
from pathlib import Path

from cryptwire.domain.hopper import Asset
from cryptwire.errors import Invalid
from cryptwire.storage.migrate import migrate
from devstack import place, servers
from replay.main import HEADER, Addresses, csv_line, replay
from replay.recorded import read_portfolio


async def replay_here(folder: Path, portfolio: Path, base: str, *, print_csv: bool) -> int:
    """Replay, and print the candles if asked; progress goes to standard error."""
    if not folder.is_dir():
        raise Invalid(f"{folder} is not a folder")
    read_portfolio(portfolio)  # a slip is told at once, not after servers were started for it
    running = place.running_servers()
    if running is not None:
        return await _replay(folder, portfolio, base, running, print_csv=print_csv)
    async with servers.running(place.data_folder()) as own:
        await migrate(own.postgres.url)
        addresses = Addresses(own.postgres.url, own.redis.url, own.nats.url("replay"))
        return await _replay(folder, portfolio, base, addresses, print_csv=print_csv)


async def _replay(folder: Path, portfolio: Path, base: str, addresses: Addresses, *, print_csv: bool) -> int:
    candles = await replay(folder, portfolio, Asset(base), addresses)
    if print_csv:
        print(HEADER)
        for candle in candles:
            print(csv_line(candle))
    else:
        print(f"{len(candles)} candles of {candles[0].hopper if candles else 'no hopper'}", file=sys.stderr)
    return 0
