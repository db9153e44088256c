"""A feed's last error in; what a person can do about it, in a sentence or two, out. Pure."""

import re

_ASKED_AGAIN = "It is asked again by itself"
_ADVICE: tuple[tuple[str, str], ...] = (
    (r"\(410\)|410 Gone",
     "The outlet has ended this feed. Look on its site for a new one and change the address, or take the feed out."),
    (r"404 Not Found",
     "The feed is not there any more. Look on the outlet’s site for its new address, and change it here."),
    (r"HTML page",
     "The address leads to a web page. Give it to “Add a feed”, which looks for the feed on it, then change the address here."),
    (r"answered 40[13]",
     "The outlet wants a sign-in, or refuses feed readers. Ask it, look for another feed of it, or take it out."),
    (r"answered 429|to wait \d+ seconds",
     "The outlet wants to be asked less often, and is. If it comes back, choose a longer interval."),
    (r"answered 5\d\d",
     f"The outlet’s server is in trouble. {_ASKED_AGAIN}; nothing is to be done unless it lasts for days."),
    (r"was not resolved",
     "No such name is known: the outlet may have moved. If many feeds say this, the machine has no name service."),
    (r"not a public address",
     "Only public addresses are fetched. If the server is your own, the error names the setting to change."),
    (r"certificate",
     f"The outlet’s certificate is not in order, which is for the outlet to mend. {_ASKED_AGAIN}."),
    (r"no complete answer within|time for this fetch",
     f"The outlet is slow. {_ASKED_AGAIN}; if it stays so, raise FETCH_TIMEOUT_SECONDS."),
    (r"FETCH_MAX_BYTES",
     "The document is larger than allowed. Look for a smaller feed of the outlet, or raise FETCH_MAX_BYTES."),
    (r"broken feed|not a feed|cannot be read|the document is empty|took too",
     "What the outlet serves is no feed that can be read. Tell the outlet, or look for another feed of it."),
    (r"redirects",
     "The outlet sends us round in a circle. Look on its site for the feed’s present address, and change it here."),
)


def advise(error: str) -> str:
    """Return what to do about a feed's error; "" if there is none."""
    if not error:
        return ""
    return next((words for pattern, words in _ADVICE if re.search(pattern, error)),
                f"{_ASKED_AGAIN}. If this lasts for days, look whether the outlet’s site can be opened.")
