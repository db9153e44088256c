"""Copies in, SMTP dialogues out over many kept-open connections: each reader's own reply decides what became of the copy.

Until a mail's final dot has gone out nothing is handed over: a connection lost before that costs nothing, one lost after it
leaves that one copy uncertain. Where the server offers pipelining (RFC 2920) the next mail's commands go out right behind the
dot, so that a mail takes one round trip.
"""

import ssl
import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from time import monotonic

from django.conf import settings

from worker.delivery.message import Copy
from worker.delivery.senders.base import UNKEPT, Kind, Note, Outcome, describe_fault
from worker.delivery.senders.smtp_server import Server, read_server, read_words
from worker.delivery.senders.smtp_session import LostConnectionError, Session, judge
from worker.errors import TransientError

MAILS_A_CONNECTION = 4  # that are worth opening another one
IDLE_SECONDS = 20.0  # then a connection is closed: servers are told to wait five minutes (RFC 5321 4.5.3.2.7), many do not
NARROW_SECONDS = 60.0  # for so long no more connections are tried than a server that turned one away has taken
_NO_UTF8 = Outcome(Kind.REFUSED, detail="the address has letters beyond ASCII, which this server does not take (it offers no "
                                        "SMTPUTF8)")


def open_smtp(url: str) -> "SmtpSender":
    """Return the sender for an smtp:// or smtps:// address; raises BroadsheetError if it cannot be read."""
    return SmtpSender(read_server(url))


@dataclass(eq=False)
class _Batch:
    """The copies of one `send`, as its connections take them."""

    copies: Sequence[Copy]
    note: Note
    outcomes: list[Outcome | None] = field(init=False)
    left: int = field(init=False)
    done: threading.Event = field(default_factory=threading.Event)
    is_stopped: bool = False  # the next hop refuses us: no other copy is begun
    error: BaseException | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self.outcomes, self.left = [None] * len(self.copies), len(self.copies)

    def is_over(self) -> bool:
        return self.is_stopped or self.error is not None or self.note.is_over()

    def close(self, place: int, outcome: Outcome | None) -> None:
        """Take down a copy's outcome; None: it was not begun."""
        if outcome:
            self.outcomes[place] = outcome
            self.note.end([place], outcome)
            self.is_stopped |= outcome.kind is Kind.POLICY
        with self.lock:
            self.left -= 1
            if not self.left:
                self.done.set()


_Job = tuple[_Batch, int]  # a copy of a batch, by its place


@dataclass(eq=False)
class _Mail:
    """A copy that one connection has taken."""

    batch: _Batch
    place: int
    data: bytes = b""
    commands: list[bytes] = field(default_factory=list)
    is_proposed: bool = False  # its commands have gone out
    is_begun: bool = False
    is_out: bool = False  # its final dot has gone out


class SmtpSender:
    """Hands copies to one server over up to `server.connections` connections, each in a thread of its own."""

    name = "smtp"
    batch_size = 500
    calls_at_once = 2  # so that no connection waits while the ledger is written
    one_letter = False

    def __init__(self, server: Server) -> None:
        self.server = server
        self.lost_together = server.connections
        self._seconds = min(30.0, max(5.0, settings.DELIVERY_LEASE_SECONDS / 3))
        self._context = ssl.create_default_context()
        self._jobs: deque[_Job] = deque()
        self._change = threading.Condition()  # of what follows, and of the jobs
        self._threads: set[threading.Thread] = set()
        self._waiting = 0  # threads that have nothing to do
        self._is_closing = False
        self._can_pipeline = True
        self._most, self._narrow_until = server.connections, 0.0

    def send(self, copies: Sequence[Copy], note: Note = UNKEPT) -> list[Outcome]:
        """Hand over the copies; raises TransientError or SenderRefusedError if the server cannot be reached or used."""
        batch = _Batch(copies, note)
        try:
            with self._change:
                self._jobs.extend((batch, place) for place in range(len(copies)))
                self._engage(len(copies))
                self._change.notify_all()
            if copies:
                batch.done.wait()
        except BaseException:  # the work is being ended in the middle of the call
            self._break_off(batch)
            raise
        if batch.error and not any(batch.outcomes):
            note.end(range(len(copies)), Outcome(Kind.UNSENT, detail=describe_fault(batch.error)))  # begun ones broke off early
            raise batch.error
        return [outcome or Outcome(Kind.UNSENT) for outcome in batch.outcomes]

    def check(self) -> str:
        """Sign in and out again; say how. Raises BroadsheetError."""
        session = Session(self.server, self._seconds, self._context)
        trouble = session.ask()
        safe = "encrypted" if session.is_encrypted else "not encrypted"
        session.close(politely=not trouble)
        if trouble:
            raise TransientError(f"{self.server}: answers NOOP with {trouble}")
        return f"{self.server} takes mail, {safe}" + (f", signed in as {self.server.user}" if self.server.user else "")

    def close(self) -> None:
        """End the sessions politely."""
        with self._change:
            self._is_closing = True
            self._change.notify_all()
            threads = list(self._threads)
        for thread in threads:
            thread.join(self._seconds)

    def _break_off(self, batch: _Batch) -> None:
        """Begin nothing more of a batch, and wait for what is under way."""
        batch.is_stopped = True
        with self._change:
            left = [place for owner, place in self._jobs if owner is batch]
            self._jobs = deque(job for job in self._jobs if job[0] is not batch)
        for place in left:
            batch.close(place, None)
        batch.done.wait(self._seconds)

    def _engage(self, wanted: int) -> None:
        """Start threads for so many jobs, within what the server takes."""
        self._is_closing = False
        if monotonic() > self._narrow_until:
            self._most = self.server.connections
        wanted = -(-wanted // MAILS_A_CONNECTION)
        for _ in range(min(wanted - self._waiting, self._most - len(self._threads))):
            thread = threading.Thread(target=self._work, name="smtp", daemon=True)
            try:
                thread.start()  # it waits for the lock
            except RuntimeError as error:  # this machine gives us no more of them
                if self._threads:
                    return
                raise TransientError(f"{self.server}: no connection can be opened ({error})") from error
            self._threads.add(thread)

    # -- in each connection's thread ------------------------------------------------------------------------------
    def _work(self) -> None:
        session: Session | None = None
        try:
            while job := self._take(wait=True):
                try:
                    session = session or Session(self.server, self._seconds, self._context)
                except Exception as error:  # whatever it is, somebody waits for the job
                    self._turn_away(job, error)
                    return
                if not self._carry(session, job):
                    session.close(politely=False)
                    session = None
        finally:
            with self._change:
                self._threads.discard(threading.current_thread())
            if session:
                session.close(politely=True)

    def _take(self, *, wait: bool) -> _Job | None:
        """Return the next copy that may be begun; None if there is none, after a while with `wait`."""
        while True:
            with self._change:
                if wait:
                    self._waiting += 1
                    self._change.wait_for(lambda: self._jobs or self._is_closing, IDLE_SECONDS)
                    self._waiting -= 1
                if not self._jobs:
                    if wait:  # within the lock: who brings a job now must not count on this thread
                        self._threads.discard(threading.current_thread())
                    return None
                batch, place = self._jobs.popleft()
            if not batch.is_over():
                return batch, place
            batch.close(place, None)

    def _turn_away(self, job: _Job, error: Exception) -> None:
        """Leave the work to the connections that are open; where there is none, the job's batch has failed."""
        with self._change:
            self._threads.discard(threading.current_thread())
            self._most, self._narrow_until = max(1, len(self._threads)), monotonic() + NARROW_SECONDS
            is_last = not self._threads
            if not is_last:
                self._jobs.appendleft(job)
                self._change.notify()
                return
            failed, self._jobs = list(self._jobs), deque()
            self._narrow_until = 0.0
        for batch, place in [job, *failed]:
            batch.error = error
            batch.close(place, None)

    def _carry(self, session: Session, job: _Job) -> bool:
        """Carry a copy, and those that are proposed behind it; say whether the connection is of further use."""
        held: list[_Mail] = []  # taken, and their outcome is not known yet
        try:
            self._propose(session, job, held)
            while held:
                self._converse(session, held)
            return True
        except LostConnectionError as error:
            for mail in reversed(held):
                self._let_go(session, mail, str(error))
        except Exception as error:  # who gave the batch is told what happened
            for mail in held:
                mail.batch.error = error
                lost = Outcome(Kind.UNCERTAIN, detail=f"the connection ended in the middle: {describe_fault(error)}")
                mail.batch.close(mail.place, lost if mail.is_begun else None)
        return False

    def _propose(self, session: Session, job: _Job | None, held: list[_Mail], *, unwritten: bool = False) -> bytes:
        """Take up a copy, or the next one if this has no outcome yet, and say its commands; with `unwritten` return them instead,
        to be written behind another mail."""
        while job:
            batch, place = job
            copy = batch.copies[place]
            if copy.needs_utf8 and not session.takes_utf8:
                batch.close(place, _NO_UTF8)
                job = self._take(wait=False)
                continue
            mail = _Mail(batch, place)
            held.append(mail)
            mail.data = copy.message()
            mail.commands = session.list_commands(copy, len(mail.data))
            commands = b"".join(mail.commands) if self._can_pipeline and session.can_pipeline else b""
            mail.is_proposed = bool(commands)
            if commands and not unwritten:
                session.write(commands)
            return commands
        return b""

    def _converse(self, session: Session, held: list[_Mail]) -> None:
        """Bring the first of the held mails to its end, with the next one proposed by then if there is one."""
        mail = held[0]
        refusal = session.read_permission(mail.commands, written=mail.is_proposed)
        if refusal:
            session.is_used = True
            held.remove(mail)
            mail.batch.close(mail.place, refusal)
            if session.must_end:
                self._can_pipeline = False
                raise LostConnectionError("the server would take a mail for nobody")
            self._propose(session, self._take(wait=False), held)
            return
        mail.batch.note.begin([mail.place])
        mail.is_begun = True
        following = b""
        if self._can_pipeline and session.can_pipeline:
            following = self._propose(session, self._take(wait=False), held, unwritten=True)
        mail.is_out = session.write_mail(mail.data, following)
        if not mail.is_out:
            raise LostConnectionError("it broke off while the mail was written")
        session.is_used = True
        code, words = session.read_reply()
        outcome = Outcome(Kind.ACCEPTED, provider_id=read_words(words)) if code < 300 else judge(code, words)
        held.remove(mail)
        mail.batch.close(mail.place, outcome)
        if code == 421:  # RFC 5321 3.8: it closes
            raise LostConnectionError(outcome.detail)
        if not held:
            self._propose(session, self._take(wait=False), held)

    def _let_go(self, session: Session, mail: _Mail, words: str) -> None:
        """End a mail whose connection was lost: uncertain if all of it had gone out; else another connection carries it, or, if
        this one was new, it is put off, as a new one would fare no better."""
        if mail.is_out:
            lost = f"the connection ended after the mail was complete: {words}"
            mail.batch.close(mail.place, Outcome(Kind.UNCERTAIN, detail=lost))
        elif session.is_used:
            with self._change:
                self._jobs.appendleft((mail.batch, mail.place))
                self._change.notify()
        else:
            early = f"the connection ended before the mail was complete: {words}"
            mail.batch.close(mail.place, Outcome(Kind.DEFERRED, detail=early))
