"""A proof's subject in, whether it is one that mail programs show whole out."""

from collections.abc import Iterator

from worker.press.preflight.finding import Fault, Finding, judge
from worker.press.preflight.reading import Reading

SUBJECT_WARNING = 78  # characters; RFC 5322 section 2.1.1's line, and more than any list of mails shows
WHERE = "subject"


def check_subject(reading: Reading) -> Iterator[Finding]:
    """Yield whether there is one, and whether it is short enough."""
    subject = reading.proof.subject
    faults = [] if subject else [Fault("the subject is empty", "Write what the reader should see in the list of mails.", WHERE)]
    if any(ord(char) < 32 or ord(char) == 127 for char in subject):
        faults.append(Fault("the subject holds a control character", "Write it again.", WHERE))
    yield from judge("subject", faults, f"“{subject}”")
    length = len(subject)
    long = [Fault(f"the subject has {length} characters and will be cut short", f"Cut it to {SUBJECT_WARNING} at most, the telling "
                  "words first.", WHERE)] if length > SUBJECT_WARNING else []
    yield from judge("subject length", long, f"{length} characters", blocking=False)
