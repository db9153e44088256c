"""Who is at the desk: inviting, roles, access, and that there is always an admin."""

import mailbox
import re
import threading
from collections.abc import Callable
from datetime import timedelta
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from click.testing import CliRunner
from django.db import connection
from django.test import Client
from django.utils import timezone

from tests.web.newsroom.browsers import sign_in
from worker.delivery.invitations import send_invitation
from worker.delivery.senders import open_sender
from worker.errors import BroadsheetError, ConflictError
from worker.readers.suppress import suppress
from worker.storage.models import AuditEntry, Editor, Role, SecondFactor
from worker.web.newsroom import membership
from worker.web.newsroom.entry import make_entry_link

PASSWORD = "correct horse battery"
OWN = {"password": PASSWORD}  # of whoever gives rights away
pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _newsroom(editorial_file: object) -> None:
    """The pages and letters name the publisher."""


@pytest.fixture
def inbox(tmp_path: Path, settings: Any) -> Callable[[], list[Any]]:
    """Return a reader of all letters that went out."""
    settings.SENDER_URL = f"maildir:{tmp_path / 'inbox'}"

    def read() -> list[Any]:
        box = mailbox.Maildir(tmp_path / "inbox", create=True)
        return [message_from_bytes(one.as_bytes(), policy=policy.default) for one in box]

    return read


@pytest.fixture
def admin(db: None) -> Editor:
    return Editor.objects.create_user("admin@example.com", PASSWORD, role=Role.ADMIN)


@pytest.fixture
def admins_desk(admin: Editor) -> Client:
    return sign_in(admin)


def link_in(letter: Any) -> str:
    """Return the path of the one-time link in a letter's text."""
    links = re.findall(r"http\S+/desk/enter/\S+", letter.get_body(("plain",)).get_content())
    assert len(links) == 1
    return urlsplit(links[0]).path


def test_everybody_is_listed_with_what_an_admin_wants_to_know(admins_desk: Client, editor: Editor) -> None:
    SecondFactor.objects.create(editor=editor, secret="x", confirmed_at=timezone.now())
    Editor.objects.create_user("gone@example.com")
    Editor.objects.filter(email="gone@example.com").update(is_active=False)
    page = admins_desk.get("/desk/people/")
    rows = {row[0]: " ".join(re.sub("<[^>]+>", " ", row[1]).split()) for row in re.findall(
        r'<tr>\s*<td class="who"><a[^>]*>([^<]+)</a>(.*?)</tr>', page.text, re.DOTALL)}
    assert rows["editor@example.com"].startswith("Editor yes never")
    assert "yourself Admin no 20" in rows["admin@example.com"]
    assert rows["gone@example.com"].endswith("ended")
    assert 'href="/desk/people/"' in admins_desk.get("/desk/").text


def test_nobody_else_sees_the_way_to_it(editors_desk: Client, desk: Client) -> None:
    for browser in (editors_desk, desk):
        assert "/desk/people/" not in browser.get("/desk/").text


def test_who_is_invited_gets_one_letter_and_comes_in_with_a_password(
    admins_desk: Client, inbox: Callable[[], list[Any]]
) -> None:
    answer = admins_desk.post("/desk/people/invite/", {"email": " New.One@Example.com ", "role": "approver", **OWN}, follow=True)
    assert "new.one@example.com is invited as approver" in answer.text
    [letter] = inbox()
    assert letter["To"] == "new.one@example.com"
    assert letter["Subject"] == "You are invited to the desk of Example Press"
    text = " ".join(letter.get_body(("plain",)).get_content().split())
    assert "admin@example.com invites you" in text
    assert "You come as an approver, who edits drafts, lets issues go out, and decides about readers’ data." in text
    assert "holds for 3 days" in text
    newcomer, path = Client(), link_in(letter)
    assert "Sign in as new.one@example.com" in newcomer.get(path).text
    assert not Editor.objects.get(email="new.one@example.com").has_entered
    assert newcomer.post(path).headers["Location"] == "/desk/account/"
    for page in ("/desk/", "/desk/people/", "/desk/account/second-factor/"):
        assert newcomer.get(page).headers["Location"] == "/desk/account/", "a password comes first"
    chosen = {"new_password1": "a long and quiet harbour", "new_password2": "a long and quiet harbour"}
    assert newcomer.post("/desk/account/", chosen).status_code == 302
    assert newcomer.get("/desk/").status_code == 200
    made = Editor.objects.get(email="new.one@example.com")
    assert (made.role, made.has_entered) == ("approver", True)
    assert Client().post(path).status_code == 410
    entry = AuditEntry.objects.get(action="invited")
    assert (entry.actor, entry.detail) == ("admin@example.com", {"who": "new.one@example.com", "role": "approver"})


def test_two_presses_are_one_invitation(admins_desk: Client, inbox: Callable[[], list[Any]]) -> None:
    asked = {"email": "new@example.com", "role": "viewer", **OWN}
    first, second = (admins_desk.post("/desk/people/invite/", asked) for _ in range(2))
    assert (first.status_code, second.status_code) == (302, 409)
    assert "known here already" in second.text
    assert len(inbox()) == 1
    person = Editor.objects.get(email="new@example.com")
    assert admins_desk.post(f"/desk/people/{person.pk}/invite-again/").status_code == 409, "that was a moment ago"
    assert len(inbox()) == 1


@pytest.mark.parametrize("email", [
    "", "nobody", "a@b@c.example", "x@example.com\r\nBcc: all@example.com", "x@example.com\nSubject: hello", "<x@example.com>",
    "Ada <x@example.com>", "x@example.com, y@example.com", "x\0@example.com", "a" * 300 + "@example.com"])
def test_what_is_no_address_is_refused_in_words(admins_desk: Client, inbox: Callable[[], list[Any]], email: str) -> None:
    answer = admins_desk.post("/desk/people/invite/", {"email": email, "role": "viewer", **OWN})
    assert answer.status_code == 422
    assert "Nobody was invited" in answer.text
    assert inbox() == []
    assert Editor.objects.count() == 1


def test_what_is_no_role_is_refused(admins_desk: Client, inbox: Callable[[], list[Any]]) -> None:
    assert admins_desk.post("/desk/people/invite/", {"email": "x@example.com", "role": "owner", **OWN}).status_code == 422
    assert inbox() == []


def test_hostile_names_stay_text_in_the_letter_and_on_the_page(
    admins_desk: Client, admin: Editor, inbox: Callable[[], list[Any]], editorial_file: Path
) -> None:
    Editor.objects.filter(pk=admin.pk).update(email='"<script>alert(1)</script>"@example.com')
    text = editorial_file.read_text().replace('name = "Example Press"', 'name = "Q&A <script>, Bcc: all@example.com"')
    editorial_file.write_text(text)
    assert admins_desk.post("/desk/people/invite/", {"email": "o'brien+x@example.com", "role": "editor", **OWN}).status_code == 302
    [letter] = inbox()
    assert letter["Bcc"] is None
    assert letter["Subject"] == "You are invited to the desk of Q&A <script>, Bcc: all@example.com"
    assert "<script>" not in letter.get_body(("html",)).get_content()
    assert "<script>" not in admins_desk.get("/desk/people/").text


@pytest.mark.parametrize("sender", ["smtp://127.0.0.1:9", "maildir:/proc/nowhere"])
def test_a_mail_system_that_is_not_there_is_told_of_and_the_link_offered(
    admins_desk: Client, settings: Any, sender: str
) -> None:
    settings.SENDER_URL = sender
    answer = admins_desk.post("/desk/people/invite/", {"email": "new@example.com", "role": "editor", **OWN})
    assert answer.status_code == 200
    assert "new@example.com is invited, but the letter could not be sent:" in answer.text
    found = re.search(r'readonly value="([^"]+/desk/enter/[^"]+)"', answer.text)
    assert found
    assert Client().post(urlsplit(found[1]).path).headers["Location"] == "/desk/account/"
    assert "/desk/enter/" not in admins_desk.get("/desk/people/").text


def test_no_letter_goes_to_an_address_that_must_not_be_written_to(
    admins_desk: Client, inbox: Callable[[], list[Any]]
) -> None:
    suppress("new@example.com", "complaint")
    answer = admins_desk.post("/desk/people/invite/", {"email": "new@example.com", "role": "editor", **OWN})
    assert "could not be sent" in answer.text
    assert inbox() == []


def test_an_invitation_is_made_again_and_taken_back(
    admins_desk: Client, inbox: Callable[[], list[Any]], tmp_path: Path
) -> None:
    admins_desk.post("/desk/people/invite/", {"email": "new@example.com", "role": "editor", **OWN})
    person = Editor.objects.get(email="new@example.com")
    Editor.objects.filter(pk=person.pk).update(invited_at=timezone.now() - timedelta(days=4))
    assert "the link has run out" in admins_desk.get("/desk/people/").text
    first = link_in(inbox()[0])
    mailbox.Maildir(tmp_path / "inbox").clear()  # two letters of the same second are one and the same, and so is their file
    assert admins_desk.post(f"/desk/people/{person.pk}/invite-again/").status_code == 302
    second = link_in(inbox()[0])
    assert Client().get(first).status_code == Client().get(second).status_code == 200
    answer = admins_desk.post(f"/desk/people/{person.pk}/take-back/", follow=True)
    assert "is taken back" in answer.text
    for path in (first, second):
        assert Client().post(path).status_code == 410
    assert not Editor.objects.filter(email="new@example.com").exists(), "a stranger’s address does not stay"
    assert admins_desk.post(f"/desk/people/{person.pk}/take-back/").status_code == 404, "a second press"
    assert admins_desk.post("/desk/people/invite/", {"email": "new@example.com", "role": "editor", **OWN}).status_code == 302


def test_using_one_of_two_links_ends_the_other(admins_desk: Client, inbox: Callable[[], list[Any]]) -> None:
    admins_desk.post("/desk/people/invite/", {"email": "new@example.com", "role": "editor", **OWN})
    other = urlsplit(make_entry_link(Editor.objects.get(email="new@example.com"))).path
    assert Client().post(link_in(inbox()[0])).status_code == 302
    assert Client().post(other).status_code == 410


def test_who_has_come_in_is_not_taken_back_nor_invited_again(admins_desk: Client, editor: Editor, inbox: Any) -> None:
    assert admins_desk.post(f"/desk/people/{editor.pk}/take-back/").status_code == 409
    assert admins_desk.post(f"/desk/people/{editor.pk}/invite-again/").status_code == 409
    assert inbox() == []


def test_another_role_counts_at_once_and_ends_the_sessions(admins_desk: Client, editor: Editor) -> None:
    browser = sign_in(editor)
    assert browser.get("/desk/").status_code == 200
    answer = admins_desk.post(f"/desk/people/{editor.pk}/role/", {"role": "viewer", **OWN}, follow=True)
    assert "They are viewer now" in answer.text
    assert browser.get("/desk/").status_code == 302
    again = sign_in(Editor.objects.get(pk=editor.pk))
    assert again.get("/desk/readers/").status_code == 403
    admins_desk.post(f"/desk/people/{editor.pk}/role/", {"role": "viewer", **OWN})
    assert again.get("/desk/").status_code == 200, "the same role once more ends nothing"
    entry = AuditEntry.objects.get(action="changed a role")
    assert entry.detail == {"who": "editor@example.com", "was": "editor", "now": "viewer"}


def test_access_is_ended_and_given_back(admins_desk: Client, editor: Editor) -> None:
    browser, link = sign_in(editor), urlsplit(make_entry_link(Editor.objects.get(pk=editor.pk))).path
    browser.get("/desk/")
    for _ in range(2):
        assert admins_desk.post(f"/desk/people/{editor.pk}/end-access/").status_code == 302
    assert browser.get("/desk/").status_code == 302
    assert Client().post(link).status_code == 410
    assert Client().post("/desk/sign-in/", {"email": editor.email, "password": PASSWORD}).status_code == 422
    for _ in range(2):
        assert admins_desk.post(f"/desk/people/{editor.pk}/give-back-access/", OWN).status_code == 302
    assert browser.get("/desk/").status_code == 302, "an ended session stays ended"
    assert Client().post(link).status_code == 410, "and so does a link"
    assert Client().post("/desk/sign-in/", {"email": editor.email, "password": PASSWORD}).status_code == 302
    assert list(AuditEntry.objects.order_by("pk").values_list("action", flat=True)) == ["ended access", "gave access back"]


def test_all_sessions_of_somebody_end(admins_desk: Client, editor: Editor) -> None:
    browsers = [sign_in(editor) for _ in range(3)]
    for browser in browsers:
        browser.get("/desk/")
    answer = admins_desk.post(f"/desk/people/{editor.pk}/sign-out/", follow=True)
    assert "3 sessions ended" in answer.text
    assert {browser.get("/desk/").status_code for browser in browsers} == {302}
    assert admins_desk.get("/desk/").status_code == 200
    assert "signed in nowhere" in admins_desk.post(f"/desk/people/{editor.pk}/sign-out/", follow=True).text


def test_removing_somebodys_second_factor_takes_the_admins_own_password(admins_desk: Client, editor: Editor) -> None:
    SecondFactor.objects.create(editor=editor, secret="x", confirmed_at=timezone.now())
    address = f"/desk/people/{editor.pk}/remove-second-factor/"
    for password in ("", "wrong"):
        assert admins_desk.post(address, {"password": password}).status_code == 422
    assert SecondFactor.objects.exists()
    for _ in range(2):
        assert admins_desk.post(address, OWN).status_code == 302
    assert not SecondFactor.objects.exists()
    assert AuditEntry.objects.filter(action="removed a second factor").count() == 1


@pytest.mark.parametrize("password", [{}, {"password": "wrong"}])
def test_who_sits_down_at_an_admins_desk_gives_nobody_rights(
    admins_desk: Client, editor: Editor, inbox: Callable[[], list[Any]], password: dict[str, str]
) -> None:
    gone = Editor.objects.create_user("gone@example.com", PASSWORD)
    Editor.objects.filter(pk=gone.pk).update(is_active=False)
    for address, asked in (("invite", {"email": "new@example.com", "role": "admin"}), (f"{editor.pk}/role", {"role": "admin"}),
                           (f"{gone.pk}/give-back-access", {})):
        answer = admins_desk.post(f"/desk/people/{address}/", {**asked, **password})
        assert (answer.status_code, "That is not your password. Nothing was changed." in answer.text) == (422, True)
    assert sorted(Editor.objects.filter(is_active=True).values_list("email", "role")) == [
        ("admin@example.com", "admin"), ("editor@example.com", "editor")]
    assert inbox() == []


@pytest.mark.parametrize("way", ["role", "end-access"])
def test_the_last_admin_stays(admins_desk: Client, admin: Editor, way: str) -> None:
    Editor.objects.create_user("never-came@example.com", role=Role.ADMIN)
    gone = Editor.objects.create_user("gone@example.com", PASSWORD, role=Role.ADMIN)
    Editor.objects.filter(pk=gone.pk).update(is_active=False)
    answer = admins_desk.post(f"/desk/people/{admin.pk}/{way}/", {"role": "editor", **OWN})
    assert answer.status_code == 422
    assert "admin@example.com is the last admin here: make somebody else an admin first." in answer.text
    admin.refresh_from_db()
    assert (admin.role, admin.is_active) == ("admin", True)
    assert admins_desk.get("/desk/people/").status_code == 200
    assert not AuditEntry.objects.exists()


@pytest.mark.parametrize("way", ["role", "end-access", "sign-out"])
def test_who_takes_their_own_rights_away_is_shown_the_door(admins_desk: Client, admin: Editor, way: str) -> None:
    Editor.objects.create_user("second@example.com", PASSWORD, role=Role.ADMIN)
    admins_desk.get("/desk/")
    answer = admins_desk.post(f"/desk/people/{admin.pk}/{way}/", {"role": "editor", **OWN}, follow=True)
    assert answer.redirect_chain[-1][0] == "/desk/sign-in/"
    assert "you are signed out" in answer.text
    assert admins_desk.get("/desk/").status_code == 302


@pytest.mark.django_db(transaction=True)
def test_two_admins_who_end_each_other_at_once_leave_one(admin: Editor) -> None:
    second = Editor.objects.create_user("second@example.com", PASSWORD, role=Role.ADMIN)
    ready, outcomes = threading.Barrier(2), []

    def end(by: Editor, other: Editor) -> None:
        ready.wait()
        try:
            membership.end_access(other.pk, by=by)
            outcomes.append("done")
        except ConflictError as error:
            outcomes.append(str(error))
        finally:
            connection.close()

    threads = [threading.Thread(target=end, args=pair) for pair in ((admin, second), (second, admin))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["done", "you are no admin of this desk any more"]
    assert Editor.objects.filter(is_active=True, role="admin").count() == 1


def test_nobody_of_that_number_is_a_404_in_words(admins_desk: Client) -> None:
    assert "There is nobody with the number 999" in admins_desk.get("/desk/people/999/").text
    for way in ("role", "end-access", "give-back-access", "sign-out", "invite-again", "take-back"):
        assert admins_desk.post(f"/desk/people/999/{way}/", {"role": "editor", **OWN}).status_code == 404


def test_the_command_changes_a_role_under_the_same_rules(admin: Editor, editor: Editor, monkeypatch: Any) -> None:
    from worker.cli import people

    monkeypatch.setattr(people, "open_database", lambda: None)
    browser = sign_in(editor)
    browser.get("/desk/")
    run = CliRunner().invoke(people.editor_command, ["add", editor.email, "--role", "viewer"])
    assert "is viewer now" in run.output
    assert browser.get("/desk/").status_code == 302
    refused = CliRunner().invoke(people.editor_command, ["add", admin.email, "--role", "viewer"])
    assert isinstance(refused.exception, BroadsheetError)
    assert "the last admin" in str(refused.exception)
    assert AuditEntry.objects.get().actor == "broadsheet editor add"


def test_a_letter_in_both_parts_holds_the_link_and_no_way_to_leave(inbox: Callable[[], list[Any]]) -> None:
    link = "https://news.example/desk/enter/MQ/abc-def/"
    send_invitation("new@example.com", number=7, link=link, role="an editor, who edits drafts", invited_by="admin@example.com",
                    sender=open_sender())
    [letter] = inbox()
    assert letter["List-Unsubscribe"] is None
    for kind in ("plain", "html"):
        assert link in letter.get_body((kind,)).get_content()
