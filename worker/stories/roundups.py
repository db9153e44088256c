"""Tells from its headline whether an article is a roundup, digest, live blog or opinion: many events or none, so part of none."""

import re

_ROUNDUP = re.compile(
    r"""
    \b everything \s (?:\w+\s){0,6}? (?:announced|unveiled|revealed|launched) \b
    | \b (?:all\sthe|biggest|top|main|key) \s (?:\w+\s)?(?:announcements|news|stories|headlines|reveals) \b
    | \b (?:this|last|the) \s (?:week|month)(?:['’]s)? \s (?:in|on) \b (?!\s(?:a|an|\d))
    | \b (?:the\s)? (?:week|month|day|year) \s in \s (?:review|ai|tech|brief|news|pictures|photos) \b
    | \b (?:daily|weekly|monthly|morning|evening|midday|afternoon|friday|monday|sunday|weekend|news)\s(?:\w+\s)?
        (?:brief|briefing|briefs|digest|round-?\s?up|recap|wrap|wrap-up|bulletin|newsletter|download|dispatch|links|roundtable)\b
    | \b round-?up \s* (?:$|[:|–—]) | ^ (?:\w+\s){0,3} round-?\s?up \b | \b round-?up \s (?:of|for|from) \b
    | \b news \s (?:in\sbrief|digest|recap|wrap) \b | \b in\sbrief \b \s* (?:$|:) | ^ (?:in\s)?brief(?:s|ing)?\s?:
    | \b live \s? blog \b | \b live \s updates? \b | \b as\sit\shappened\b | ^ live \s? [:|–—]
    | \b things \s to \s know \s (?:today|this|before|for) | \b links \s (?:for|of) \s (?:the|\d)
    | \b newsletter \s* (?:\#|no|issue|$) | \b digest \s* (?:$|[:#|–—]) | \b open\sthread\b
    | ^ (?:opinion|op-ed|column|comment|commentary|editorial|podcast|letters?) \s? [:|–—]
    | 早报|晚报|日报|周报|早知道|一周|盘点|合集|速览|要闻汇总|快讯汇总|日报告
    """,
    re.I | re.X,
)
_PICTOGRAM = re.compile("[\U0001f300-\U0001faff\u2600-\u27bf]")


def is_roundup(title: str) -> bool:
    """True for "Everything announced at ...", "This week in AI", "Morning briefing", a live blog, "Opinion:", and headlines that
    string several news together, each with its pictogram."""
    return bool(_ROUNDUP.search(title)) or (len(_PICTOGRAM.findall(title)) >= 2 and "," in title)
