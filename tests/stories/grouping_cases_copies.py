"""Hand-written cases of one piece told again: two feeds, wire copies, changed headlines; and pieces that only look like it.

An article is (letter, number of the article it repeats word for word or None, link, title, text, outlet, hours).
"""

CopyCase = tuple[str, list[tuple[str, int | None, str, str, str, str | None, float | None]]]

FIRE = (
    "A fire in a Wellmouth computer hall took banks, buses and the city's water meters offline for six hours on Sunday, "
    "the operator Nordhalle said. Nobody was hurt."
)
GLASSES = "Norvane's glasses cost $399, translate menus and arrive in spring, the company said at an event in Tavari."

COPY_CASES: list[CopyCase] = [
    ("one link in two feeds of an outlet", [
        ("a", None, "https://ledger.example/tech/glasses", "Norvane shows glasses that translate menus",
         GLASSES, "Ledger", 0),
        ("a", 0, "https://ledger.example/tech/glasses", "Norvane shows glasses that translate menus",
         GLASSES, "Ledger AI", 0)]),
    ("tracking parameters", [
        ("a", None, "https://ledger.example/glasses", "Norvane shows glasses that translate menus",
         GLASSES, "Ledger", 0),
        ("a", 0, "https://ledger.example/glasses?utm_source=rss&utm_medium=feed", "Norvane shows glasses that translate menus",
         GLASSES, "Ledger AI", 1)]),
    ("http and https, www, last slash", [
        ("a", None, "https://www.ledger.example/glasses/", "Norvane shows glasses that translate menus",
         GLASSES, "Ledger", 0),
        ("a", 0, "http://ledger.example/glasses", "Norvane's glasses translate menus", "", "Ledger AI", 2)]),
    ("one link under a link list's own words", [
        ("a", None, "https://ledger.example/glasses", "Norvane shows glasses that translate menus",
         GLASSES, "Ledger", 0),
        ("a", 0, "https://ledger.example/glasses#comments", "Would you wear these?", "Points: 212", "Forum", 9)]),
    ("the parameter that tells two pages apart", [
        ("a", None, "https://board.example/item?id=4410", "Norvane shows glasses that translate menus",
         GLASSES, "Board", 0),
        ("b", None, "https://board.example/item?id=4466", "Show and tell: a lamp that knows the weather",
         "It glows blue before rain.", "Board", 1)]),
    ("a wire report on five sites", [
        ("a", None, "https://wire.example/fire", "Fire in Wellmouth computer hall stops buses", FIRE, "Wire", 0),
        ("a", 0, "https://tribune.example/fire", "Fire in Wellmouth computer hall stops buses", FIRE, "Tribune", 1),
        ("a", 0, "https://post.example/fire", "Fire in Wellmouth computer hall stops buses", FIRE, "Post", 1.5),
        ("a", 0, "https://kiosk.example/fire", "Fire in Wellmouth computer hall stops buses", FIRE, "Kiosk", 2),
        ("a", 0, "https://harbour.example/fire", "Fire in Wellmouth computer hall stops buses",
         FIRE, "Harbour Post", 20)]),
    ("a wire report under another headline", [
        ("a", None, "https://wire.example/fire", "Fire in Wellmouth computer hall stops buses", FIRE, "Wire", 0),
        ("a", 0, "https://tribune.example/fire", "Buses stand still as computer hall burns", FIRE, "Tribune", 2)]),
    ("a wire report beside a report of one's own", [
        ("a", None, "https://wire.example/fire", "Fire in Wellmouth computer hall stops buses", FIRE, "Wire", 0),
        ("a", 0, "https://tribune.example/fire", "Fire in Wellmouth computer hall stops buses", FIRE, "Tribune", 1),
        ("a", None, "https://post.example/hall", "Wellmouth without buses after Nordhalle's computer hall burns",
         "Our reporter walked home on Sunday: the fire at Nordhalle had stopped every bus in "
         "Wellmouth, and firefighters needed six hours.", "Post", 3)]),
    ("a wire report a day later by a slow site", [
        ("a", None, "https://wire.example/fire", "Fire in Wellmouth computer hall stops buses", FIRE, "Wire", 0),
        ("a", 0, "https://slow.example/fire", "Fire In Wellmouth Computer Hall Stops Buses",
         FIRE, "Slow Courier", 40)]),
    ("a headline in capitals with the outlet behind it", [
        ("a", None, "https://wire.example/fire", "Fire in Wellmouth computer hall stops buses", FIRE, "Wire", 0),
        ("a", 0, "https://lines.example/1", "Fire In Wellmouth Computer Hall Stops Buses - Wire", FIRE, "Lines", 3)]),
    ("one outlet, an updated headline", [
        ("a", None, "https://ledger.example/fire-1", "Fire in Wellmouth computer hall stops buses",
         FIRE, "Ledger", 0),
        ("a", 0, "https://ledger.example/fire-2", "Fire in Wellmouth computer hall stops buses and trams",
         FIRE, "Ledger", 2)]),
    ("one outlet, two pieces on one firm", [
        ("a", None, "https://ledger.example/glasses", "Norvane shows glasses that translate menus",
         GLASSES, "Ledger", 0),
        ("b", None, "https://ledger.example/chief", "Norvane's design chief Pia Holm leaves for Orrery",
         "Holm drew the first Calliope.", "Ledger", 5)]),
    ("one series, one headline, two weeks' texts", [
        ("a", None, "https://kiosk.example/question-1", "Question of the week",
         "Do plants hear their owners? We asked three gardeners in Tavari.", "Kiosk", 0),
        ("b", None, "https://kiosk.example/question-2", "Question of the week",
         "Why do lifts have mirrors? We rode forty of them.", "Kiosk", 72)]),
    ("one template, two firms, hardly a word changed", [
        ("a", None, "https://filings.example/1", "Elmgate announces second quarter results",
         "Elmgate announced its results for the second quarter. Revenue was $8.4 billion.", "Filings", 0),
        ("b", None, "https://filings.example/2", "Halvorsen announces second quarter results",
         "Halvorsen announced its results for the second quarter. Revenue was $2.9 billion.", "Filings", 1)]),
    ("bare headlines, a copy on a link list", [
        ("a", None, "https://ledger.example/x", "Norvane's chief says the backlash is a crisis of trust",
         "", "Ledger", 0),
        ("a", 0, "https://list.example/y", "Norvane's Chief Says the Backlash Is a 'Crisis of Trust'",
         "", "List", 23)]),
]  # fmt: skip
