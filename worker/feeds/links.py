"""A link as a feed writes it in; the address of the article itself out, or nothing if it is not a web address."""

import base64
import binascii
import re
from urllib.parse import SplitResult, unquote, urljoin, urlsplit, urlunsplit

LINK_LENGTH = 2000  # characters, as Item.url holds

_TRACKING = re.compile(
    r"^(?:utm_\w+|fbclid|gclid|gclsrc|dclid|gbraid|wbraid|msclkid|twclid|ttclid|yclid|li_fat_id|igshid|igsh|mc_cid|"
    r"mc_eid|mkt_tok|_hsenc|_hsmi|__hs\w+|hsctatracking|vero_id|oly_enc_id|oly_anon_id|_openstat|wt_mc|wt_zmc|xtor|at_medium|"
    r"at_campaign|cmpid|cmp|smid|guccounter|guce_\w+|ref_src|ref_url|rss_id|ns_\w+|pk_\w+|mtm_\w+|matomo_\w+|piwik_\w+|"
    r"hootpostid|s_cid|sr_share|spm|trk|trkcampaign|campaign_id|ito|feedtype|feedname|ftag)$", re.IGNORECASE)
# These names have other uses too, so they go only with a value that says "it came by a feed or a network".
_ORIGIN = re.compile(r"^(?:ref|source|src|partner|from|via|referrer|medium|feed|cid|origin)$", re.IGNORECASE)
_BY_FEED = re.compile(r"^(?:rss\w*|feeds?|feedburner|atom|feedly|twitter|facebook|linkedin|newsletter|email)$",
                      re.IGNORECASE)

# Redirectors that carry the target in the link: host, path, name of the parameter.
_REDIRECTORS: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    (r"(?:www\.)?google\.[a-z.]{2,6}", r"/url", ("q", "url")),
    (r"(?:www\.)?bing\.com", r"/news/apiclick\.aspx", ("url",)),
    (r"(?:www\.)?duckduckgo\.com", r"/l/?", ("uddg",)),
    (r"lm?\.facebook\.com", r"/l\.php", ("u",)),
    (r"(?:www\.)?youtube\.com", r"/redirect", ("q",)),
    (r"(?:www\.)?linkedin\.com", r"/redir(?:ect|/redirect)", ("url",)),
    (r"out\.reddit\.com", r"/.*", ("url",)),
    (r"t\.umblr\.com", r"/redirect", ("z",)),
    (r"slack-redir\.net", r"/link", ("url",)),
    (r"go\.(?:redirectingat|skimresources)\.com", r"/?", ("url",)),
    (r"redirect\.viglink\.com", r"/?", ("u",)),
)
_NEWS_ARTICLE = re.compile(r"^/(?:rss/)?articles/([A-Za-z0-9_-]{20,})$")
_UNSAFE = re.compile(r"[\x00-\x20\x7f-\x9f\"<>\\^`{|}]")


def clean_link(link: str, base: str = "") -> str:
    """Return the absolute http(s) address that `link` leads to, or "" if there is none.

    Tracking parameters, user names and passwords are removed; redirectors that carry their target are unwrapped.
    """
    link = link.strip()
    if not link:
        return ""
    try:
        for _ in range(3):  # a redirector may lead to a redirector
            parts = urlsplit(urljoin(base, link) if base else link)
            target = _find_target(parts)
            if not target:
                break
            link = target
        return _write_address(parts)
    except ValueError:  # urllib's word for an address that cannot be one
        return ""


def _find_target(parts: SplitResult) -> str:
    host, path = (parts.hostname or "").lower(), parts.path
    if host == "news.google.com" and (match := _NEWS_ARTICLE.match(path)):
        return _read_news_article(match[1])
    for host_pattern, path_pattern, names in _REDIRECTORS:
        if re.fullmatch(host_pattern, host) and re.fullmatch(path_pattern, path):
            given = dict(pair.partition("=")[::2] for pair in reversed(parts.query.split("&")))
            targets = (unquote(given[name]) for name in names if name in given)
            return next((one for one in targets if one.lower().startswith(("http://", "https://"))), "")
    return ""


def _read_news_article(code: str) -> str:
    """Return the address inside a Google News article code; newer codes hold none and stay as they are."""
    try:
        raw = base64.urlsafe_b64decode(code + "=" * (-len(code) % 4))
    except (binascii.Error, ValueError):
        return ""
    match = re.search(rb"https?://[\x21-\x7e]+", raw)
    return match[0].decode("ascii") if match else ""


def _write_address(parts: SplitResult) -> str:
    host = (parts.hostname or "").lower()
    if parts.scheme.lower() not in ("http", "https") or not host:
        return ""
    port = parts.port
    netloc = f"[{host}]" if ":" in host else host
    if port and port != {"http": 80, "https": 443}[parts.scheme.lower()]:
        netloc = f"{netloc}:{port}"
    query = "&".join(pair for pair in parts.query.split("&") if pair and not _is_tracking(pair))
    fragment = parts.fragment if not _is_tracking(parts.fragment.partition("&")[0]) else ""
    url = urlunsplit((parts.scheme.lower(), netloc, parts.path or "/", query, fragment))
    url = _UNSAFE.sub(lambda match: "".join(f"%{byte:02X}" for byte in match[0].encode()), url)
    return url if len(url) <= LINK_LENGTH else ""


def _is_tracking(pair: str) -> bool:
    name, _, value = pair.partition("=")
    return bool(_TRACKING.match(name) or (_ORIGIN.match(name) and _BY_FEED.match(value)))
