"""One form of the preferences page in; the choice changed, and what holds from now on, in words, out."""

from collections.abc import Callable

from django.http import HttpRequest, QueryDict

from worker import editorial, tasks
from worker.errors import BroadsheetError
from worker.readers.consent import Wordings
from worker.readers.moving import ask_move
from worker.readers.preferences import Preferences, change, choose_topics, pause, title_of
from worker.readers.terms import find_wordings, read_shown
from worker.storage.models import Frequency
from worker.web.public.guards import network_address


def change_choice(request: HttpRequest, chosen: Preferences) -> str:
    """Make the change that the form asks for; return the form's name. Raises BroadsheetError in words for the reader."""
    name = request.POST.get("change", "")
    if name not in _CHANGES:
        raise BroadsheetError("that form is not known: please open the page again")
    _CHANGES[name](request, chosen)
    return name


def _change_newsletters(request: HttpRequest, chosen: Preferences) -> None:
    form = request.POST
    wanted = form.getlist("newsletters")
    joins = any(not chosen.has(key) for key in wanted)
    change(chosen.reader.pk, newsletters=wanted, wordings=_read_wordings(form, {"newsletter"} if joins else set()),
           frequencies={key: form[f"often-{key}"] for key in wanted if f"often-{key}" in form},
           network_address=network_address(request))


def _read_wordings(form: QueryDict, given: set[str]) -> Wordings | None:
    """Return what stood beside the boxes; raises BroadsheetError if one of the kinds `given` did not, or nobody can say."""
    shown = read_shown(form.get("shown", ""))
    wordings = find_wordings(shown.named) if shown else None
    if given - set(wordings or ()):
        raise BroadsheetError("this page was open for very long: please read what you agree to again, then save again")
    return wordings


def _leave_all(request: HttpRequest, chosen: Preferences) -> None:
    change(chosen.reader.pk, newsletters=(), network_address=network_address(request))


def _choose_topics(request: HttpRequest, chosen: Preferences) -> None:
    choose_topics(chosen.reader.pk, request.POST.getlist("topics"))


def _pause(request: HttpRequest, chosen: Preferences) -> None:
    weeks = request.POST.get("weeks", "")
    pause(chosen.reader.pk, int(weeks) if weeks in ("0", "2", "4", "8") else -1)


def _change_agreements(request: HttpRequest, chosen: Preferences) -> None:
    form, reader = request.POST, chosen.reader
    partners, tracking = "partners" in form, "tracking" in form
    asks_partners = bool(editorial.load().publisher.all_partners) or reader.partners
    partners = partners and asks_partners
    given = {kind for kind, wish in (("partners", partners), ("tracking", tracking)) if wish and not getattr(reader, kind)}
    change(reader.pk, partners=partners if asks_partners else None, tracking=tracking,
           wordings=_read_wordings(form, given), network_address=network_address(request))


def _ask_address(request: HttpRequest, chosen: Preferences) -> None:
    ask_move(chosen.reader.pk, request.POST.get("email", ""))
    tasks.nudge("notices")


_CHANGES: dict[str, Callable[[HttpRequest, Preferences], None]] = {
    "newsletters": _change_newsletters, "leave": _leave_all, "topics": _choose_topics, "pause": _pause,
    "agreements": _change_agreements, "address": _ask_address,
}


def describe_saved(name: str, chosen: Preferences) -> str:
    """Return what holds after this form, in a sentence; "" for a form there is not."""
    return _SAVED[name](chosen) if name in _SAVED else ""


def _describe_newsletters(chosen: Preferences) -> str:
    names = [title_of(key) + (" once a week" if chosen.frequencies[key] == Frequency.WEEKLY else "")
             for key in sorted(chosen.states) if chosen.has(key)]
    return f"You get {_join(names)}." if names else "You get no newsletter of ours any more."


def _describe_topics(chosen: Preferences) -> str:
    known = editorial.load().reader_topics()
    names = [known[key] for key in chosen.topics if key in known]
    return f"Of these topics you hear of {_join(names)} only." if names else "You hear of every topic."


def _describe_pause(chosen: Preferences) -> str:
    until = chosen.paused_until()
    return f"No issue comes before {until.day} {until:%B %Y}." if until else "Issues come again, beginning with the next one."


def _describe_agreements(chosen: Preferences) -> str:
    partners, tracking = ("yes" if given else "no" for given in (chosen.reader.partners, chosen.reader.tracking))
    return f"Partners' content: {partners}. Measuring: {tracking}."


def _describe_address(chosen: Preferences) -> str:
    return ("If the new address can get mail from us, a letter with a link is on its way there. Your mail goes on coming to "
            f"{chosen.reader.email} until you press the button on the page of that link.")


_SAVED: dict[str, Callable[[Preferences], str]] = {
    "newsletters": _describe_newsletters, "leave": _describe_newsletters, "topics": _describe_topics,
    "pause": _describe_pause, "agreements": _describe_agreements, "address": _describe_address,
}


def _join(names: list[str]) -> str:
    return names[0] if len(names) == 1 else ", ".join(names[:-1]) + " and " + names[-1]
