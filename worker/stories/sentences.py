"""Plain text comes in; whole, quotable sentences come out, without boilerplate and without the ones a feed cut off."""

import html
import re

_ABBREVIATION = re.compile(
    r"(?:^|[\s(“\"'])(?:Mr|Mrs|Ms|Mx|Dr|Prof|Rev|Hon|St|Sr|Jr|Gen|Sen|Rep|Gov|Lt|Col|Sgt|Capt|Cmdr|Maj|Pres|Atty|Supt|"
    r"Inc|Corp|Co|Ltd|Bros|vs|v|etc|al|approx|est|dept|fig|no|nos|vol|ed|pp|Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sept?|Oct|Nov|"
    r"Dec|Mon|Tues?|Wed|Thurs?|Fri|e\.g|i\.e|cf|Ave|Blvd|Ft|Mt|Ph\.D|[A-Z]|(?:[A-Za-z]\.)+[A-Za-z])\.$"
)
# After one of these an initialism such as "U.S." may well end its sentence.
_OPENERS = re.compile(
    r"(?:The|A|An|In|On|At|It|He|She|They|But|And|This|That|These|We|I|You|For|As|If|When|While|After|Its|His|Her)\b"
)
_INITIALS = re.compile(r"(?:[A-Za-z]\.){2,}$")
_END = re.compile(
    r"""(?:(?<=[.!?…])|(?<=[.!?…]["”’')\]])|(?<=[.!?…]["”’'][)\]”"]))\s+(?=(?:["“‘'(\[]|``\s?)?[A-Z0-9À-ÞЀ-Я$€£¥\u3040-\u9fff])
      | (?<=[。！？])(?![”」』"’）])  |  (?<=[。！？][”」』"’）])  |  \n+""",
    re.X,
)
_FINISHED = re.compile(r"""[.!?。！？]["”’')\]」』）]*$""")
_CUT = re.compile(r"""(?:\.{2,}|…|\[\s*(?:\.{3}|…)\s*\]|\[&hellip;\])["”’')\]]*$""")
_BOILERPLATE = re.compile(
    r"""\b(?:read\s(?:more|the\s(?:full|rest|entire))|sign\s?up|subscribe|newsletter|appeared\sfirst\son|click\shere|
    continue\sreading|originally\spublished|all\srights\sreserved|follow\sus|cookies?\spolicy|terms\sof\s(?:use|service)\sapply|
    this\s(?:story|article|post)\s(?:has\sbeen\supdated|was\s(?:originally|first|updated)|originally|first\sappeared)|
    view\sin\s(?:your\s)?browser|advertisement|affiliate|photo\s(?:by|credit)|image\scredits?|getty\simages|
    listen\sto\s(?:this|the)|watch\s(?:the\svideo|below|above)|comments?\s(?:off|url)|article\surl|download\sour|
    editor['’]s\snote|stay\stuned|join\sus|register\s(?:now|here|today)|buy\s(?:now|tickets)|save\sup\sto)\b
    | ^(?:comments?|image|photo|video|credit|source|tags?|related|see\salso|points|update|hide\scaption|toggle\scaption)\s?:
    | https?:// | \bwww\. | [{}<>] | \b\w+@\w+\.\w+ | 阅读原文|点击|关注公众号|扫码""",
    re.I | re.X,
)
_DATELINE = re.compile(
    r"^(?:[A-Z][\w.’' -]{1,40}(?:,\s[A-Z][\w.’' -]{1,30}){0,2}\s)?\((?:Reuters|AP|AFP|Bloomberg|CNN|UPI|dpa|Xinhua|PTI|IANS)\)"
    r"\s?[-–—:]*\s*|^[A-Z]{3,}[A-Z .,]{0,40}(?:,\s[A-Z][\w.]+)?(?:\s\d{1,2})?\s?[–—-]\s"
)
_MONTH = (
    r"(?:Jan(?:uary)?|Feb(?:ruary)?|Mar(?:ch)?|Apr(?:il)?|May|June?|July?|Aug(?:ust)?|Sept?(?:ember)?|"
    r"Oct(?:ober)?|Nov(?:ember)?|Dec(?:ember)?)"
)
_PRINTED = re.compile(
    r"^(?:(?:last\s)?(?:updated|posted|published|modified)\s?(?:on|at)?\s?:?\s*)?(?:(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day,?\s)?"
    + _MONTH
    + r"\.?\s\d{1,2},\s(?:19|20)\d\d"
    r"(?:,?\s(?:at\s)?\d{1,2}:\s?\d\d\s?(?:[AaPp]\.?[Mm]\.?)?(?:\s[A-Z]{2,4})?)?\s[-–—|]?\s?(?-i:(?=[A-Z]))",
    re.I,
)
_LEAD_IN = re.compile(
    r"""(?:(?:But|And|Yet|So|Meanwhile|However|Moreover|Still|Also|In\saddition|Additionally|Separately|Nevertheless|Nonetheless|
    Instead|Indeed|In\sfact|Of\scourse|At\sthe\ssame\stime|On\sthe\sother\shand|As\sa\sresult|Now|Plus),?
    |(?:The\s(?:big\spicture|numbers|latest|details|backstory|bottom\sline)|Why\sit\smatters|Driving\sthe\snews|
    What\s(?:we['’]re\shearing|happened|to\sknow|they['’]re\ssaying)|What['’]s\s(?:new|next|happening)|By\sthe\snumbers|
    Details|Background|State\sof\splay|Key\s(?:point|takeaway)s?|TL;?DR|In\sshort|In\sbrief):)\s+(?=[A-Z])""",
    re.X,
)
_TAG = re.compile(r"</?[A-Za-z][^<>]{0,300}>")


def split_sentences(text: str) -> list[str]:
    """The sentences of a text in order, each a verbatim stretch of it; nothing is dropped but the white space between."""
    pieces: list[str] = []
    start = 0
    for match in _END.finditer(text):
        before, after = text[start : match.start()], text[match.end() : match.end() + 40]
        if not before.strip() or (match[0].strip("\n") and _still_open(before, after)):
            continue
        pieces.append(before.strip())
        start = match.end()
    pieces.append(text[start:].strip())
    return [piece for piece in pieces if piece]


def is_quotable(sentence: str) -> bool:
    """Whole, of a sane length, and saying something: not cut off, no boilerplate, quotation marks in pairs."""
    if _CUT.search(sentence) or not _FINISHED.search(sentence) or _BOILERPLATE.search(sentence):
        return False
    if sentence[0].islower() or sentence.count("“") != sentence.count("”") or sentence.count('"') % 2:
        return False
    return 6 <= length_in_words(sentence) <= 55 and sentence.count("(") == sentence.count(")")


def length_in_words(text: str) -> int:
    """Words; two characters of Chinese, Japanese or Korean count as one."""
    wide = len(re.findall(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]", text))
    return len(re.findall(r"[^\W\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]+(?:['’.,-]\w+)*", text)) + wide // 2


def drop_lead_in(sentence: str) -> str:
    """Without the dateline, and without a "But" or "Meanwhile," in front if what follows can open a sentence as it stands."""
    text = drop_dateline(sentence)
    rest = text[match.end() :] if (match := _LEAD_IN.match(text)) else text
    return rest if rest[:1].isupper() and not rest.startswith("I ") else text


def drop_dateline(sentence: str) -> str:
    """Without "LONDON (Reuters) - " in front; what is left is still verbatim."""
    rest = sentence[match.end() :] if (match := _DATELINE.match(sentence) or _PRINTED.match(sentence)) else sentence
    return rest if rest[:1].isupper() or rest[:1] in "“\"‘" else sentence


def tidy(text: str) -> str:
    """Left-over entities resolved, left-over tags and what no text may hold dropped, every stretch of white space one space."""
    plain = _TAG.sub(" ", html.unescape(text)).encode("utf-8", "ignore").decode()
    return " ".join(plain.replace("\u00ad", "").replace("\u200b", "").split())


def _still_open(before: str, after: str) -> bool:
    before = before[-40:]
    if _INITIALS.search(before):
        return not _OPENERS.match(after)
    return bool(_ABBREVIATION.search(before))
