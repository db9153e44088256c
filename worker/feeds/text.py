"""HTML, or text that may be HTML, in; plain text out: no markup, entities decoded, no control characters."""

import html
import re
import unicodedata

import nh3

TITLE_LENGTH = 500  # characters, as Item.title holds
SUMMARY_LENGTH = 4000  # characters; longer texts are whole articles, of which the beginning says what happened

# What ends a line of text. Other elements (a, em, span) are in the middle of one.
_BLOCKS = {"address", "article", "aside", "blockquote", "br", "center", "dd", "div", "dl", "dt", "fieldset", "figure",
           "footer", "form", "h1", "h2", "h3", "h4", "h5", "h6", "header", "hr", "li", "main", "nav", "ol", "p", "pre",
           "section", "table", "tbody", "thead", "tr", "ul"}
_CELLS = {"td", "th"}
# Elements whose content nobody reads as the text of an article; captions name photographers, not news.
_UNREAD = {"audio", "button", "canvas", "figcaption", "head", "iframe", "math", "noembed", "noscript", "object",
           "script", "select", "style", "svg", "template", "textarea", "title", "video"}
_INLINE = {"a", "abbr", "acronym", "b", "bdi", "bdo", "big", "body", "caption", "cite", "code", "col", "data", "del",
           "dfn", "em", "embed", "font", "html", "i", "img", "input", "ins", "kbd", "label", "link", "mark", "meta",
           "nobr", "option", "picture", "q", "rp", "rt", "ruby", "s", "samp", "small", "source", "span", "strike",
           "strong", "sub", "summary", "sup", "tfoot", "time", "tt", "u", "var", "wbr"}
_NAMES = "|".join(sorted(_BLOCKS | _CELLS | _UNREAD | _INLINE, key=len, reverse=True))
_TAG = re.compile(rf"</?(?:{_NAMES})\b[^<>]{{0,2000}}>|<!--|-->|<!\[CDATA\[|\]\]>", re.IGNORECASE)
_ANY_TAG = re.compile(r"<[a-zA-Z/!?][^<>]*>")
_CELL_TAG = re.compile(r"</?t[dh]>")
_BLOCK_TAG = re.compile(r"<[^>]*>")
_ENTITY = re.compile(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[a-zA-Z][a-zA-Z0-9]{1,30});")
_BREAK = "\u2029"  # marks the end of a paragraph while a text is read; Unicode's own sign for it
_BLANK_LINE = re.compile(r"(?:\r\n?|\n)[^\S\r\n]*(?:\r\n?|\n)\s*")
_NEWLINE = re.compile(r"[\r\n\x0b\x0c\x85\u2028]+")
_LINE = re.compile(r"[^\S\n]+")
_BREAKS = re.compile(r" ?\n[ \n]*")
_SENTENCE_END = re.compile(r"[.!?…。！？][\"'”’»)]*(?=\s|$)|[。！？]")
# Lines that publishing software adds below every text; they would make strangers look alike.
_FURNITURE = re.compile(
    r"^(?:the post .{1,600} (?:first )?appeared (?:first )?on .{1,200}|(?:continue|keep) reading\b.{0,300}|"
    r"read (?:more|the full (?:story|article))\b.{0,200}|(?:article|comments) url: \S+|points: \d+|"
    r"# comments: \d+|comments|"
    r"submitted by /?u/\S+.*|\[link\].*|\[comments\]|view (?:this post|in browser).{0,200})$", re.IGNORECASE)
_ARXIV = re.compile(r"^arXiv:\S+ Announce Type: \S+\s+(?:Abstract:\s*)?")
_CUT = re.compile(r"\s*(?:\[(?:…|\.\.\.|&hellip;)\]|\(more…\))\s*$")
# Cc but tab and newline, invisible direction marks that can make text read differently than it is stored, zero-width
# spaces, soft hyphens, lone surrogates and non-characters. Joiners stay: Persian, Urdu and emoji need them.
_UNSEEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u00ad\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069"
                     "\ufeff\ufdd0-\ufdef\ufffe\uffff\ud800-\udfff\U000e0000-\U000e007f]")
_SURROGATE = re.compile("[\ud800-\udfff]")


def html_to_text(source: str) -> str:
    """Return the text of an HTML fragment, a line for each paragraph.

    Texts that were escaped twice (`&amp;lt;p&amp;gt;`, a common fault of publishing software) are read twice.
    """
    if not _ANY_TAG.search(source):
        source = _BLANK_LINE.sub(_BREAK, source)  # plain text: a blank line ends a paragraph, a newline only a line
    text = _read_html(source)
    for _ in range(2):
        if not _ENTITY.search(text) and not _TAG.search(text):
            break
        text = _read_html(text)
    return _tidy(_TAG.sub(" ", text))


def title_text(source: str) -> str:
    """Return a title as one line of at most 500 characters, cut at a word."""
    if _TAG.search(source) is None and "<" in source:
        source = source.replace("<", "&lt;")  # "Vec<T>", "<3": no markup, but an HTML reader would drop it
    return cut_at_word(" ".join(html_to_text(source).split()), TITLE_LENGTH)


def summary_text(description: str, content: str) -> str:
    """Return the text of an entry of at most 4,000 characters: the longer of the two, but not a whole article."""
    short, long = _drop_furniture(html_to_text(description)), _drop_furniture(html_to_text(content))
    if len(short) > len(long):
        long, short = short, long
    if len(long) <= SUMMARY_LENGTH or len(short) < 120:
        return cut_at_sentence(long, SUMMARY_LENGTH)
    return cut_at_sentence(_CUT.sub(" …", short), SUMMARY_LENGTH)


def first_sentence(text: str, length: int = 120) -> str:
    """Return the beginning of a text as a title for an entry that has none."""
    line = text.partition("\n")[0]
    end = _SENTENCE_END.search(line)
    return cut_at_word(line[: end.end()] if end else line, length)


def cut_at_word(text: str, length: int) -> str:
    """Return at most `length` characters, ending in "…" at a word if anything was cut."""
    if len(text) <= length:
        return text
    head = text[: length - 1]
    word = head.rfind(" ")
    return (head[:word] if word > length // 2 else head).rstrip(" ,;:-–—") + "…"


def cut_at_sentence(text: str, length: int) -> str:
    """Return at most `length` characters, ending at the last sentence end that leaves half of them, else at a word."""
    if len(text) <= length:
        return text
    ends = [match.end() for match in _SENTENCE_END.finditer(text[:length])]
    return text[: ends[-1]] if ends and ends[-1] > length // 2 else cut_at_word(text, length)


def mend_halves(text: str) -> str:
    """Return the text with surrogates, which no UTF-8 can hold, made whole in pairs and replaced alone.

    Software that counts in UTF-16 writes an emoji as `&#55357;&#56832;`, or cuts one in two.
    """
    if _SURROGATE.search(text) is None:
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def strip_unseen(text: str) -> str:
    """Return the text without control characters and other characters that cannot be seen."""
    return _UNSEEN.sub("", text)


def _read_html(source: str) -> str:
    source = _NEWLINE.sub(" ", source).replace("<![CDATA[", "").replace("]]>", "")  # an escaped wrapping, left over
    if "<" not in source and "&" not in source:
        return source
    if "<" in source and not _ANY_TAG.search(source):
        source = source.replace("<", "&lt;")  # "a < b" and "<3" are no markup
    clean = nh3.clean(source, tags=_BLOCKS | _CELLS, clean_content_tags=_UNREAD, attributes={}, link_rel=None)
    return html.unescape(_BLOCK_TAG.sub(_BREAK, _CELL_TAG.sub(" ", clean)))


def _tidy(text: str) -> str:
    text = strip_unseen(unicodedata.normalize("NFC", text)).replace("\n", " ").replace(_BREAK, "\n")
    return _BREAKS.sub("\n", _LINE.sub(" ", text)).strip()


def _drop_furniture(text: str) -> str:
    lines = [line for line in _ARXIV.sub("", text).split("\n") if not _FURNITURE.match(line)]
    return "\n".join(lines).strip()
