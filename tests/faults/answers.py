"""Mail servers that answer at random: not now, never, too late, or what makes no sense."""

from collections.abc import Iterator

from tests.faults.moods import Mood
from tests.faults.stage import Result
from tests.faults.suite import Suite, fault

CALL = 1000  # readers


@fault("smtp-answers", "SMTP answers at random: 451, 421, 450, 452 after the dot, 550, slow ones")
def answer_smtp_at_random(suite: Suite, kind: str) -> Iterator[tuple[str, Result]]:
    """Refusals for good stay below the share at which an issue is held. All answers arrive: nothing may be uncertain."""
    readers, share = (500, 0.02) if suite.short else (5000, 0.02)
    moods = [
        Mood("mail", "451 4.3.0 not now", share), Mood("rcpt", "450 4.2.1 too many mails at the moment", share),
        Mood("rcpt", "550 5.2.1 this mailbox takes no mail", share), Mood("data", "451 4.3.0 not now", share),
        Mood("mail", "421 4.3.2 closing", share / 2), Mood("dot", "452 4.3.1 no room", share),
        Mood("dot", "554 5.6.0 not like this", share), Mood("dot", "421 4.3.2 closing", share / 2),
        Mood("dot", "wait 0.5", 0.002),
    ]
    with suite.stage(kind, lease=20) as stage:
        stage.serve_smtp(moods)
        send = stage.send(readers)
        send.short_waits = True
        send.crew()
        result = send.end(0, seconds=180, after=send.hop.stop, refuses=True)
        result.hits = f"{sum(send.hop.kept.values())} odd answers, {result.account.states.get('failed', 0)} refused"
        yield "SMTP answers at random", result


@fault("sendgrid-answers", "SendGrid answers at random: 429, 500, 503, nothing, nonsense, slow ones")
def answer_sendgrid_at_random(suite: Suite, kind: str) -> Iterator[tuple[str, Result]]:
    """What was answered with 5xx, nonsense or nothing may have been taken or not: that, and no more, may be uncertain."""
    readers, lost = (3000, {2: "cut"}) if suite.short else (50_000, _choose(suite, kind))
    moods = [Mood("call", deed, when=(number,)) for number, deed in lost.items()]
    moods += [Mood("call", "429", 0.5 if suite.short else 0.15, most=2 if suite.short else 8), Mood("call", "wait 0.7", 0.1)]
    with suite.stage(kind, lease=20) as stage:
        stage.serve_sendgrid(moods)
        send = stage.send(readers)
        send.crew()
        result = send.end(len(lost) * CALL, seconds=240, after=send.hop.stop)
        result.hits = ", ".join(f"{times} {what.removeprefix('call: ')}" for what, times in send.hop.kept.items())
        yield "SendGrid answers at random", result


def _choose(suite: Suite, kind: str) -> dict[int, str]:
    """Return at which calls the answer is lost, and how: two in a row, as after each the sender leaves SendGrid alone for half a
    minute, and so far apart that the breaker does not hold the issue."""
    deeds = suite.random("sendgrid-answers", kind).sample(["500", "cut", "503", "lose", "garbage", "odd"], 6)
    places = (14, 15, 29, 30, 44, 45) if kind == "SQLite" else (14, 15)
    return dict(zip(places, deeds, strict=False))
