"""The bytes of a feed document from outside in, a Document out, within limits of time and memory that always hold.

Reading happens in a process of its own, because nothing else can be stopped for certain: a regular expression or an
XML parser at work on a hostile document holds Python's lock, so neither a thread nor a signal handler gets a turn. The
process arms the system's own timer before each document, whose signal ends it wherever it is. It is kept for the next
document, so that one costs a turn over a pipe and not the start of an interpreter, and it ends by itself when it is
idle or its parent is gone. It works from any thread, and under Celery, whose worker processes may not have children of
multiprocessing's kind.
"""

import atexit
import contextlib
import json
import os
import resource
import select
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import IO, Any

from worker.feeds.document import Document, Entry, Offer, ParseError, document_from_json, document_to_json

__all__ = ["Document", "Entry", "Offer", "ParseError", "parse_document", "parse_page"]

CPU_SECONDS = 10.0  # of processor time for one document; the slowest honest one seen takes 0.1
WALL_SECONDS = 60.0
MEMORY_BYTES = 1_000_000_000  # of address space
IDLE_SECONDS = 20.0
PROCESSES = max(1, min(4, os.cpu_count() or 1))
_OUT_OF_MEMORY = 12  # exit status, ENOMEM's number
_LIMITS = {-signal.SIGPROF: "long", -signal.SIGALRM: "long",
           _OUT_OF_MEMORY: "much memory", -signal.SIGABRT: "much memory"}  # nh3 aborts when it gets no memory
_ROOT = Path(__file__).resolve().parents[2]


def parse_document(body: bytes, *, content_type: str, url: str, cpu_seconds: float = CPU_SECONDS,
                   wall_seconds: float = WALL_SECONDS) -> Document:
    """Read a feed document that was fetched from `url` with this Content-Type ("" if none).

    Relative links are resolved against `url`. Raises ParseError if the bytes are no feed, or if reading them takes more
    than `cpu_seconds` of processor time, `wall_seconds` or a gigabyte.
    """
    return document_from_json(_ask({"content_type": content_type, "url": url, "cpu_seconds": cpu_seconds,
                                    "wall_seconds": wall_seconds}, body)["document"])


def parse_page(body: bytes, *, content_type: str, url: str, wall_seconds: float = WALL_SECONDS) -> list[Offer]:
    """Return the feeds that a web page fetched from `url` names, in its order. Raises ParseError as `parse_document` does."""
    found = _ask({"content_type": content_type, "url": url, "cpu_seconds": min(CPU_SECONDS, wall_seconds),
                  "wall_seconds": wall_seconds, "page": True}, body)["offers"]
    return [Offer(*one) for one in found]


def _ask(order: dict[str, Any], body: bytes) -> dict[str, Any]:
    order["size"] = len(body)
    with _readers.slots:
        while True:
            reader, is_fresh = _readers.take()
            answer = reader.ask(order, body)
            if answer is not None:
                _readers.idle.append(reader)
                break
            status = reader.stop()
            if is_fresh or status in _LIMITS:
                raise ParseError(_explain_end(status))
            # It had waited too long and ended just as it was asked, or something else ended it: ask another.
    if "error" in answer:
        raise ParseError(answer["error"])
    return answer


def _explain_end(status: int) -> str:
    if status in _LIMITS:
        return f"took too {_LIMITS[status]} to read: given up"
    return f"could not be read (the reading process ended with status {status})"


class _Reader:
    """A process that reads documents, one after another."""

    def __init__(self) -> None:
        self.process = subprocess.Popen([sys.executable, "-m", "worker.feeds.parse"], cwd=_ROOT, stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)

    def ask(self, order: dict[str, Any], body: bytes) -> dict[str, Any] | None:
        """Return the process's answer, or None if it ended instead."""
        stdin, stdout = self.process.stdin, self.process.stdout
        assert stdin is not None
        assert stdout is not None
        try:
            stdin.write(json.dumps(order).encode() + b"\n")
            stdin.write(body)
            stdin.flush()
            line = stdout.readline()
        except OSError:  # a broken pipe
            return None
        except BaseException:  # Ctrl-C: the process may be in the middle of a document, so it is of no use any more
            self.process.kill()
            raise
        return json.loads(line) if line.endswith(b"\n") else None

    def stop(self) -> int:
        """Close the pipes and return the exit status."""
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe:
                with contextlib.suppress(OSError):
                    pipe.close()
        return self.process.wait()


class _Readers:
    """The reading processes of this process: as many as it has processors, started when they are needed."""

    def __init__(self) -> None:
        self.slots = threading.BoundedSemaphore(PROCESSES)
        self.idle: list[_Reader] = []  # append and pop are atomic

    def take(self) -> tuple[_Reader, bool]:
        """Return a reader that waits for work, and whether it was started for it."""
        while self.idle:
            with contextlib.suppress(IndexError):  # another thread was faster
                reader = self.idle.pop()
                if reader.process.poll() is None:
                    return reader, False
                reader.stop()
        return _Reader(), True

    def close(self) -> None:
        """End the readers that wait."""
        while self.idle:
            self.idle.pop().stop()


def _forget_readers() -> None:
    """After a fork the pipes are the parent's: two writers on one of them would mix their documents."""
    global _readers
    _readers = _Readers()


_readers = _Readers()
os.register_at_fork(after_in_child=_forget_readers)


@atexit.register
def close_readers() -> None:
    """End the reading processes that wait for work; the next document starts a new one."""
    _readers.close()


def serve(orders: IO[bytes], answers: IO[bytes]) -> None:
    """Read documents from `orders` and write each one's answer as a line, until there is nothing to do."""
    from worker.feeds.page import read_offers
    from worker.feeds.read import read_document

    # The parent sends nothing before it has its answer, so there is never an order left in the buffer.
    while select.select([orders], [], [], IDLE_SECONDS)[0] and (line := orders.readline()):
        order = json.loads(line)
        body = orders.read(order["size"])
        if len(body) < order["size"]:
            return
        signal.setitimer(signal.ITIMER_PROF, order["cpu_seconds"])
        signal.setitimer(signal.ITIMER_REAL, order["wall_seconds"])
        try:
            answer: dict[str, Any] = {}
            if order.get("page"):
                answer["offers"] = read_offers(body, order["content_type"], order["url"])
            else:
                answer["document"] = document_to_json(read_document(body, order["content_type"], order["url"]))
        except ParseError as error:
            answer = {"error": str(error)}
        except MemoryError:
            os._exit(_OUT_OF_MEMORY)
        except Exception as error:  # whatever a library makes of hostile bytes is the document's fault
            answer = {"error": f"cannot be read ({type(error).__name__}: {' '.join(str(error).split())[:150]})"}
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.setitimer(signal.ITIMER_REAL, 0)
        answers.write(json.dumps(answer).encode() + b"\n")
        answers.flush()


def main() -> None:
    """Run as the reading process."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)  # for the parent, which may finish its work; this ends with its pipe
    for number in (signal.SIGPROF, signal.SIGALRM):
        signal.signal(number, signal.SIG_DFL)  # the system ends the process, no Python code is asked
    with contextlib.suppress(ValueError, OSError):  # a lower limit stands already, or the system has none
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    serve(sys.stdin.buffer, sys.stdout.buffer)


if __name__ == "__main__":
    main()
