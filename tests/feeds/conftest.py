"""A loopback feed server that may be fetched from, and feeds.toml files that point at it."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.feed_server import FeedServer

HEAD = """\
[publisher]
name = "Example Press"

[newsletters.daily]
title = "Daily"
description = "The day's technology news."
days = ["mon"]
draft_at = "06:00"
send_by = "10:00"
timezone = "Europe/London"
from_name = "Daily"
from_email = "daily@example.com"
"""


@pytest.fixture
def server(settings: Any) -> Iterator[FeedServer]:
    """Return a feed server whose address is on FETCH_ALLOW_HOSTS."""
    with FeedServer() as running:
        settings.FETCH_ALLOW_HOSTS = [running.host]
        settings.FETCH_TIMEOUT_SECONDS = 10
        yield running


@pytest.fixture
def configure(editorial_file: Path) -> Callable[..., None]:
    """Return a function that writes feeds.toml: name=url for each feed; `interval` is every feed's."""
    from worker import editorial

    def write(*, interval: str = "1h", **feeds: str) -> None:
        blocks = (f'[[feeds]]\nname = "{name}"\ntitle = "{name}"\nurl = "{url}"\nnewsletters = ["daily"]\n'
                  f'interval = "{interval}"\n' for name, url in feeds.items())
        editorial_file.write_text(HEAD + "\n".join(blocks))
        editorial._load.cache_clear()  # two writes within one tick of the file system's clock look like one

    return write


def rss(*items: str, channel: str = "") -> bytes:
    """Return an RSS document with these <item> contents."""
    inside = "".join(f"<item>{item}</item>" for item in items)
    return f'<rss version="2.0"><channel><title>Outlet</title>{channel}{inside}</channel></rss>'.encode()


def item(title: str, *, guid: str = "", link: str = "", date: str = "", description: str = "") -> str:
    """Return the content of an <item>; `date` is in RFC 822's form."""
    parts = {"title": title, "guid": guid, "link": link, "pubDate": date, "description": description}
    return "".join(f"<{tag}>{text}</{tag}>" for tag, text in parts.items() if text)
