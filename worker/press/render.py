"""An issue's rows in, its proof out; a letter's facts in, the letter out. The same rows give the same bytes."""

import json
import os
import tempfile
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from django.conf import settings

from worker import editorial
from worker.errors import BroadsheetError
from worker.issues.wording import clean_line
from worker.press.blocks import fold_proof, list_keys
from worker.press.content import IssueContent, read_content
from worker.press.lint import lint_html
from worker.press.mjml import compile_mjml
from worker.press.palette import DARK, LIGHT
from worker.press.plain import wrap_text
from worker.press.preflight import Finding, check_proof
from worker.press.proof import AGREE_MARK, MARKS, PREFERENCES_MARK, UNSUBSCRIBE_MARK, Letter, Proof, hash_proof
from worker.press.templates import fill_template
from worker.press.terms_notice import TermsNotice, word_subject
from worker.storage.models import Edition, Issue

__all__ = [
    "MARKS", "PREFERENCES_MARK", "UNSUBSCRIBE_MARK", "Letter", "Proof", "TermsNotice", "fill_values", "hash_proof",
    "read_bytes", "read_proof", "render_address", "render_confirm", "render_content", "render_moved", "render_proof",
    "render_terms_notice", "render_welcome", "write_proof",
]


def render_proof(issue: Issue) -> Proof:
    """Return the proof of `issue` as its rows, feeds.toml, settings and templates now stand.

    Raises BroadsheetError naming the template and the reason if one does not compile.
    """
    return render_content(read_content(issue))


def render_content(content: IssueContent) -> Proof:
    """Return the proof of what `read_content` gathered; touches no row."""
    html, text = _fill_both("issue", fill_values(content))
    return Proof(content.subject, html, text, hash_proof(content.subject, html, text))


def fill_values(content: IssueContent) -> dict[str, Any]:
    """Return the values that the issue's two templates may ask for."""
    return {"issue": content, "unsubscribe_url": UNSUBSCRIBE_MARK, "preferences_url": PREFERENCES_MARK,
            "newsletter_title": content.newsletter_title, "publisher": content.publisher,
            "postal_address": content.postal_address, "terms_url": content.terms_url, "light": LIGHT, "dark": DARK}


def read_proof(issue: Issue, check: Callable[[Issue, Proof], list[Finding]] = check_proof) -> tuple[Proof, list[Finding]]:
    """Return the edition's bytes and findings if the issue was approved, else the draft's as they are now, by `check`."""
    edition = Edition.objects.filter(issue=issue).first()
    if edition is None:
        proof = render_proof(issue)
        return proof, check(issue, proof)
    return (Proof(edition.subject, edition.html, edition.text, edition.sha256),
            [Finding(**finding) for finding in edition.preflight])


def read_bytes(issue: Issue) -> Proof:
    """Return the edition's bytes if the issue was approved, else the draft's as they are now, without checking them."""
    edition = Edition.objects.filter(issue=issue).first()
    return Proof(edition.subject, edition.html, edition.text, edition.sha256) if edition else render_proof(issue)


def render_confirm(newsletter_title: str, confirm_url: str) -> Letter:
    """Return the letter that asks a visitor to confirm; it holds nothing the visitor typed, and says 7 days."""
    return _render_letter("confirm", f"Please confirm: {newsletter_title}", newsletter_title, confirm_url=confirm_url)


def render_welcome(newsletter_title: str, *, preferences_url: str, unsubscribe_url: str, latest: Issue | None = None) -> Letter:
    """Return the letter that greets a reader who has confirmed, with the stories of the latest issue if there is one."""
    return _render_letter(
        "welcome", f"Welcome to {newsletter_title}", newsletter_title, preferences_url=preferences_url,
        unsubscribe_url=unsubscribe_url, archive_url=f"{settings.BASE_URL}/archive/",
        issue=read_content(latest) if latest else None)


def render_terms_notice(newsletter_title: str, notice: TermsNotice) -> Letter:
    """Return the letter about a published wording, in the words of its stage; the reader's own links are marks in it."""
    return _render_letter("terms_notice", word_subject(newsletter_title, notice), newsletter_title,
                          **notice.values(), unsubscribe_url=UNSUBSCRIBE_MARK, preferences_url=PREFERENCES_MARK,
                          agree_url=AGREE_MARK)


def render_address(newsletter_title: str, *, address_url: str, old: str) -> Letter:
    """Return the letter that asks a new address whether it is the reader's; `old` is the one of before, masked."""
    return _render_letter("address", f"Is this your new address for {clean_line(newsletter_title)}?", newsletter_title,
                          address_url=address_url, old=clean_line(old))


def render_moved(newsletter_title: str, *, new: str, contact: str) -> Letter:
    """Return the letter that tells an old address where mail goes now (`new`, masked) and who helps if that is wrong."""
    return _render_letter("moved", f"Your mail from {clean_line(newsletter_title)} goes to another address now", newsletter_title,
                          new=clean_line(new), contact=contact)


def _render_letter(name: str, subject: str, newsletter_title: str, **values: Any) -> Letter:
    known = {"light": LIGHT, "dark": DARK, "newsletter_title": clean_line(newsletter_title),
             "publisher": clean_line(editorial.load().publisher.name),
             "postal_address": clean_line(settings.POSTAL_ADDRESS), "terms_url": f"{settings.BASE_URL}/terms/",
             "privacy_url": f"{settings.BASE_URL}/privacy/"}
    html, text = _fill_both(name, {**known, **values})
    faults = lint_html(html) or [f"it holds what only some readers get ({key})" for key in list_keys(html + text)]
    if faults:
        raise BroadsheetError(f"templates/email/{name}.mjml may not be sent: {faults[0]}")
    return Letter(clean_line(subject), html, text)


def _fill_both(name: str, values: dict[str, Any]) -> tuple[str, str]:
    """Return a template's HTML and plain-text parts."""
    source = fill_template(f"email/{name}.mjml", values, escape=True)
    html = compile_mjml(source, name=f"email/{name}.mjml")
    return html, wrap_text(fill_template(f"email/{name}.txt", values, escape=False))


def write_proof(issue: Issue, directory: str | Path) -> list[Path]:
    """Write issue.html, issue.txt and preflight.json into `directory` (made if need be), each whole or not at all.

    All that any reader gets is in them. The marks of links stay, as links to an address that cannot exist. Raises
    BroadsheetError if the files cannot be written.
    """
    proof, findings = read_proof(issue)
    shown = fold_proof(proof)
    report = {"issue": issue.pk, "subject": proof.subject, "sha256": proof.sha256,
              "ready": not any(finding.blocking and not finding.ok for finding in findings),
              "findings": [asdict(finding) for finding in findings]}
    files = {"issue.html": shown.html, "issue.txt": shown.text,
             "preflight.json": json.dumps(report, indent=2, ensure_ascii=False) + "\n"}
    folder = Path(directory)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return [_write_whole(folder / name, text) for name, text in files.items()]
    except OSError as error:
        raise BroadsheetError(f"the proof cannot be written to {folder}: {error.strerror}; give a directory this user "
                              "may write to") from error


def _write_whole(path: Path, text: str) -> Path:
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
        Path(name).chmod(0o644)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    return path
