"""Make the pictures of the documentation: run the demo in a home of its own, start the service, photograph both.

Needs Chromium and the `playwright` package: make pictures
"""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, sync_playwright

ROOT = Path(__file__).resolve().parent.parent
PICTURES = ROOT / "docs" / "pictures"
CHROMIUM = next((path for path in map(shutil.which, ("chromium", "chromium-browser", "google-chrome")) if path), None)
SECOND_ISSUE = "2"  # the draft of the second day, which the demo leaves to be approved
PHONE, DESKTOP = {"width": 390, "height": 844}, {"width": 1280, "height": 900}


def main() -> int:
    """Write every picture; returns the exit status."""
    if CHROMIUM is None:
        print("pictures: Chromium is not there; install it (Debian: apt-get install chromium)", file=sys.stderr)
        return 2
    PICTURES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="broadsheet-pictures-") as home:
        port = free_port()
        environment = {**os.environ, "BROADSHEET_HOME": home, "BASE_URL": f"http://127.0.0.1:{port}",
                       "POSTAL_ADDRESS": "Broadsheet Press, 1 Example Street, London"}
        for name in ("DATABASE_URL", "REDIS_URL", "SENDER_URL", "FEEDS_FILE"):
            environment.pop(name, None)
        shown = subprocess.run([sys.executable, "-m", "worker", "demo"], cwd=ROOT, env=environment, text=True,
                               capture_output=True, check=True).stdout
        entry = re.search(r"http://\S+/desk/enter/\S+", shown)
        service = subprocess.Popen([sys.executable, "-m", "worker", "up", "--port", str(port)], cwd=ROOT, env=environment,
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            wait_for(f"http://127.0.0.1:{port}/readyz")
            with sync_playwright() as playwright:
                browser = playwright.chromium.launch(executable_path=CHROMIUM, args=[
                    "--no-sandbox", "--disable-gpu", "--disable-background-networking"])
                photograph_mail(browser, Path(home) / "proof" / "issue.html")
                photograph_public(browser, f"http://127.0.0.1:{port}")
                photograph_desk(browser, f"http://127.0.0.1:{port}", entry.group() if entry else "")
                photograph_story(browser, f"http://127.0.0.1:{port}", environment)
                browser.close()
        finally:
            service.send_signal(signal.SIGTERM)
            service.wait(60)
    for picture in sorted(PICTURES.glob("*.png")):
        print(picture.relative_to(ROOT))
    return 0


def photograph_mail(browser: Browser, file: Path) -> None:
    """The issue as a phone and a desktop show it, in daylight and in the dark."""
    address = f"file://{file}"
    take(browser, address, "mail-phone", PHONE)
    take(browser, address, "mail-phone-dark", PHONE, "dark")
    take(browser, address, "mail-desktop", DESKTOP)


def photograph_public(browser: Browser, site: str) -> None:
    """The pages a reader sees."""
    for name, path in (("front", "/"), ("archive", "/archive/")):
        take(browser, site + path, f"{name}-desktop", DESKTOP)
        take(browser, site + path, f"{name}-phone", PHONE)


def photograph_story(browser: Browser, site: str, environment: dict[str, str]) -> None:
    """A story's page as readers see it, once the second day's issue has gone out: an update, with what came before."""
    for command in (["approve", SECOND_ISSUE, "--by", "demo@example.com"], ["deliver", SECOND_ISSUE, "--inline"]):
        subprocess.run([sys.executable, "-m", "worker", *command], cwd=ROOT, env=environment, capture_output=True, check=True)
    page = browser.new_page(viewport=DESKTOP)
    page.goto(site)
    update = page.locator("section.item", has=page.locator(".kicker", has_text="Update")).first
    page.goto(site + (update.locator("a[href*='/stories/']").first.get_attribute("href") or "/"))
    for name, size in (("story-page-desktop", DESKTOP), ("story-page-phone", PHONE)):
        page.set_viewport_size(size)
        keep(page, name)
    page.close()


def photograph_desk(browser: Browser, site: str, entry: str) -> None:
    """The newsroom, entered by the demo editor's one-time link; the draft is the second day's, which holds an update."""
    page = browser.new_page(viewport=DESKTOP)
    page.goto(entry)
    page.get_by_role("button", name=re.compile("sign in", re.IGNORECASE)).click()
    page.wait_for_url("**/desk/**")
    review = f"{site}/desk/issues/{SECOND_ISSUE}/"
    photograph_review(page, review)
    for name, path in (("today", "/desk/"), ("reports", "/desk/reports/"), ("people", "/desk/people/"), ("audit", "/desk/audit/")):
        see(page, site + path, f"{name}-desktop", DESKTOP)
        see(page, site + path, f"{name}-phone", PHONE)
    page.goto(review)
    update = page.locator(".tag.update, .kind", has_text=re.compile("update", re.IGNORECASE))
    story = page.locator("article.story", has=update).first
    story.locator("summary").first.click()
    address = story.locator("a[href*='/desk/stories/']").first.get_attribute("href")
    page.goto(f"{review}proof.html")
    page.set_viewport_size(PHONE)
    keep(page, "mail-update-phone")
    for name, size in (("story-phone", PHONE), ("story-desktop", DESKTOP)):
        page.set_viewport_size(size)
        page.goto(f"{site}{address}")
        page.locator("ol.told details").first.evaluate("one => one.open = true")
        keep(page, name)
    page.close()


def photograph_review(page: Any, review: str) -> None:
    """The review screen with a story open at a sentence's passage, and with a number in a headline that no source has."""
    page.goto(review)
    story = page.locator("article.story").first
    story.locator("summary").first.click()
    story.locator("ol.told summary").first.click()
    page.wait_for_load_state("networkidle")
    looks = (("review-desktop", DESKTOP, "light"), ("review-dark", DESKTOP, "dark"), ("review-phone", PHONE, "light"))
    for name, size, scheme in looks:
        page.set_viewport_size(size)
        page.emulate_media(color_scheme=scheme)
        page.wait_for_timeout(500)
        page.screenshot(path=PICTURES / f"{name}.png")
    page.emulate_media(color_scheme="light")
    page.set_viewport_size(DESKTOP)
    headline = story.locator("textarea[name=headline]")
    story.locator("details:has(textarea[name=headline]) > summary").last.click()
    headline.fill(headline.input_value() + ", 917 hurt")
    story.get_by_role("button", name="Save").first.click()
    page.locator("#preflight", has_text="approval is blocked").first.wait_for()
    panes = (("preflight-phone", "#decision", PHONE), ("issue-phone", "#proof", PHONE), ("preflight-desktop", "", DESKTOP))
    for name, anchor, size in panes:
        page.set_viewport_size(size)
        page.goto(f"{review}{anchor}")
        page.wait_for_load_state("networkidle")
        page.screenshot(path=PICTURES / f"{name}.png")
    for name, size in (("changes-desktop", DESKTOP), ("changes-phone", PHONE)):
        see(page, f"{review}differences/", name, size)
    page.goto(review)
    page.get_by_role("button", name=re.compile("^Undo")).click()
    page.wait_for_load_state("networkidle")


def see(page: Any, address: str, name: str, size: Any) -> None:
    """Go to a page of somebody who has signed in, and keep the picture."""
    page.set_viewport_size(size)
    page.goto(address)
    keep(page, name)


def take(browser: Browser, address: str, name: str, size: Any, scheme: Any = "light") -> None:
    """Open an address and keep the picture."""
    page = browser.new_page(viewport=size, color_scheme=scheme)
    page.goto(address)
    keep(page, name)
    page.close()


def keep(page: Any, name: str) -> None:
    """Write what the page shows, at most 2,400 pixels of it."""
    # What sticks to the window's edge would lie across the middle of a long picture.
    page.evaluate("document.querySelectorAll('.bar-below').forEach(one => { one.style.position = 'static' })")
    size = page.viewport_size
    height = min(page.evaluate("document.documentElement.scrollHeight"), 2400)
    page.screenshot(path=PICTURES / f"{name}.png", full_page=True,
                    clip={"x": 0, "y": 0, "width": size["width"], "height": max(height, size["height"])})


def free_port() -> int:
    """Return a loopback port nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(address: str, seconds: float = 60) -> None:
    """Wait until the address answers 200."""
    end = time.monotonic() + seconds
    while True:
        try:
            with urllib.request.urlopen(address, timeout=2):
                return
        except (urllib.error.URLError, OSError):
            if time.monotonic() > end:
                raise
            time.sleep(0.3)


if __name__ == "__main__":
    raise SystemExit(main())
