"""The bytes an approver lets go in; whether a second one must let the same go, as a newsletter with four eyes wants it, out.

Two different people let an issue go. Whether they edited it too does not matter: an approver who did is one of the two, and the
other one has not seen it made. A signature is for one hash, so one changed byte leaves it without effect.
"""

from collections.abc import Sequence

from worker import editorial
from worker.errors import BroadsheetError
from worker.storage.models import Editor, Issue, Role, Signature

APPROVERS = (Role.APPROVER, Role.ADMIN)


def wants_two(issue: Issue) -> bool:
    """Say whether the issue's newsletter wants two people's approval."""
    newsletter = editorial.load().newsletters.get(issue.newsletter)
    return newsletter is not None and newsletter.four_eyes


def find_signatures(issue: Issue, sha256: str) -> Sequence[Signature]:
    """Return who let exactly these bytes go, the first one first; not those who may not approve any more."""
    return list(Signature.objects.select_related("editor").filter(
        issue=issue, sha256=sha256, editor__is_active=True, editor__role__in=APPROVERS))


def lacks_another(issue: Issue, editor: Editor, sha256: str) -> bool:
    """Say whether `editor`'s word is not enough to let these bytes go: nobody else has let them go yet."""
    return wants_two(issue) and not any(one.editor_id != editor.pk for one in find_signatures(issue, sha256))


def find_others(editors: Sequence[Editor]) -> Sequence[Editor]:
    """Return who may approve beside these."""
    others = Editor.objects.filter(is_active=True, role__in=APPROVERS)
    return list(others.exclude(pk__in=[one.pk for one in editors]).order_by("email"))


def sign(issue: Issue, editor: Editor, sha256: str) -> tuple[Signature, bool]:
    """Keep that `editor` let these bytes go, and say whether that is new; of what they let go before only the last counts."""
    signature = Signature.objects.filter(issue=issue, editor=editor, sha256=sha256).first()
    if signature:
        return signature, False
    Signature.objects.filter(issue=issue, editor=editor).delete()
    return Signature.objects.create(issue=issue, editor=editor, sha256=sha256), True


def require_another(issue: Issue, editor: Editor, sha256: str) -> None:
    """Raise BroadsheetError if a second person's approval of these bytes is wanted and not there."""
    if lacks_another(issue, editor, sha256):
        raise BroadsheetError(f"issue {issue.pk} needs the approval of two people (four_eyes in feeds.toml), and nobody but "
                              f"{editor.email} has approved it as it stands")
