"""Hand-written hard cases of form: roundups, opinion, languages, paraphrase, bare headlines, long spreads and rubbish."""

from tests.stories.grouping_cases import Case

FINE = (
    "Belmora's regulator fined Kettleby 12 million euros on Monday for scanning the faces of shoppers without asking."
)
DELAY = "Jadewave will ship its Lotus 3 model next year, after training on Kunpeng processors failed three times."

FORM_CASES: list[Case] = [
    ("a weekly digest joins neither of its stories", [
        ("a", "Kettleby fined €12 million over face scans", FINE, "Wire", 0),
        ("b", "Jadewave delays Lotus 3 to next year", DELAY, "Wire", 1),
        ("c", "The week in AI: Kettleby fined, Lotus 3 delayed", FINE + " " + DELAY, "Kiosk", 30)]),
    ("a digest that comes first bridges nothing", [
        ("c", "AI news roundup: Kettleby's fine and the Lotus 3 delay", FINE + " " + DELAY, "Kiosk", 0),
        ("a", "Kettleby fined €12 million over face scans", FINE, "Wire", 1),
        ("b", "Jadewave delays Lotus 3 to next year", DELAY, "Wire", 2)]),
    ("a newsletter that strings headlines together", [
        ("a", "Jadewave delays Lotus 3 to next year", DELAY, "Wire", 0),
        ("b", "Newsletter #214: Lotus 3 slips, a fine in Belmora, and a robot that folds", DELAY, "Kettle", 6)]),
    ("a newsletter with pictograms", [
        ("a", "Kettleby fined €12 million over face scans", FINE, "Wire", 0),
        ("b", "🧠 Lotus 3 slips, 💶 Kettleby fined, 🤖 Stoat folds shirts", FINE, "Kettle", 6)]),
    ("a podcast about the event", [
        ("a", "Jadewave delays Lotus 3 to next year", DELAY, "Wire", 0),
        ("b", "Podcast: what the Lotus 3 delay means",
         "Mara and Ben talk about Jadewave, Kunpeng and their summers.", "Kettle", 20)]),
    ("a live blog and the news it tells", [
        ("a", "Orrery shows phone without a port", "The Orrery 13 charges through the air.", "Kiosk", 0),
        ("b", "Orrery event live blog: phones, watches and all that is shown", "We are in the hall.", "Kiosk", 0.3)]),
    ("the biggest announcements join no single one", [
        ("a", "Orrery shows phone without a port",
         "The Orrery 13 charges through the air and costs $899.", "Circuit", 0),
        ("b", "The 7 biggest announcements from Orrery's phone launch",
         "A phone without a port, a watch and a tag.", "Kiosk", 2)]),
    ("two digests with one name on two days", [
        ("a", "Morning briefing: fines, phones and folded shirts", "Kettleby was fined.", "Kiosk", 0),
        ("b", "Morning briefing: rounds, rumours and rain", "Quillon raised money.", "Kiosk", 24)]),
    ("a Chinese daily digest", [
        ("a", "玉波公司推迟发布莲花3模型", "玉波公司称在昆鹏芯片上的训练三次失败。", "长江科技", 0),
        ("b", "AI早报：玉波推迟莲花3，昆鹏发布新芯片", "玉波公司推迟发布莲花3模型。", "东方快讯", 3)]),
    ("what smart people say about it", [
        ("a", "Jadewave delays Lotus 3 to next year", DELAY, "Wire", 0),
        ("a", "Lotus 3 slips to next year after Jadewave's failed training",
         "Kunpeng chips stopped three times.", "Ledger", 3),
        ("b", "Opinion: Jadewave's delay is the best news of the year",
         "A column on patience, and why a late model is a better one.", "Kettle", 20)]),
    ("an editorial the day after a law", [
        ("a", "Marland bans chatbot companions for under-16s",
         "Governor Lena Ortiz signed the law on Tuesday.", "Wire", 0),
        ("b", "Editorial: Marland's ban protects nobody",
         "Children will find worse machines elsewhere, this paper believes.", "Capital Line", 22)]),
    ("an opinion without a label", [
        ("a", "Norvane renames Calliope to Norvane Voice", "The assistant gets its new name in June.", "Kiosk", 0),
        ("a", "Calliope becomes Norvane Voice", "Norvane changes the name of its assistant.", "Circuit", 1),
        ("b", "I liked my assistant better when it was a muse",
         "On names, brands and what we lose when every product is called Voice.", "Kettle", 40)]),
    ("an explainer days after the news", [
        ("a", "Washington bans foreign household robots",
         "New models need a licence from the trade office from May.", "Wire", 0),
        ("a", "US bans household robots made abroad",
         "The trade office acts over cameras in living rooms.", "Post", 2),
        ("b", "Will my old robot vacuum still work? Your questions answered",
         "Nothing you own is affected.", "Kiosk", 50)]),
    ("a Chinese item on the English event joins nothing wrong", [
        ("a", "Kettleby fined €12 million over face scans", FINE, "Wire", 0),
        ("b", "Jadewave delays Lotus 3 to next year", DELAY, "Ledger", 1),
        ("c", "莲花3推迟到明年：国产芯片训练三次失败", "玉波公司周一确认了这一消息。", "长江科技", 2)]),
    ("two Chinese items about one firm, two events", [
        ("a", "玉波公司完成五亿元融资", "本轮融资由北岸资本领投，资金用于扩建苏州研发中心。", "长江科技", 0),
        ("b", "玉波公司首席科学家林若川离职", "林若川将回到大学任教，公司尚未公布继任者。", "东方快讯", 5)]),
    ("two Chinese makers' monthly figures in one template", [
        ("a", "青岚汽车：7月交付13189辆，同比增长31%", "青岚汽车发布最新交付数据。", "长江科技", 0),
        ("b", "云骥汽车：7月交付45046台，同比增长14%", "云骥汽车发布最新交付数据。", "长江科技", 1)]),
    ("a Chinese event in two outlets' words", [
        ("a", "蓝雀航天火箭首次陆地回收成功", "8月19日清晨，蓝雀三号火箭一级在甘肃着陆场平稳落地。", "长江科技", 0),
        ("a", "蓝雀三号一级火箭平稳落地，首次陆地回收成功", "蓝雀航天的火箭清晨在甘肃着陆。", "东方快讯", 2)]),
    ("a German item on a German event, beside an English one", [
        ("a", "Wellmund bekommt Rechenzentrum mit 300 Megawatt", "Der Betreiber Nordhalle baut am Hafen.", "Bote", 0),
        ("a", "Nordhalle baut Rechenzentrum am Hafen von Wellmund",
         "Die Anlage soll 300 Megawatt brauchen.", "Kurier", 3),
        ("b", "Quillon raises $85 million Series B", "Mossback Capital leads the round.", "Ledger", 3)]),
    ("French outlets on one event", [
        ("a", "Belmora inflige 12 millions d'euros à Kettleby pour ses caméras",
         "Les visages des clients étaient scannés sans accord.", "Le Fanal", 0),
        ("a", "Kettleby condamné à 12 millions d'euros en Belmora",
         "L'autorité reproche au distributeur de scanner les visages.", "La Dépêche du Port", 4)]),
    ("paraphrase: headlines share one word, texts share names", [
        ("a", "A billion-dollar bet on seaweed servers",
         "Nordhalle and Elmgate will sink a data centre off Wellmouth, cooled by the sea, for "
         "$1.1 billion.", "Ledger", 0),
        ("a", "Wellmouth's harbour gets an underwater computer hall",
         "The $1.1 billion project of Nordhalle and Elmgate uses the sea for cooling.", "Tribune", 3),
        ("a", "Fishermen furious as Nordhalle plans to cool chips in the bay",
         "Nordhalle and Elmgate announced a data centre under water off Wellmouth on Thursday.", "Post", 6)]),
    ("paraphrase: a pun for a headline", [
        ("a", "Norvane buys Larkspur for $900 million",
         "Larkspur makes speech software and employs 120 people in Tavari.", "Wire", 0),
        ("a", "This lark cost a lot",
         "Norvane pays $900 million for Larkspur, the Tavari maker of speech software.", "Kettle", 5)]),
    ("paraphrase: a chief leaves, in three voices", [
        ("a", "Dieter Roon out at Paperhouse",
         "The founder leaves the chatbot maker after the verdict, the board said.", "Wire", 0),
        ("a", "Paperhouse's board shows its founder the door", "Dieter Roon, 44, must leave at once.", "Circuit", 1),
        ("a", "Exit Roon: what the board of Paperhouse decided last night",
         "Founder Dieter Roon was removed by five votes to two.", "Capital Line", 7)]),
    ("bare headlines, one event in three wordings", [
        ("a", "Kettleby fined €12 million over face scans in Belmora", "", "Wire", 0),
        ("a", "Belmora fines Kettleby €12M for scanning shoppers' faces", "", "Circuit", 1),
        ("a", "Face scans cost Kettleby 12 million euros in Belmora", "", "Kiosk", 2)]),
    ("bare headlines, one firm and three events", [
        ("a", "Kettleby fined €12 million over face scans in Belmora", "", "Wire", 0),
        ("b", "Kettleby names Ana Torvald chief executive", "", "Circuit", 1),
        ("c", "Kettleby opens shops without tills in Tavari", "", "Kiosk", 2)]),
    ("bare headlines, one theme and four makers", [
        ("a", "Show and tell: a terminal for Calliope agents", "", "Forum", 0),
        ("b", "Show and tell: memory for Calliope agents", "", "Forum", 4),
        ("c", "Show and tell: run Calliope agents on a timetable", "", "Forum", 8)]),
    ("release notes of a project, by number only", [
        ("a", "v2.1.211", "", "Silver Kite Releases", 0),
        ("b", "v2.1.212", "", "Silver Kite Releases", 20),
        ("c", "v2.1.214", "", "Silver Kite Releases", 40)]),
    ("ten outlets, one event, a day and a half", [
        ("a", "Norvane says Calliope broke into a partner's servers",
         "During a test Calliope entered servers of Ferncastle.", "Wire", 0),
        ("a", "Norvane: our model hacked Ferncastle by itself",
         "Calliope left its test room, Norvane says.", "Ledger", 1),
        ("a", "Calliope escaped its test and broke into Ferncastle",
         "Norvane told of the break-in on Tuesday.", "Circuit", 2),
        ("a", "Norvane's AI model hacked another company during a test", "The company was Ferncastle.", "Kiosk", 3),
        ("a", "AI model Calliope broke out of test and into Ferncastle's servers",
         "Norvane published a report.", "Post", 5),
        ("a", "Ferncastle was hacked by Norvane's Calliope, Norvane says",
         "The model acted on its own.", "Tribune", 8),
        ("a", "Norvane admits Calliope hacked clinic software firm Ferncastle",
         "No patient data was seen.", "Capital Line", 12),
        ("a", "Calliope hacked Ferncastle's servers during safety test, says Norvane",
         "It found a password.", "Harbour Post", 20),
        ("a", "How Norvane's Calliope came to hack Ferncastle during a test",
         "A password lay in a log.", "Foundry Notes", 28),
        ("a", "Norvane's Calliope broke into Ferncastle in a safety test gone wrong",
         "Norvane apologised.", "Model Watch", 35)]),
    ("the event, the answer of a parliament, the rival's confession", [
        ("a", "Norvane says Calliope broke into Ferncastle during a test", "Calliope left its test room.", "Wire", 0),
        ("a", "Calliope hacked Ferncastle, Norvane says", "The model acted on its own during a test.", "Ledger", 2),
        ("b", "Lawmakers propose kill switch for AI models",
         "The bill by Senator Ines Marr obliges makers to stop a model at once.", "Capital Line", 44),
        ("b", "Bill would force AI makers to build a kill switch",
         "Senator Ines Marr wants fines of a tenth of revenue.", "Post", 46),
        ("c", "Jadewave says its model also left a test room",
         "Lotus 3 reached the open internet for six minutes in June.", "Wire", 70)]),
    ("advertisements in one template", [
        ("a", "Save $400 on the Duster X9 robot vacuum at Bargain Barn", "It is at its lowest price.", "Kiosk", 0),
        ("b", "Save $250 on the Sweepwell S5 robot vacuum at Bargain Barn", "It is at its lowest price.", "Kiosk", 5),
        ("c", "Last days: early tickets for Circuit Summit", "Passes cost $400 less until Friday.", "Circuit", 6)]),
    ("research papers of one field", [
        ("a", "Sparse attention without tears",
         "We train sparse attention for long contexts and report results on three benchmarks.", "Preprints", 0),
        ("b", "Linear attention revisited",
         "We revisit linear attention for long contexts and report results on four benchmarks.", "Preprints", 0)]),
    ("empty and emoji titles join nobody", [
        ("a", "Kettleby fined €12 million over face scans", FINE, "Wire", 0),
        ("b", "", "", "Broken Feed", 1),
        ("c", "🤖🤖🤖", "", "Broken Feed", 2),
        ("d", "", "", "Other Broken Feed", 3),
        ("e", "...", "", "Broken Feed", 4)]),
    ("a summary of twenty thousand characters", [
        ("a", "Kettleby fined €12 million over face scans",
         FINE + " Shoppers had complained for years." * 600, "Wire", 0),
        ("a", "Face scans: Belmora fines Kettleby €12 million", FINE, "Post", 2),
        ("b", "Jadewave delays Lotus 3 to next year",
         DELAY + " Nobody was surprised in Suzhou." * 600, "Wire", 3)]),
    ("boilerplate in every text of an outlet joins nothing", [
        ("a", "Quillon opens office in Tavari",
         "Read more in our app. Subscribe to the Ledger for all the news, every day.", "Ledger", 0),
        ("b", "Stoat robot delayed by a month",
         "Read more in our app. Subscribe to the Ledger for all the news, every day.", "Ledger", 1)]),
]  # fmt: skip
