"""An editor's merge, split or undo in, made by the issues room; the story's page, with what came of it in words, out."""

from collections.abc import Callable

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from worker import editorial
from worker.errors import BroadsheetError, NotFoundError
from worker.issues import regroup
from worker.issues.regroup import Regrouped
from worker.storage.models import AuditEntry, Item
from worker.tasks import nudge
from worker.web.errors import status_of
from worker.web.newsroom.forms import MergeForm, SplitForm
from worker.web.newsroom.guards import editor_of, for_editors
from worker.web.newsroom.stories import show_stories
from worker.web.newsroom.story import find_story, show_story


@for_editors
@require_POST
def merge(request: HttpRequest) -> HttpResponse:
    """Merge the stories ticked in the list, or a story with those chosen on its page or the one typed as a number."""
    back = request.POST.get("back", "")
    form = MergeForm(request.POST)

    def show(status: int, trouble: str) -> HttpResponse:
        if back.isdecimal() and len(back) < 19:
            return show_story(request, int(back), status=status, trouble=trouble)
        return show_stories(request, status=status, trouble=trouble)

    if not form.is_valid():
        return show(422, f"Not merged. {form.words()}")
    try:
        done = regroup.merge_stories(form.cleaned_data["stories"], editor=editor_of(request))
    except BroadsheetError as error:
        return show(status_of(error), f"Not merged: {error}.")
    others = ", ".join(map(str, done.ruling.others))
    return _finish(request, done, f"Merged: story {done.ruling.story_id} goes on with every report; {others} lead"
                   f"{'s' if len(done.ruling.others) == 1 else ''} to it.")


@for_editors
@require_POST
def split(request: HttpRequest, story_id: int) -> HttpResponse:
    """Make a story of its own of the reports ticked."""
    form = SplitForm(request.POST)

    def decide() -> HttpResponse:
        item_ids = form.cleaned_data["items"]
        done = regroup.split_story(story_id, item_ids, editor=editor_of(request))
        new = done.ruling.others[0]
        if Item.objects.filter(pk__in=item_ids, story=new).exists():
            words = f"Split: what you ticked is story {new} now."
        else:
            words = (f"Split: readers have had what you ticked as story {story_id}, so that keeps the number; "
                     f"the other reports are story {new} now.")
        return _finish(request, done, words)

    if not form.is_valid():
        find_story(story_id)
        return show_story(request, story_id, status=422, trouble=f"Not split. {form.words()}")
    return _try(request, story_id, "Not split", decide)


@for_editors
@require_POST
def undo(request: HttpRequest, entry_id: int) -> HttpResponse:
    """Take back a merge or a split."""
    entry = AuditEntry.objects.filter(pk=entry_id, subject__startswith="story ").first()
    if entry is None:
        raise NotFoundError(f"There is no merge or split under number {entry_id}.")

    def decide() -> HttpResponse:
        done = regroup.undo(entry_id, editor=editor_of(request))
        return _finish(request, done, "Undone: every report is back where it was, and the rulings are as before.")

    return _try(request, int(entry.subject.split()[1]), "Not undone", decide)


def _try(request: HttpRequest, story_id: int, refused: str, decide: Callable[[], HttpResponse]) -> HttpResponse:
    try:
        return decide()
    except NotFoundError:
        raise
    except BroadsheetError as error:
        return show_story(request, story_id, status=status_of(error), trouble=f"{refused}: {error}.")


def _finish(request: HttpRequest, done: Regrouped, words: str) -> HttpResponse:
    if count := done.ruling.overruled:
        words += f" This overrules {count} earlier ruling{'s' if count > 1 else ''}: the newest counts."
    if done.issues:
        papers = editorial.load().newsletters
        named = ", ".join(f"{papers[one.newsletter].title if one.newsletter in papers else one.newsletter} {one.slug}"
                          for one in done.issues)
        words += f" Brought along: the draft of {named}; look at it again."
    messages.success(request, f"{words} The summaries follow within a minute.")
    nudge("group")
    return redirect("desk:story", story_id=done.ruling.story_id)
