"""templates/terms/*.md in, published wordings out: rows that never change, each with its version and its hash."""

import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import markdown
import nh3
from django.conf import settings
from django.core import signing
from django.db import transaction
from django.utils import timezone

from worker import editorial
from worker.editorial import Publisher
from worker.errors import BroadsheetError, ConflictError, NotFoundError
from worker.readers.terms_file import VERSION, Draft, read_draft
from worker.storage.models import Consent, Notice, Subscription, SubscriptionState, Terms

BOXES = ("newsletter", "partners", "tracking")  # what stands beside a box that a reader may tick
TOLD = ("newsletter", "privacy")  # of a new version every reader is told by mail
SHOWN_SECONDS = 30 * 24 * 3600  # how long a form may stay open
_SEAL, _SEP = "broadsheet.readers.shown", "."  # a salt of its own: the seal is public, and opens nothing
TAGS = {"h1", "h2", "h3", "h4", "p", "ul", "ol", "li", "a", "strong", "em", "br", "hr", "blockquote", "code",
         "table", "thead", "tbody", "tr", "th", "td"}


def publish_terms(folder: Path | None = None, *, now: datetime | None = None) -> list[Terms]:
    """Publish every file of templates/terms that is not published yet; return the new rows.

    Running it again changes nothing and returns none. Who is owed a letter about a new version is for `renewal` to find.
    A wording nobody has agreed to or was told of may still change under its version, as when POSTAL_ADDRESS is set after
    the first start. Raises BroadsheetError if a file cannot be read, and ConflictError if readers agreed to another
    wording of this version, or if material terms would take effect before their readers had time to answer.
    """
    now = now or timezone.now()
    folder = folder or Path(settings.TEMPLATES_DIR) / "terms"
    publisher = editorial.load().publisher
    values = {"publisher": publisher.name,
              "postal_address": " ".join(settings.POSTAL_ADDRESS.split()) or "postal address not set",
              "partners": name_partners(publisher)}
    drafts = [read_draft(file, values) for file in sorted(folder.glob("*.md"))
              if publisher.all_partners or not file.name.startswith("partners-")]  # nobody to agree to: no wording
    if not drafts:
        raise BroadsheetError(f"{folder}: there are no terms to publish; put newsletter-1.0.md there")
    # By their days, so that of two versions published at once the later one is the newer one.
    drafts.sort(key=lambda draft: (draft.kind, draft.effective))
    with transaction.atomic():
        return [row for row, is_new in (_publish(draft, publisher, now) for draft in drafts) if is_new]


def name_partners(publisher: Publisher) -> str:
    """Return the partners as the wordings name them."""
    groups = [("our own network", publisher.network), ("our affiliate partners", publisher.partners)]
    return "; ".join(f"{who}: {', '.join(names)}" for who, names in groups if names) or "none at present"


def _publish(draft: Draft, publisher: Publisher, now: datetime) -> tuple[Terms, bool]:
    row = Terms.objects.filter(kind=draft.kind, version=draft.version).first()
    if row and (row.sha256, row.material, row.effective) == (draft.sha256, draft.material, draft.effective):
        return row, False
    if row and _is_used(row):
        raise ConflictError(
            f"{draft.file}: version {draft.version} was published on {row.published_at:%Y-%m-%d} with another wording or day "
            "(its text, or the publisher, partners or POSTAL_ADDRESS filled into it, has changed since): "
            "copy it to a file with a new version and put the old text back")
    _check_day(draft, now)
    _check_partners(draft, publisher)
    row, _ = Terms.objects.update_or_create(
        kind=draft.kind, version=draft.version,
        defaults={"title": draft.title, "wording": draft.wording, "sha256": draft.sha256, "material": draft.material,
                  "effective": draft.effective, "published_at": now})
    return row, True


def _is_used(row: Terms) -> bool:
    """Say whether somebody agreed to this wording or was told of it: then it stays as it is.

    To the privacy notice nobody agrees: it is what everybody was told who has signed up since.
    """
    by_wording = Consent.objects.filter(wording_sha256=row.sha256)
    since = Consent.objects.filter(at__gte=row.published_at)
    return ((since if row.kind == "privacy" else by_wording).exists()
            or Notice.objects.filter(key__startswith=letters_key(row.pk)).exists())


def letters_key(terms_id: int, stage: str = "") -> str:
    """Return how the keys of the letters about a version begin, and with `stage` all but the reader's id at their end."""
    return f"terms:{terms_id}:{stage}:" if stage else f"terms:{terms_id}:"


def _check_day(draft: Draft, now: datetime) -> None:
    """Raise ConflictError for a material change of which readers would be told too late, or that another version overtakes."""
    if not draft.material or draft.kind not in TOLD:
        return
    first = now.astimezone(UTC).date() + timedelta(days=settings.TERMS_NOTICE_DAYS)
    others = Terms.objects.filter(kind=draft.kind).exclude(version=draft.version)
    # How far a reader's agreement reaches is kept as a day, so the days must rise, or a change would pass as agreed to.
    later = others.filter(effective__gte=draft.effective).order_by("effective").last()
    if later:
        raise ConflictError(f"{draft.file}: effective {draft.effective} is not later than that of version {later.version}: give a "
                            f"material change a day after {later.effective}")
    if draft.effective < first and others.exists() and Subscription.objects.filter(
            state=SubscriptionState.CONFIRMED).exists():
        raise ConflictError(f"{draft.file}: effective {draft.effective} is too soon: readers are told of a material change at "
                            f"least {settings.TERMS_NOTICE_DAYS} days before it (TERMS_NOTICE_DAYS); give {first} or a later day")


def _check_partners(draft: Draft, publisher: Publisher) -> None:
    """Raise ConflictError for a wording that lets readers' older consents stand, but names partners they did not agree to."""
    before = Terms.objects.filter(kind="partners").exclude(version=draft.version).first()
    if draft.kind != "partners" or draft.material or before is None:
        return
    added = [name for name in publisher.named_in(draft.wording) if name not in publisher.named_in(before.wording)]
    if added:
        raise ConflictError(f"{draft.file}: it names {', '.join(added)}, which version {before.version} did not, so who agreed to "
                            "that one did not agree to this: set `material: true`, and their consent ends, which they are told")


def current_terms(kind: str = "newsletter", *, today: date | None = None) -> Terms:
    """Return the newest wording in force; raises BroadsheetError if none is published."""
    today = today or timezone.now().astimezone(UTC).date()
    row = Terms.in_force(kind, today)
    if row is None:
        raise BroadsheetError("no terms are published; run `broadsheet terms publish`")
    return row


def find_terms(version: str, kind: str = "newsletter") -> Terms:
    """Return one published wording; raises NotFoundError."""
    row = Terms.objects.filter(kind=kind, version=version).first() if VERSION.fullmatch(version) else None
    if row is None:
        raise NotFoundError(f"there is no version {version[:20]!r} of the {kind} terms")
    return row


def list_versions(kind: str = "newsletter") -> list[Terms]:
    """Return all published versions, the newest first, also those that are not in force yet."""
    return list(Terms.objects.filter(kind=kind).order_by("-effective", "-id"))


def find_before(terms: Terms) -> Terms | None:
    """Return the version before this one; None for the first."""
    versions = list_versions(terms.kind)
    return next(iter(versions[versions.index(terms) + 1 :]), None)


def terms_path(terms: Terms) -> str:
    """Return the path of the page that shows this wording, of whatever kind."""
    place = {"newsletter": "/terms", "privacy": "/privacy"}.get(terms.kind, f"/terms/box/{terms.kind}")
    return f"{place}/{terms.version}/"


def box_wordings() -> dict[str, Terms]:
    """Return the wordings in force that stand beside boxes, by kind; without partners there is none for them.

    Raises BroadsheetError if the terms are not published, and sign-up is closed.
    """
    there = {"newsletter": current_terms()}
    for kind in BOXES[1:]:
        if kind != "partners" or editorial.load().publisher.all_partners:
            with suppress(BroadsheetError):
                there[kind] = current_terms(kind)
    return there


Named = dict[str, tuple[int, str]]  # kind > the wording's row, and the beginning of its hash


@dataclass(frozen=True)
class Shown:
    """What a form says that it showed, by kind, and how long ago in seconds."""

    named: Named
    age: float


def name_wordings(wordings: Mapping[str, Terms]) -> Named:
    """Return what stands for these wordings where the wordings themselves would be too much."""
    return {kind: (row.pk, row.sha256[:16]) for kind, row in wordings.items()}


def find_wordings(named: Mapping[str, Sequence[Any]]) -> dict[str, Terms] | None:
    """Return the wordings; None if one of them is there no more, or if it is no sign-up's without the terms."""
    rows = Terms.objects.in_bulk([pk for pk, _ in named.values()])
    found = {kind: rows[pk] for kind, (pk, digest) in named.items() if pk in rows and rows[pk].sha256.startswith(digest)}
    return found if len(found) == len(named) and "newsletter" in found else None


def seal_shown(wordings: Mapping[str, Terms]) -> str:
    """Return what a form carries along to say which wordings stood in it, and since when."""
    return _signer().sign_object(name_wordings(wordings))


def read_shown(seal: str) -> Shown | None:
    """Return what a form showed, without asking the database; None if the seal is damaged, missing or older than thirty days."""
    if len(seal) > 600:
        return None
    try:
        named = _signer().unsign_object(seal, max_age=SHOWN_SECONDS)
        stamp = signing.b62_decode(seal.rsplit(_SEP, 2)[1])
    except (signing.BadSignature, ValueError):
        return None
    return Shown({kind: (pk, digest) for kind, (pk, digest) in named.items()}, time.time() - stamp)


def _signer() -> signing.TimestampSigner:
    return signing.TimestampSigner(salt=_SEAL, sep=_SEP)


def render_wording(wording: str) -> str:
    """Return the Markdown as safe HTML: text, lists, tables and links, and nothing that runs or loads."""
    html = markdown.markdown(wording, extensions=["tables"], output_format="html")
    return nh3.clean(html, tags=TAGS, attributes={"a": {"href"}}, url_schemes={"http", "https", "mailto"})
