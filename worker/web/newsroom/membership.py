"""An admin's decision about somebody of the newsroom in; the person's row, the end of their sessions and an audit entry out.

All rows are locked before anything is decided, so that of two decisions at once the second sees the first: the desk always keeps an
admin, and who was one a moment ago decides nothing any more.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from django.db import transaction
from django.db.models import ProtectedError
from django.utils import timezone

from worker.errors import BroadsheetError, ConflictError, NotFoundError
from worker.readers.addresses import read_address
from worker.storage.models import AuditEntry, Editor, Role, SecondFactor
from worker.web.newsroom.sessions import end_sessions

ROLE_WORDS = {
    Role.VIEWER: "reads everything, changes nothing",
    Role.EDITOR: "edits drafts",
    Role.APPROVER: "edits drafts, lets issues go out, and decides about readers’ data",
    Role.ADMIN: "does all that an approver does, and decides who is let in",
}
INVITE_PAUSE = timedelta(minutes=1)  # between two letters to the same person: two presses are one
Actor = Editor | str  # an admin of the desk, or the name of a command


def find_person(editor_id: int) -> Editor:
    """Return somebody of the newsroom; raises NotFoundError in words."""
    person = Editor.objects.select_related("second_factor").filter(pk=editor_id).first()
    if person is None:
        raise NotFoundError(f"There is nobody with the number {editor_id} at this desk.")
    return person


def change_role(editor_id: int, role: Role, *, by: Actor) -> bool:
    """Give somebody another role and end their sessions; False if they have it. Raises BroadsheetError for the last admin."""
    with _deciding(editor_id, by) as (person, others):
        if person.role == role:
            return False
        if role != Role.ADMIN:
            _keep_an_admin(person, others)
        was, person.role = person.role, role
        person.save(update_fields=["role"])
        end_sessions(person.pk)
        _record(by, "changed a role", person, was=was, now=str(role))
    return True


def end_access(editor_id: int, *, by: Actor) -> bool:
    """Let somebody in no more: their sessions end, and password and links open nothing. False if that is so already."""
    with _deciding(editor_id, by) as (person, others):
        if not person.is_active:
            return False
        _keep_an_admin(person, others)
        person.is_active = False
        person.links_used += 1  # or the links of before would open the door again when access is given back
        person.save(update_fields=["is_active", "links_used"])
        end_sessions(person.pk)
        _record(by, "ended access", person)
    return True


def give_back_access(editor_id: int, *, by: Actor) -> bool:
    """Let somebody in again, by the password of before. False if they may come in already."""
    with _deciding(editor_id, by) as (person, _):
        if person.is_active:
            return False
        person.is_active = True
        person.save(update_fields=["is_active"])
        _record(by, "gave access back", person)
    return True


def sign_out_everywhere(editor_id: int, *, by: Actor) -> int:
    """End all of somebody's sessions; return how many there were."""
    with _deciding(editor_id, by) as (person, _):
        ended = end_sessions(person.pk)
        if ended:
            _record(by, "ended sessions", person, sessions=ended)
    return ended


def remove_factor(editor_id: int, *, by: Actor) -> bool:
    """Remove somebody's second factor, who has lost it; False if there is none."""
    with _deciding(editor_id, by) as (person, _):
        removed, _counts = SecondFactor.objects.filter(editor=person).delete()
        if removed:
            _record(by, "removed a second factor", person)
    return bool(removed)


def invite(typed: str, role: Role, *, by: Editor) -> Editor:
    """Make a place at the desk for an address. Raises BroadsheetError if it is none, or somebody has it already."""
    email = read_address(typed).email.lower()
    with transaction.atomic():
        _lock_all(by)
        person, made = Editor.objects.get_or_create(email=email, defaults={"role": role, "invited_at": timezone.now()})
        if not made:
            raise ConflictError(f"{email} is known here already, as {person.get_role_display().lower()}: see their page")
        person.set_unusable_password()
        person.save(update_fields=["password"])
        _record(by, "invited", person, role=str(role))
    return person


def invite_again(editor_id: int, *, by: Editor) -> Editor:
    """Note that another invitation goes out. Raises ConflictError if one just went, or they need none."""
    with _deciding(editor_id, by) as (person, _):
        now = timezone.now()
        if not person.is_active or person.has_usable_password():
            raise ConflictError(f"{person.email} needs no invitation")
        if person.invited_at and person.invited_at > now - INVITE_PAUSE:
            raise ConflictError(f"an invitation to {person.email} was made a moment ago; wait a minute before another one")
        person.invited_at = now
        person.save(update_fields=["invited_at"])
        _record(by, "invited again", person, role=person.role)
    return person


def take_back(editor_id: int, *, by: Editor) -> str:
    """Take an invitation back that nobody has followed: its links open nothing, the row goes. Return the address.

    Raises ConflictError if they have come in meanwhile.
    """
    with _deciding(editor_id, by) as (person, _):
        if person.has_entered:
            raise ConflictError(f"{person.email} has come in already: end their access instead")
        _record(by, "took an invitation back", person)
        try:
            person.delete()
        except ProtectedError as error:  # a command may have approved something in their name
            raise ConflictError(f"{person.email} has decided something already: end their access instead") from error
    return person.email


@contextmanager
def _deciding(editor_id: int, by: Actor) -> Iterator[tuple[Editor, list[Editor]]]:
    """In a transaction, give the person and all the others, as nobody else can change them until it ends."""
    with transaction.atomic():
        people = _lock_all(by)
        person = people.pop(editor_id, None)
        if person is None:
            raise NotFoundError(f"There is nobody with the number {editor_id} at this desk.")
        yield person, list(people.values())


def _lock_all(by: Actor) -> dict[int, Editor]:
    people = {one.pk: one for one in Editor.objects.select_for_update().order_by("pk")}
    if isinstance(by, Editor):
        admin = people.get(by.pk)
        if admin is None or not admin.is_active or not admin.may_administer:
            raise ConflictError("you are no admin of this desk any more")
    return people


def _keep_an_admin(person: Editor, others: list[Editor]) -> None:
    """An admin who was invited and never came in is none that could be asked."""
    if person.is_active and person.may_administer and not any(
            one.is_active and one.may_administer and one.has_entered for one in others):
        raise BroadsheetError(f"{person.email} is the last admin here: make somebody else an admin first")


def _record(by: Actor, action: str, person: Editor, **detail: object) -> None:
    AuditEntry.objects.create(actor=str(by), action=action, subject=f"editor {person.pk}", detail={"who": person.email, **detail})
