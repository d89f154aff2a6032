"""A PostgreSQL server for the tests: started by them, as an ordinary user, and gone when they are over."""

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from sqlalchemy import text

from serving.db.migrate import migrate
from serving.db.session import Database


def _binaries() -> str | None:
    """Where Debian or the PATH keeps `initdb`."""
    found = shutil.which("initdb")
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    newest = debian[-1] if debian else None
    return str(newest.parent) if newest is not None else found and str(Path(found).parent)


BINARIES = _binaries()
MISSING = "no PostgreSQL server on this machine; on Debian, as root: apt-get install postgresql"


def administer(folder: Path, command: str, *arguments: str) -> None:
    """Run one of the server's commands; it refuses to work as root."""
    assert BINARIES is not None, MISSING
    words = (f"{BINARIES}/{command}", *arguments)
    if os.geteuid() == 0:
        user = pwd.getpwnam("nobody")
        os.chown(folder, user.pw_uid, user.pw_gid)
        words = ("setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups", *words)
    subprocess.run(words, check=True, stdout=subprocess.DEVNULL, cwd=folder)


def free_port() -> int:
    """A port that nobody listens on."""
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running_server() -> Iterator[str]:
    """The address of a server of its own."""
    with restartable_server() as (address, _):
        yield address


@contextmanager
def restartable_server() -> Iterator[tuple[str, Callable[[], None]]]:
    """The address of a server of its own, and how to restart it at once, as after a crash."""
    folder = Path(tempfile.mkdtemp(prefix="plans-postgresql-"))
    data = str(folder / "data")
    port = free_port()
    options = f"-p {port} -k {folder} -c listen_addresses=127.0.0.1 -c fsync=off"
    administer(folder, "initdb", "-D", data, "-A", "trust", "-U", "plans")
    administer(folder, "pg_ctl", "-D", data, "-o", options, "-l", str(folder / "log"), "-w", "start")

    def restart() -> None:
        administer(
            folder, "pg_ctl", "-D", data, "-o", options, "-l", str(folder / "log"), "-m", "immediate", "-w", "restart"
        )

    try:
        yield f"postgresql://plans@127.0.0.1:{port}/postgres", restart
    finally:
        administer(folder, "pg_ctl", "-D", data, "-m", "immediate", "stop")
        shutil.rmtree(folder, ignore_errors=True)


def emptied(address: str) -> str:
    """The same server with nothing but the tables that the code expects."""
    database = Database(address)
    database.changing_schema(lambda connection: connection.execute(text("DROP SCHEMA public CASCADE")))
    database.changing_schema(lambda connection: connection.execute(text("CREATE SCHEMA public")))
    migrate(database)
    database.close()
    return address
