"""From feed XML to inbox and out again, as people and mail providers would see it: the whole service, over HTTP."""

import mailbox
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.message import Message
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import httpx
import pytest

from tests.ports import free_port

ROOT = Path(__file__).parent.parent
EVENT = "Aurora Labs postpones its Borealis 3 model after the Halden data centre fire"
OUTLETS = {
    "north": (EVENT, "Aurora Labs said on Monday that Borealis 3 will not ship before March. A fire at its Halden data centre "
                     "destroyed 4,000 accelerators. Chief executive Ines Falk told staff that no training data was lost."),
    "south": ("Fire in Halden delays Aurora's Borealis 3", "The launch of Borealis 3 slips to March, Aurora Labs said, after a "
              "fire in Halden destroyed 4,000 accelerators. Ines Falk, its chief executive, said that training data was safe."),
    "other": ("Regulators in Lisbon open a consultation on school chatbots", "Portugal's education ministry asked schools and "
              "parents on Monday how chatbots should be used in class. The consultation closes on 12 January."),
}


@pytest.fixture
def feeds(tmp_path: Path) -> Iterator[str]:
    """A loopback web server with three outlets' feeds of this hour; yields its address."""
    folder = tmp_path / "feeds"
    folder.mkdir()
    for number, (name, (title, text)) in enumerate(OUTLETS.items()):
        moment = datetime.now(UTC) - timedelta(minutes=90 - 10 * number)
        (folder / f"{name}.xml").write_text(
            f'<?xml version="1.0"?><rss version="2.0"><channel><title>{name}</title><link>http://{name}.example/</link>'
            f"<item><title>{title}</title><link>http://{name}.example/1</link><guid>{name}-1</guid>"
            f"<description>{text}</description><pubDate>{moment:%a, %d %b %Y %H:%M:%S} +0000</pubDate></item></channel></rss>")

    class Quiet(SimpleHTTPRequestHandler):
        def __init__(self, *args: Any) -> None:
            super().__init__(*args, directory=str(folder))

        def log_message(self, *args: Any) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Quiet)
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


def write_editorial(path: Path, feeds: str) -> None:
    """One newsletter that is due every day from midnight on, in a zone where the deadline has not passed."""
    now = datetime.now(UTC)
    zone = "UTC" if now.hour < 22 else "Etc/GMT+12"
    outlets = "".join(f'[[feeds]]\nname = "{name}"\ntitle = "{name.title()} Outlet"\nurl = "http://{feeds}/{name}.xml"\n'
                      f'newsletters = ["letter"]\n\n' for name in OUTLETS)
    path.write_text('[publisher]\nname = "Example Press"\n\n[newsletters.letter]\ntitle = "The Letter"\ndescription = "News."\n'
                    'days = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]\ndraft_at = "00:00"\nsend_by = "23:59"\n'
                    f'timezone = "{zone}"\nfrom_name = "The Letter"\nfrom_email = "letter@example.com"\n\n{outlets}')


class Service:
    """A running `broadsheet up` and what can be seen of it from outside."""

    def __init__(self, environment: dict[str, str], port: int) -> None:
        self.environment, self.site = environment, f"http://127.0.0.1:{port}"
        self.outbox = Path(environment["BROADSHEET_HOME"]) / "outbox"
        self.log = Path(environment["BROADSHEET_HOME"]) / "up.log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen([sys.executable, "-m", "worker", "up", "--port", str(port)], cwd=ROOT,
                                            env=environment, stdout=log, stderr=subprocess.STDOUT)

    def run(self, *arguments: str) -> str:
        done = subprocess.run([sys.executable, "-m", "worker", *arguments], cwd=ROOT, env=self.environment, text=True,
                              capture_output=True, timeout=60)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def wait_for(self, what: str, find: Callable[[], Any], seconds: float = 180) -> Any:
        """Return what `find` returns as soon as it is true."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            assert self.process.poll() is None, self.log.read_text()
            try:
                found = find()
            except httpx.TransportError:
                found = None
            if found:
                return found
            time.sleep(0.3)
        raise AssertionError(f"waited {seconds} s for {what}\n{self.log.read_text()[-6000:]}")

    def mails(self, to: str, subject: str = "") -> list[Message]:
        if not self.outbox.is_dir():
            return []
        return [mail for mail in mailbox.Maildir(self.outbox, create=False)
                if mail["To"] == to and subject in str(mail["Subject"])]

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(40)


@pytest.fixture
def service(service_environment: dict[str, str], feeds: str) -> Iterator[Service]:
    write_editorial(Path(service_environment["FEEDS_FILE"]), feeds)
    port = free_port()
    running = Service({**service_environment, "FETCH_ALLOW_HOSTS": feeds, "BASE_URL": f"http://127.0.0.1:{port}"}, port)
    try:
        yield running
    finally:
        if running.process.poll() is None:
            running.stop()


def text_of(mail: Message) -> str:
    part = next(part for part in mail.walk() if part.get_content_type() == "text/plain")
    payload = part.get_payload(decode=True)
    assert isinstance(payload, bytes)
    return payload.decode()


def submit(client: httpx.Client, page: str, path: str, data: dict[str, str]) -> httpx.Response:
    """Post a form as the browser would: with the hidden token that stands in the page."""
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)
    assert token, page
    return client.post(path, data={"csrfmiddlewaretoken": token.group(1), **data}, headers={"Referer": str(client.base_url)})


def sign_up(service: Service, email: str) -> None:
    with httpx.Client(base_url=service.site, timeout=20) as visitor:
        page = visitor.get("/subscribe/").text
        shown = re.search(r'name="shown" value="([^"]+)"', page)
        assert shown
        answer = visitor.post("/subscribe/", data={"email": email, "newsletters": "letter", "agree": "on", "shown": shown.group(1)},
                              follow_redirects=True)
        assert "Check your inbox" in answer.text
        letter = service.wait_for("the confirmation letter", lambda: service.mails(email))[0]
        path = re.search(r"/confirm/[^/\s]+/", text_of(letter))
        assert path
        looked = visitor.get(path.group())
        assert looked.status_code == 200
        state = service.run("readers", "show", email, "--json")
        assert '"pending"' in state, "looking at the link confirms nothing"
        seal = re.search(r'name="shown" value="([^"]+)"', looked.text)
        assert seal
        assert visitor.post(path.group(), data={"shown": seal.group(1)}).status_code == 200
    assert '"confirmed"' in service.run("readers", "show", email, "--json")


def sign_editor_in(service: Service) -> httpx.Client:
    link = service.run("editor", "add", "chief@example.com", "--approver").strip().splitlines()[-1]
    editor = httpx.Client(base_url=service.site, timeout=20, follow_redirects=True)
    page = editor.get(link)
    assert submit(editor, page.text, link, {}).url.path.startswith("/desk/")
    return editor


def approve_and_send(editor: httpx.Client, path: str) -> None:
    page = editor.get(path).text
    proof = re.search(r'name="proof_sha256" value="([0-9a-f]{64})"', page)
    assert proof, page
    answer = submit(editor, page, f"{path}approve/", {"proof_sha256": proof.group(1), "send": "now"})
    assert answer.status_code == 200, answer.text


def test_from_feed_to_inbox_and_out_again(service: Service) -> None:
    """Feed over HTTP, beat, worker, approval over HTTP, double opt-in, mail, one-click unsubscribe, the next issue."""
    service.wait_for("the site", lambda: httpx.get(f"{service.site}/readyz").status_code == 200)
    for reader in ("stays@example.com", "leaves@example.com"):
        sign_up(service, reader)
    editor = sign_editor_in(service)

    path = service.wait_for("the timetable's draft", lambda: re.search(r"/desk/issues/\d+/", editor.get("/desk/").text)).group()
    draft = editor.get(path).text
    assert "North Outlet" in draft
    assert "South Outlet" in draft
    assert service.mails("stays@example.com", "Borealis") == [], "nothing is sent unapproved"
    approve_and_send(editor, path)
    mail = service.wait_for("the issue", lambda: service.mails("leaves@example.com", "Borealis"))[0]
    service.wait_for("the other copy", lambda: service.mails("stays@example.com", "Borealis"))
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"

    link = mail["List-Unsubscribe"].strip("<>")
    assert link.startswith(service.site)
    left = httpx.post(link, data={"List-Unsubscribe": "One-Click"})
    assert (left.status_code, left.cookies) == (200, httpx.Cookies())

    service.run("draft", "letter", "--again")
    second = max(re.findall(r"/desk/issues/(\d+)/", editor.get("/desk/").text), key=int)
    assert f"/desk/issues/{second}/" != path
    approve_and_send(editor, f"/desk/issues/{second}/")
    service.wait_for("the second issue", lambda: len(service.mails("stays@example.com", "Borealis")) == 2)
    service.wait_for("the end", lambda: '"queued"' not in service.run("status", second, "--json"))
    assert len(service.mails("leaves@example.com", "Borealis")) == 1, "who left gets nothing more"
    archive = httpx.get(f"{service.site}/archive/").text
    assert "Borealis" in archive
    assert service.stop() == 0
