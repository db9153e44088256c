"""A partner's content as an editor typed it in, a block of the draft out: labelled, and for readers who agreed to it only."""

from datetime import UTC

from django.utils import timezone

from worker import editorial
from worker.errors import BroadsheetError, NotFoundError
from worker.issues.revise import open_draft
from worker.issues.wording import clean_line, clean_url
from worker.storage.models import Editor, Issue, PartnerBlock, Terms

HEADLINE_LENGTH = 200
TEXT_LENGTH = 1_000
URL_LENGTH = 1_000


def add_block(
    issue_id: int, *, editor: Editor, revision: int, partner: str, headline: str, text: str, url: str
) -> PartnerBlock:
    """Put a partner's content into the draft, after the blocks it has.

    Raises ConflictError if the issue has moved on, BroadsheetError if the partner is not named in feeds.toml, a text is
    empty or too long, or the address is not one that a mail may link to.
    """
    words = _check_words(partner, headline, text, url)
    with open_draft(issue_id, editor, revision, "add partner block", follow=False) as (issue, detail):
        last = issue.partner_blocks.order_by("-position").values_list("position", flat=True).first()
        block = PartnerBlock.objects.create(issue=issue, made_by=editor, position=0 if last is None else last + 1, **words)
        detail.update(block=block.pk, after=words)
    return block


def edit_block(
    issue_id: int, *, editor: Editor, revision: int, block_id: int, partner: str, headline: str, text: str, url: str,
    seen: str = "",
) -> PartnerBlock:
    """Change a partner's content; `seen` is its mark as it was shown (`changes.partner_mark`). Raises what `add_block` does, and
    NotFoundError."""
    words = _check_words(partner, headline, text, url)
    with open_draft(issue_id, editor, revision, "edit partner block", follow=False, row=f"partner {block_id}",
                    seen=seen) as (issue, detail):
        block = _find_block(issue, block_id)
        detail.update(block=block.pk, before={name: getattr(block, name) for name in words}, after=words)
        for name, value in words.items():
            setattr(block, name, value)
        block.made_by = editor
        block.save()
    return block


def remove_block(issue_id: int, *, editor: Editor, revision: int, block_id: int, seen: str = "") -> Issue:
    """Take a partner's content out of the draft; the audit log keeps its words. Raises ConflictError, NotFoundError."""
    with open_draft(issue_id, editor, revision, "remove partner block", follow=False, row=f"partner {block_id}",
                    seen=seen) as (issue, detail):
        block = _find_block(issue, block_id)
        detail.update(block=block.pk, before={name: getattr(block, name) for name in ("partner", "headline", "text", "url")})
        block.delete()
    return issue


def list_partners() -> tuple[str, ...]:
    """Return whose content may be printed: who is named in feeds.toml, and in the wording in force beside the readers' box."""
    wording = Terms.in_force("partners", timezone.now().astimezone(UTC).date())
    return editorial.load().publisher.named_in(wording.wording) if wording else ()


def _find_block(issue: Issue, block_id: int) -> PartnerBlock:
    block = issue.partner_blocks.filter(pk=block_id).first()
    if block is None:
        raise NotFoundError(f"issue {issue.pk} has no partner block {block_id}")
    return block


def _check_words(partner: str, headline: str, text: str, url: str) -> dict[str, str]:
    agreed = list_partners()
    if partner not in agreed:
        raise BroadsheetError(f"{clean_line(partner)[:60]!r} is no partner whom readers agreed to hear of; choose one that "
                              f"feeds.toml and the wording in force both name ({', '.join(agreed) or 'none at present'})")
    words = {"headline": clean_line(headline), "text": clean_line(text)}
    for name, most in (("headline", HEADLINE_LENGTH), ("text", TEXT_LENGTH)):
        if not 1 <= len(words[name]) <= most:
            raise BroadsheetError(f"the partner's {name} has {len(words[name])} characters; write 1 to {most}")
    url = url.strip()
    if not url.startswith(("http://", "https://")) or not clean_url(url) or len(url) > URL_LENGTH:
        raise BroadsheetError("the partner's address is not one that a mail may link to; give one that begins with https://")
    return {"partner": partner, **words, "url": url}
