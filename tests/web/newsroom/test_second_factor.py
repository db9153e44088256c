"""A code beside the password: setting it up, signing in with it, using each code once, and what must be no way round it."""

import re
import time
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import pyotp
import pytest
from click.testing import CliRunner
from django.conf import settings
from django.test import Client
from django.utils import timezone

from worker.errors import BroadsheetError
from worker.storage.models import AuditEntry, Editor, RecoveryCode, SecondFactor
from worker.web.newsroom import codes
from worker.web.newsroom.codes import Verdict, begin_factor, check_code, make_recovery_codes, seal, unseal
from worker.web.newsroom.entry import HALF_WAY, make_entry_link

PASSWORD = "correct horse battery"
PAGE = "/desk/account/second-factor/"
CODE = "/desk/sign-in/code/"
pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _newsroom(editorial_file: object) -> None:
    """The pages name the publisher."""


class App:
    """The app on somebody's phone; `wait` lets 30 seconds pass without anybody waiting for them."""

    def __init__(self, secret: str) -> None:
        self.secret = secret

    def code(self) -> str:
        return pyotp.TOTP(self.secret).now()

    def wait(self, editor: Editor) -> str:
        """Return the next code that was not used yet: the last one taken is put 30 seconds back instead of the clock forward."""
        SecondFactor.objects.filter(editor=editor).update(last_step=0)
        return self.code()


def sign_in(client: Client, editor: Editor, password: str = PASSWORD, **more: str) -> Any:
    return client.post("/desk/sign-in/", {"email": editor.email, "password": password, **more})


def enrol(client: Client, editor: Editor) -> tuple[App, list[str]]:
    """Set a second factor up on the pages; return the app and the recovery codes."""
    assert client.post(PAGE, {"password": PASSWORD}).status_code == 302
    secret = re.search(r'mono secret">([A-Z2-7 ]+)<', client.get(PAGE).text)
    assert secret
    app = App(secret[1].replace(" ", ""))
    shown = client.post(f"{PAGE}confirm/", {"code": app.code()})
    assert shown.status_code == 200
    return app, re.findall(r"<li>((?:[A-Z2-7]{4}-){5}[A-Z2-7]{4})</li>", shown.text)


@pytest.fixture
def enrolled(editor: Editor) -> tuple[App, list[str]]:
    """The app and recovery codes of an editor who has just set them up."""
    client = Client()
    sign_in(client, editor)
    return enrol(client, editor)


def test_setting_it_up_shows_a_picture_the_secret_and_once_the_recovery_codes(editor: Editor) -> None:
    here, elsewhere = Client(), Client()
    for client in (here, elsewhere):
        sign_in(client, editor)
    assert here.post(PAGE, {"password": PASSWORD}).status_code == 302
    page = here.get(PAGE)
    assert re.search(r'<svg [^>]*viewBox="0 0 \d+ \d+"', page.text), "all of it is seen, however large it is shown"
    assert "style=" not in page.text
    assert 'autocomplete="one-time-code"' in page.text
    assert 'inputmode="numeric"' in page.text
    assert "no-store" in page.headers["Cache-Control"]
    assert not codes.has_factor(editor), "it does not count before a code was seen"
    app, recovery = enrol(here, editor)
    assert len(set(recovery)) == 10
    assert codes.has_factor(editor)
    assert here.get("/desk/").status_code == 200
    assert elsewhere.get("/desk/").status_code == 302, "who signed in without a code is out"
    assert not any(code in here.get(PAGE).text for code in recovery)
    stored = SecondFactor.objects.get()
    assert app.secret not in stored.secret
    assert not RecoveryCode.objects.filter(digest__in=[code.replace("-", "") for code in recovery]).exists()
    assert AuditEntry.objects.filter(action="turned on a second factor", actor=editor.email).exists()


def test_setting_it_up_takes_the_password_and_a_right_code(editor: Editor) -> None:
    client = Client()
    sign_in(client, editor)
    assert client.post(PAGE, {"password": "wrong"}).status_code == 422
    assert not SecondFactor.objects.exists()
    client.post(PAGE, {"password": PASSWORD})
    wrong = client.post(f"{PAGE}confirm/", {"code": "000000"})
    assert wrong.status_code == 422
    assert "not the code the app shows now" in wrong.text
    assert "<svg" in wrong.text, "the picture stays"
    assert not codes.has_factor(editor)
    assert sign_in(Client(), editor).headers["Location"] == "/desk/", "what was not confirmed asks for nothing"


def test_another_session_is_not_shown_a_secret_that_is_being_set_up(editor: Editor) -> None:
    here, thief = Client(), Client()
    for client in (here, thief):
        sign_in(client, editor)
    here.post(PAGE, {"password": PASSWORD})
    assert "<svg" not in thief.get(PAGE).text
    secret = unseal(SecondFactor.objects.get().secret)
    assert thief.post(f"{PAGE}confirm/", {"code": App(secret).code()}).status_code == 302
    assert not codes.has_factor(editor)


def test_signing_in_asks_for_the_code_after_the_password(editor: Editor, enrolled: tuple[App, list[str]]) -> None:
    client = Client()
    assert sign_in(client, editor, next="/desk/feeds/").headers["Location"] == CODE
    assert client.get("/desk/").status_code == 302, "half way is not in"
    page = client.get(CODE)
    assert 'autocomplete="one-time-code"' in page.text
    answer = client.post(CODE, {"code": enrolled[0].wait(editor)})
    assert (answer.status_code, answer.headers["Location"]) == (302, "/desk/feeds/")
    assert client.get("/desk/feeds/").status_code == 200
    assert HALF_WAY not in client.session


def test_a_code_is_taken_once_by_whomever(editor: Editor, enrolled: tuple[App, list[str]]) -> None:
    first, second = Client(), Client()
    for client in (first, second):
        sign_in(client, editor)
    code = enrolled[0].wait(editor)
    assert first.post(CODE, {"code": f"{code[:3]} {code[3:]}"}).status_code == 302
    answer = second.post(CODE, {"code": code})
    assert answer.status_code == 422
    assert "has been used already" in answer.text
    assert second.get("/desk/").status_code == 302


def test_the_code_that_turned_it_on_signs_nobody_in(editor: Editor) -> None:
    client = Client()
    sign_in(client, editor)
    app, _ = enrol(client, editor)
    other = Client()
    sign_in(other, editor)
    taken = pyotp.HOTP(app.secret).at(SecondFactor.objects.get().last_step)
    assert other.post(CODE, {"code": taken}).status_code == 422


@pytest.mark.parametrize(("steps", "verdict"), [(-2, Verdict.WRONG), (-1, Verdict.RIGHT), (0, Verdict.RIGHT), (1, Verdict.RIGHT),
                                                (2, Verdict.WRONG)])
def test_clocks_may_be_one_step_apart(editor: Editor, enrolled: tuple[App, list[str]], steps: int, verdict: Verdict) -> None:
    now = datetime(2031, 5, 6, 7, 8, 9, tzinfo=UTC)
    code = pyotp.TOTP(enrolled[0].secret).at(int(now.timestamp()) + 30 * steps)
    assert check_code(editor, code, now=now) is verdict


def test_the_codes_are_those_of_the_standard(editor: Editor) -> None:
    """RFC 6238, appendix B: the secret "12345678901234567890" at 1111111109 seconds gives 07081804."""
    SecondFactor.objects.create(editor=editor, confirmed_at=timezone.now(), secret=seal("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"))
    assert check_code(editor, "081804", now=datetime.fromtimestamp(1111111109, UTC)) is Verdict.RIGHT


def test_an_earlier_code_is_not_taken_after_a_later_one(editor: Editor, enrolled: tuple[App, list[str]]) -> None:
    now = datetime(2031, 5, 6, 7, 8, 9, tzinfo=UTC)
    earlier, later = (pyotp.TOTP(enrolled[0].secret).at(int(now.timestamp()) + 30 * steps) for steps in (-1, 0))
    assert check_code(editor, later, now=now) is Verdict.RIGHT
    assert check_code(editor, earlier, now=now) is Verdict.USED


def test_each_recovery_code_works_once(editor: Editor, enrolled: tuple[App, list[str]]) -> None:
    _, recovery = enrolled
    client = Client()
    sign_in(client, editor)
    answer = client.post(CODE, {"code": recovery[3].lower().replace("-", " ")}, follow=True)
    assert answer.status_code == 200
    assert "9 are left" in answer.text
    again = Client()
    sign_in(again, editor)
    assert again.post(CODE, {"code": recovery[3]}).status_code == 422
    assert again.post(CODE, {"code": recovery[4]}).status_code == 302
    assert AuditEntry.objects.filter(action="used a recovery code").count() == 2


def test_new_recovery_codes_end_the_old_ones(editor: Editor, enrolled: tuple[App, list[str]]) -> None:
    client = Client()
    sign_in(client, editor)
    client.post(CODE, {"code": enrolled[0].wait(editor)})
    assert client.post(f"{PAGE}recovery-codes/", {"password": "wrong"}).status_code == 422
    shown = client.post(f"{PAGE}recovery-codes/", {"password": PASSWORD})
    fresh = re.findall(r"<li>((?:[A-Z2-7]{4}-){5}[A-Z2-7]{4})</li>", shown.text)
    assert len(fresh) == 10
    assert check_code(editor, enrolled[1][0]) is Verdict.WRONG
    assert check_code(editor, fresh[0]) is Verdict.RECOVERY


def test_a_one_time_link_does_not_get_round_it(editor: Editor, enrolled: tuple[App, list[str]]) -> None:
    client = Client()
    editor.refresh_from_db()
    path = urlsplit(make_entry_link(editor)).path
    assert client.post(path).headers["Location"] == CODE
    assert client.get("/desk/").status_code == 302
    assert client.get("/desk/account/").status_code == 302
    assert Client().post(path).status_code == 410, "the link is used up all the same"
    assert client.post(CODE, {"code": enrolled[0].wait(editor)}).status_code == 302
    assert client.get("/desk/").status_code == 200
    chosen = {"new_password1": "a long and quiet harbour", "new_password2": "a long and quiet harbour"}
    assert client.post("/desk/account/", chosen).status_code == 302, "who forgot the password chooses another one"


@pytest.mark.parametrize("change", ["password", "access", "factor", "time"])
def test_half_a_sign_in_does_not_outlive_what_it_rests_on(editor: Editor, enrolled: tuple[App, list[str]], change: str) -> None:
    client = Client()
    sign_in(client, editor)
    if change == "password":
        editor.set_password("a long and quiet harbour")
        editor.save()
    elif change == "access":
        Editor.objects.filter(pk=editor.pk).update(is_active=False)
    elif change == "factor":
        SecondFactor.objects.all().delete()
    else:
        session = client.session
        session[HALF_WAY] = {**session[HALF_WAY], "at": int(time.time()) - 601}
        session.save()
    answer = client.post(CODE, {"code": enrolled[0].code()})
    assert (answer.status_code, answer.headers["Location"]) == (302, "/desk/sign-in/")
    assert client.get("/desk/").status_code == 302


def test_wrong_codes_lock_like_wrong_passwords_and_say_so(editor: Editor, enrolled: tuple[App, list[str]]) -> None:
    client = Client()
    sign_in(client, editor)
    for _ in range(settings.AXES_FAILURE_LIMIT - 1):
        answer = client.post(CODE, {"code": "000000"})
        assert answer.status_code == 422
        assert "sets its clock by itself" in answer.text
    assert client.post(CODE, {"code": "000000"}).status_code == 429
    answer = client.post(CODE, {"code": enrolled[0].wait(editor)})
    assert answer.status_code == 429
    assert "Too many attempts" in answer.text
    assert sign_in(Client(), editor).status_code == 429, "nor does the password begin anew"


def test_showing_the_password_again_does_not_wipe_out_wrong_codes(editor: Editor, enrolled: tuple[App, list[str]]) -> None:
    for _ in range(settings.AXES_FAILURE_LIMIT):
        client = Client()
        sign_in(client, editor)
        answer = client.post(CODE, {"code": "000000"})
    assert answer.status_code == 429


def test_a_hundred_wrong_codes_from_all_over_close_it_but_not_the_recovery_codes(
    editor: Editor, enrolled: tuple[App, list[str]]
) -> None:
    for number in range(codes.MOST_FAILURES):
        client = Client(REMOTE_ADDR=f"10.0.{number}.1")
        sign_in(client, editor)
        assert client.post(CODE, {"code": "000000"}).status_code == 422
    client = Client(REMOTE_ADDR="10.1.0.1")
    sign_in(client, editor)
    answer = client.post(CODE, {"code": enrolled[0].wait(editor)})
    assert answer.status_code == 422
    assert "a hundred wrong codes" in answer.text
    assert client.post(CODE, {"code": enrolled[1][0]}).status_code == 302
    other = Client(REMOTE_ADDR="10.1.0.1")
    sign_in(other, editor)
    assert other.post(CODE, {"code": enrolled[0].wait(editor)}).status_code == 302, "it is open again"


def test_a_mistyped_code_is_not_kept_anywhere(editor: Editor, enrolled: tuple[App, list[str]]) -> None:
    from axes.models import AccessAttempt

    client = Client()
    sign_in(client, editor)
    client.post(CODE, {"code": "AAAA-BBBB-CCCC-DDDD-EEEE-FFFF"})
    assert "AAAA" not in "".join(AccessAttempt.objects.values_list("post_data", flat=True))


def test_removing_it_takes_the_password(editor: Editor, enrolled: tuple[App, list[str]]) -> None:
    client = Client()
    sign_in(client, editor)
    client.post(CODE, {"code": enrolled[0].wait(editor)})
    assert client.post(f"{PAGE}remove/", {"password": "wrong"}).status_code == 422
    assert codes.has_factor(editor)
    for _ in range(2):  # two presses are as good as one
        assert client.post(f"{PAGE}remove/", {"password": PASSWORD}).status_code == 302
    assert not SecondFactor.objects.exists()
    assert not RecoveryCode.objects.exists()
    assert AuditEntry.objects.filter(action="removed their second factor").count() == 1
    assert sign_in(Client(), editor).headers["Location"] == "/desk/"


def test_guessing_the_password_on_the_pages_behind_it_is_throttled_too(editor: Editor) -> None:
    client = Client()
    sign_in(client, editor)
    for _ in range(settings.AXES_FAILURE_LIMIT - 1):
        assert client.post(PAGE, {"password": "wrong"}).status_code == 422
    assert client.post(PAGE, {"password": "wrong"}).status_code == 429
    assert client.post(PAGE, {"password": PASSWORD}).status_code == 429
    old = {"old_password": PASSWORD, "new_password1": "a long and quiet harbour", "new_password2": "a long and quiet harbour"}
    assert client.post("/desk/account/", old).status_code == 429


def test_what_is_on_cannot_be_set_up_over(editor: Editor, enrolled: tuple[App, list[str]]) -> None:
    with pytest.raises(BroadsheetError, match="remove it first"):
        begin_factor(editor)
    client = Client()
    sign_in(client, editor)
    client.post(CODE, {"code": enrolled[0].wait(editor)})
    assert client.post(PAGE, {"password": PASSWORD}).status_code == 422


def test_the_secret_is_read_across_a_change_of_key(editor: Editor, enrolled: tuple[App, list[str]], settings: Any) -> None:
    old = settings.SECRET_KEY
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "another-" * 8, [old]
    assert check_code(editor, enrolled[0].wait(editor)) is Verdict.RIGHT
    settings.SECRET_KEY_FALLBACKS = []
    client = Client()
    sign_in(client, editor)
    answer = client.post(CODE, {"code": enrolled[0].code()})
    assert answer.status_code == 422
    assert "another SECRET_KEY" in answer.text
    assert client.post(CODE, {"code": enrolled[1][0]}).status_code == 302, "recovery codes hang on no key"


def test_sealing_the_same_twice_looks_different_and_a_changed_letter_is_noticed() -> None:
    first, second = seal("JBSWY3DPEHPK3PXP"), seal("JBSWY3DPEHPK3PXP")
    assert first != second
    assert unseal(first) == unseal(second) == "JBSWY3DPEHPK3PXP"
    assert len(seal(pyotp.random_base32())) <= 300
    with pytest.raises(BroadsheetError):
        unseal(first[:20] + ("A" if first[20] != "A" else "B") + first[21:])


@pytest.mark.parametrize("name", ["Press: the \"Daily\" & <b>", "Q\r\nA", "日本の新聞", ""])
def test_a_publishers_odd_name_stays_a_name_in_the_app(editor: Editor, name: str) -> None:
    parts = urlsplit(codes.address_for_app(begin_factor(editor), name))
    assert (parts.scheme, parts.netloc) == ("otpauth", "totp")
    assert pyotp.parse_uri(parts.geturl()).name == editor.email


def test_the_command_lets_a_locked_out_admin_in(editor: Editor, enrolled: tuple[App, list[str]], monkeypatch: Any) -> None:
    from worker.cli import people

    monkeypatch.setattr(people, "open_database", lambda: None)
    run = CliRunner().invoke(people.editor_command, ["reset-second-factor", "Editor@Example.com "])
    assert run.exit_code == 0, run.output
    assert "has no second factor any more" in run.output
    assert sign_in(Client(), editor).headers["Location"] == "/desk/"
    assert "had no second factor" in CliRunner().invoke(people.editor_command, ["reset-second-factor", editor.email]).output
    assert CliRunner().invoke(people.editor_command, ["reset-second-factor", "no@example.com"]).exit_code != 0
    assert AuditEntry.objects.get(action="removed a second factor").actor == "broadsheet editor reset-second-factor"


def test_ten_recovery_codes_hang_on_a_factor_that_counts(editor: Editor) -> None:
    begin_factor(editor)
    with pytest.raises(SecondFactor.DoesNotExist):
        make_recovery_codes(editor)
