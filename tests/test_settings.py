"""What the settings make of what they are given, as the parts that use them see it."""

import socket
from pathlib import Path
from typing import Any

import psycopg
import pytest

from worker.settings import read_database


@pytest.mark.parametrize(("query", "unanswered"), [("", 15_000), ("?tcp_user_timeout=4000", 4000)])
def test_a_postgresql_that_is_cut_off_is_given_up_before_readers_are(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, query: str, unanswered: int
) -> None:
    """Asked of the socket itself; DATABASE_URL may say otherwise."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        monkeypatch.setenv("DATABASE_URL", f"postgres://someone:secret@127.0.0.1:{port}/paper{query}")
        options: dict[str, Any] = read_database(tmp_path)["OPTIONS"]  # type: ignore[assignment]
        asked = psycopg.conninfo.make_conninfo(f"host=127.0.0.1 port={port}", **options)
        connection = psycopg.pq.PGconn.connect_start(asked.encode())
        with socket.fromfd(connection.socket, socket.AF_INET, socket.SOCK_STREAM) as used:
            assert used.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == unanswered
            assert used.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
            assert used.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == 30
            assert used.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL) == 5
            assert used.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT) == 3
        connection.finish()
