"""An editor's change and the revision it was made on in, the changed draft out, with an entry in the audit log."""


from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from worker import editorial
from worker.errors import BroadsheetError, ConflictError, NotFoundError
from worker.issues.changes import TITLES, check_seen
from worker.issues.choose import Choice
from worker.issues.digest import word_again
from worker.issues.draft import place_story
from worker.issues.evidence import read_evidence, trace_summary
from worker.issues.find import find_issue, find_later, find_placement, lock_issue
from worker.issues.places import seat
from worker.issues.revise import STATE_WORDS, open_draft, record
from worker.issues.wording import clean_line
from worker.storage.models import Edition, Editor, Issue, IssueState, Placement, Section, Story, StoryState, Waiver
from worker.stories.memory import find_survivor, recall

HEADLINE_LENGTH = 300
SUMMARY_LENGTH = 2_000
SUBJECT_LIMIT = 150
NOTE_LENGTH = 1_000
REASON_LEAST = 10  # characters of a waiver's reason: "ok" is none

def rewrite(
    issue_id: int, *, editor: Editor, revision: int, placement_id: int, headline: str, summary: str, seen: str = "",
    auto: bool = False,
) -> Issue:
    """Give a story the editor's headline and summary; a changed summary is held against the story's items at once.

    `seen` is the story's mark as the editor read it (`changes.placement_mark`); `auto`: it saves itself, and not what it saved
    already. Raises ConflictError if the story, or without a mark the issue, has moved on, BroadsheetError if the headline is
    empty or a text too long.
    """
    headline, summary = clean_line(headline), clean_line(summary)
    if not headline:
        raise BroadsheetError("the headline is empty; write one, or drop the story")
    _check_length("headline", headline, HEADLINE_LENGTH)
    _check_length("summary", summary, SUMMARY_LENGTH)
    if auto and _says(issue_id, placement_id, headline, summary):
        return find_issue(issue_id)
    with open_draft(issue_id, editor, revision, "rewrite", row=f"story {placement_id}", seen=seen, auto=auto) as (issue, detail):
        placement = find_placement(issue, placement_id)
        detail.update(placement=placement.pk, story=placement.story_id,
                      before={"headline": placement.headline, "summary": placement.summary},
                      after={"headline": headline, "summary": summary})
        if summary != clean_line(placement.summary):
            placement.summary, placement.sentences = summary, trace_summary(placement, summary)
        placement.headline, placement.edited_by = headline, editor
        placement.save()
    return issue


def move(issue_id: int, *, editor: Editor, revision: int, placement_id: int, to: int) -> Issue:
    """Move a story to place `to`, counted from 0 over the stories that are not dropped; beyond the end is the end.

    It goes around a pinned one; a pinned one that is moved itself keeps its new place.
    """
    with open_draft(issue_id, editor, revision, "move") as (issue, detail):
        placement = find_placement(issue, placement_id)
        if placement.dropped:
            raise BroadsheetError("this story is dropped; restore it before moving it")
        detail.update(placement=placement.pk, story=placement.story_id, to=seat(issue, placement, to))
    return issue


def drop(issue_id: int, *, editor: Editor, revision: int, placement_id: int, seen: str = "") -> Issue:
    """Take a story out of the issue; it keeps its place for `restore`. The stories after it move up a section."""
    return _set_dropped(issue_id, editor, revision, placement_id, seen, True)


def restore(issue_id: int, *, editor: Editor, revision: int, placement_id: int, seen: str = "") -> Issue:
    """Put a dropped story back where it was. Raises ConflictError if it has been merged into another one."""
    return _set_dropped(issue_id, editor, revision, placement_id, seen, False)


def _set_dropped(issue_id: int, editor: Editor, revision: int, placement_id: int, seen: str, dropped: bool) -> Issue:
    action, row = "drop" if dropped else "restore", f"story {placement_id}"
    with open_draft(issue_id, editor, revision, action, row=row, seen=seen) as (issue, detail):
        placement = find_placement(issue, placement_id)
        if not dropped and placement.story.state == StoryState.MERGED:
            raise ConflictError(f"this story was merged into story {placement.story.merged_into_id}; undo that on the "
                                "story's page, or pull that one in")
        placement.dropped = dropped
        placement.save(update_fields=["dropped"])
        detail.update(placement=placement.pk, story=placement.story_id, headline=placement.headline)
    return issue


def retitle(
    issue_id: int, *, editor: Editor, revision: int, subject: str, preheader: str, seen: str = "", auto: bool = False
) -> Issue:
    """Give the issue the editor's subject and preheader; from then on they no longer follow the first headlines.

    `seen` is the mark of both as the editor read them (`changes.titles_mark`); `auto` as in `rewrite`.
    """
    subject, preheader = clean_line(subject), clean_line(preheader)
    if not subject:
        raise BroadsheetError("the subject is empty; write what the reader should see in the list of mails")
    _check_length("subject", subject, SUBJECT_LIMIT)
    _check_length("preheader", preheader, SUBJECT_LIMIT)
    if auto and Issue.objects.filter(pk=issue_id, subject=subject, preheader=preheader).exists():
        return find_issue(issue_id)
    with open_draft(issue_id, editor, revision, "retitle", follow=False, row=TITLES, seen=seen, auto=auto) as (issue, detail):
        detail.update(before=[issue.subject, issue.preheader], after=[subject, preheader])
        issue.subject, issue.preheader = subject, preheader
    return issue


def reject(issue_id: int, *, editor: Editor, revision: int, note: str) -> Issue:
    """Reject the draft, with the reason in words; it is never sent, and its stories may stand in the next issue."""
    note = clean_line(note)
    _check_length("note", note, NOTE_LENGTH)
    with open_draft(issue_id, editor, revision, "reject", follow=False) as (issue, detail):
        issue.state, issue.note = IssueState.REJECTED, note
        detail.update(note=note)
    return issue


def reopen(issue_id: int, *, editor: Editor, revision: int) -> Issue:
    """Make a draft again of an issue that was held because its deadline passed, or rejected; the next deadline counts from now.

    Raises ConflictError if the issue is neither, was stopped on its way to readers, or was rejected and another one made since.
    """
    with transaction.atomic():
        issue = lock_issue(issue_id)
        check_seen(issue, revision)
        if issue.state not in (IssueState.HELD, IssueState.REJECTED) or issue.started_at is not None:
            state = "already partly sent" if issue.started_at else STATE_WORDS[IssueState(issue.state)]
            raise ConflictError(f"issue {issue.pk} is {state}; only a draft held at its deadline, or rejected, can be "
                                "opened again")
        if issue.state == IssueState.REJECTED and (later := find_later(issue)):
            raise ConflictError(f"issue {later.pk} ({later}) was made since this one was rejected, and may hold its stories; "
                                "reject that first")
        if Edition.objects.filter(issue=issue).exists():
            raise ConflictError(f"issue {issue.pk} was approved and missed its start: give it another hour, send it all the same, "
                                "or keep it approved and withdraw the approval")
        note, issue.note = issue.note, ""
        issue.state, issue.drafted_at, issue.revision = IssueState.DRAFT, timezone.now(), issue.revision + 1
        issue.save()
        record(editor, "reopen", issue, {"was": note})
    return issue


def waive(
    issue_id: int, *, editor: Editor, revision: int, placement_id: int, text: str, reason: str, seen: str = ""
) -> Waiver:
    """Let a headline or a sentence stand with claims that no source has, for a reason that is kept for good.

    The waiver covers exactly `text` with the doubts there are now. Raises BroadsheetError if the reason is too short or
    too long, ConflictError if the story does not say `text` any more or nothing in it is in doubt.
    """
    reason = clean_line(reason)
    if len(reason) < REASON_LEAST:
        raise BroadsheetError(f"say in {REASON_LEAST} characters or more why this may stand without a source")
    _check_length("reason", reason, NOTE_LENGTH)
    with open_draft(issue_id, editor, revision, "waive", row=f"story {placement_id}", seen=seen) as (issue, detail):
        placement = find_placement(issue, placement_id)
        found = next((one for one in read_evidence(placement) if one.sentence.text == text and one.blocks), None)
        if found is None:
            raise ConflictError("there is nothing to waive in these words as they stand now; read the story again")
        doubts = [{"kind": claim.kind, "text": claim.text} for claim in found.serious]
        waiver = Waiver.objects.create(placement=placement, text=text, doubts=doubts, reason=reason, made_by=editor)
        detail.update(placement=placement.pk, story=placement.story_id, text=text, doubts=doubts, reason=reason)
    return waiver


def unwaive(issue_id: int, *, editor: Editor, revision: int, placement_id: int, waiver_id: int, seen: str = "") -> Issue:
    """Take a waiver back: the words it covered need a source again. It is kept, as withdrawn. Raises NotFoundError."""
    with open_draft(issue_id, editor, revision, "unwaive", row=f"story {placement_id}", seen=seen) as (issue, detail):
        placement = find_placement(issue, placement_id)
        waiver = placement.waivers.filter(pk=waiver_id, withdrawn=None).first()
        if waiver is None:
            raise NotFoundError(f"this story has no waiver {waiver_id} in force")
        waiver.withdrawn = timezone.now()
        waiver.save(update_fields=["withdrawn"])
        detail.update(placement=placement.pk, story=placement.story_id, waiver=waiver.pk, text=waiver.text, reason=waiver.reason)
    return issue


def pull_in(issue_id: int, *, editor: Editor, revision: int, story_id: int) -> Issue:
    """Place a story that the draft leaves out, or dropped, last, with its present words and sources.

    A digest takes the words that its week's issues told, if one of them had the story. A merged story stands for the one it
    went to. Raises NotFoundError, ConflictError if it is placed already or has no summary yet.
    """
    with open_draft(issue_id, editor, revision, "pull in") as (issue, detail):
        story = _find_story(story_id)
        placement = issue.placements.filter(story=story).first() or Placement(issue=issue, story=story)
        if placement.pk and not placement.dropped:
            raise ConflictError(f"story {story.pk} stands in this issue already")
        last = issue.placements.order_by("-position").values_list("position", flat=True).first()
        placement.position, placement.dropped = (0 if last is None else last + 1), False
        words = _word(issue, story, (f"pulled in by {editor.email}",), as_told=True)
        _take_words(placement, words)
        placement.section, placement.reasons = Section.SHORT, words.reasons
        placement.save()
        detail.update(placement=placement.pk, story=story.pk, headline=placement.headline)
    return issue


def renew(issue_id: int, *, editor: Editor, revision: int, placement_id: int, seen: str = "") -> Issue:
    """Give a placed story the headline, summary and sources that the machine has for it now; an editor's words go."""
    with open_draft(issue_id, editor, revision, "renew", row=f"story {placement_id}", seen=seen) as (issue, detail):
        placement = find_placement(issue, placement_id)
        detail.update(placement=placement.pk, story=placement.story_id,
                      before={"headline": placement.headline, "summary": placement.summary})
        _take_words(placement, _word(issue, _find_story(placement.story_id), ()))
        placement.save()
        detail.update(after={"headline": placement.headline, "summary": placement.summary})
    return issue


def _check_length(what: str, text: str, most: int) -> None:
    if len(text) > most:
        raise BroadsheetError(f"the {what} has {len(text)} characters; shorten it to {most} or fewer")


def _says(issue_id: int, placement_id: int, headline: str, summary: str) -> bool:
    """Whether the placement has these words already: nothing is saved twice by itself."""
    placement = Placement.objects.filter(issue=issue_id, pk=placement_id).first()
    return placement is not None and (placement.headline, clean_line(placement.summary)) == (headline, summary)


def _find_story(story_id: int) -> Story:
    story = Story.objects.select_related("merged_into").filter(pk=story_id).first()
    story = find_survivor(story) if story else None
    if story is None:
        raise NotFoundError(f"there is no story {story_id}; the desk's stories list them")
    if story.state != StoryState.SUMMARISED or not clean_line(story.headline):
        raise ConflictError(f"story {story.pk} is being summarised; try again in a minute")
    return story


def _word(issue: Issue, story: Story, reasons: tuple[str, ...], *, as_told: bool = False) -> Placement:
    """The story as drafting would place it: to readers who have had it, an update that says first what is new."""
    if issue.digest:
        return word_again(issue, story, reasons, as_told=as_told)
    before = issue.window_end - timedelta(microseconds=1)  # what the issue itself carries is not what readers have had
    memory = recall(issue.newsletter, [story], now=before)[story.pk]
    return place_story(Choice(story.pk, Section.SHORT, reasons), 0, story, memory, editorial.load())


def _take_words(placement: Placement, words: Placement) -> None:
    for name in ("headline", "summary", "sentences", "sources", "topics", "kind", "since", "edited_by"):
        setattr(placement, name, getattr(words, name))
    left_out = [*placement.sources_left_out, *words.sources_left_out]
    placement.sources_left_out = list(dict.fromkeys(left_out))  # a page that is gone is so whoever words the story
