"""The parts of a mail, its subject and its foot, with one fault each."""

from dataclasses import replace
from typing import Any

import pytest

from tests.press.preflight.findings import find
from worker.issues import edit
from worker.press.blocks import begin_block
from worker.press.preflight import Finding
from worker.press.proof import UNSUBSCRIBE_MARK
from worker.press.render import render_proof
from worker.storage.models import Editor, Issue

ONLY = begin_block("partners")



@pytest.mark.parametrize(("check", "change", "words"), [
    ("subject", lambda p: replace(p, subject=""), "empty"),
    ("subject", lambda p: replace(p, subject="a\nBcc: b"), "control character"),
    ("size", lambda p: replace(p, html=p.html + " " * 90_000), "would cut it off"),
    ("plain text", lambda p: replace(p, text=""), "no plain-text part"),
    ("plain text", lambda p: replace(p, text=p.text.replace("The second", "")), "leaves out “The second”"),
    ("unsubscribe and preferences", lambda p: replace(p, html=p.html.replace(UNSUBSCRIBE_MARK, "")),
     "unsubscribe link 0 times"),
    ("unsubscribe and preferences", lambda p: replace(p, text=p.text + UNSUBSCRIBE_MARK), "unsubscribe link 2 times"),
    ("postal address", lambda p: replace(p, text=p.text.replace("Example Street", "")), "missing from the mail"),
    ("placeholders", lambda p: replace(p, text=p.text + "{{ name }}"), "came out with {{"),
    ("html", lambda p: replace(p, html=p.html.replace("</body>", "<script>x</script></body>")), "<script>"),
    ("html", lambda p: replace(p, html=p.html.replace("</body>", "<img src='https://x.example/'></body>")), "<img>"),
    ("html", lambda p: replace(p, html=p.html.replace("</body>", f"{ONLY}</body>\ue012")), "</html> closes nothing"),
    ("blocks", lambda p: replace(p, html=p.html + ONLY), "begins and does not end"),
    ("blocks", lambda p: replace(p, text=p.text + "\ue012"), "ends that did not begin"),
    ("blocks", lambda p: replace(p, text=p.text + f"{ONLY}x\ue012"), "differ in what only some readers get (partners)"),
    ("unsubscribe and preferences", lambda p: replace(p, text=p.text.replace(UNSUBSCRIBE_MARK, f"{ONLY}{UNSUBSCRIBE_MARK}\ue012")),
     "unsubscribe link 0 times"),
    ("postal address", lambda p: replace(p, text=p.text.replace("1 Example", f"{ONLY}1\ue012 Example")), "missing from the mail"),
    ("size", lambda p: replace(p, html=p.html.replace("</body>", "<a href=\"https://x.example/\">x</a>" * 700 + "</body>")),
     "would cut it off"),  # 24 KB of links, but through the counter 90
])
def test_a_fault_in_the_proof_blocks_approval(issue: Issue, check: str, change: Any, words: str) -> None:
    found = find(issue, check, change(render_proof(issue)))

    assert (found.ok, found.blocking) == (False, True)
    assert words in found.message


def test_a_long_subject_is_a_warning(issue: Issue, editor: Editor) -> None:
    edit.retitle(issue.pk, editor=editor, revision=1, subject="x" * 79, preheader="")
    issue.refresh_from_db()

    assert find(issue, "subject length") == Finding(
        "subject length", False, False, "the subject has 79 characters and will be cut short",
        "Cut it to 78 at most, the telling words first.", "subject")


@pytest.mark.parametrize(("sender", "blocking"), [
    ("maildir:/tmp/outbox", False), ("smtp://relay.example:25", True), ("sendgrid:", True),
])
def test_without_a_postal_address_only_the_local_sender_may_go(
    issue: Issue, settings: Any, sender: str, blocking: bool
) -> None:
    settings.POSTAL_ADDRESS, settings.SENDER_URL = "", sender

    found = find(issue, "postal address")

    assert (found.ok, found.blocking) == (False, blocking)
    assert "POSTAL_ADDRESS is empty" in found.message
