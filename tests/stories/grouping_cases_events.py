"""Hand-written hard cases, like those of `grouping_cases`: one actor and many events, look-alike news, rumours and follow-ups."""

from tests.stories.grouping_cases import Case

EVENT_CASES: list[Case] = [
    ("a trial's first day and its third", [
        ("a", "Novelists' trial against Paperhouse opens",
         "Jurors in Wellmouth heard lawyers for 400 novelists accuse Paperhouse of copying "
         "their books to train its model.", "Wire", 0),
        ("a", "Paperhouse copied us all, novelists tell jury as trial opens",
         "The Wellmouth trial over training on books began on Monday with opening statements.", "Post", 4),
        ("b", "Paperhouse founder admits deleting training logs",
         "On the third day of the novelists' trial Dieter Roon told the Wellmouth jury that "
         "logs were deleted in May.", "Wire", 54),
        ("b", "Roon tells court he ordered training logs deleted",
         "The Paperhouse founder was questioned for five hours on Wednesday.", "Post", 57)]),
    ("a verdict and the appeal two days later", [
        ("a", "Jury orders Paperhouse to pay novelists $310 million",
         "The Wellmouth jury found that training on pirated books was not fair use.", "Wire", 0),
        ("a", "Paperhouse loses: novelists win $310M over pirated books",
         "A jury in Wellmouth decided after two days.", "Circuit", 2),
        ("b", "Paperhouse files appeal against novelists' verdict",
         "The company calls the damages excessive and asks a higher court to stay the payment.", "Wire", 52)]),
    ("an outage on Tuesday and another on Thursday", [
        ("a", "Calliope down for thousands on Tuesday morning",
         "Norvane blamed an expired certificate.", "Ledger", 0),
        ("a", "Norvane's Calliope suffers outage, certificate to blame",
         "Thousands saw errors on Tuesday.", "Kiosk", 2),
        ("b", "Calliope goes down again, this time worldwide",
         "A failed database move took Norvane's assistant offline on Thursday.", "Ledger", 50),
        ("b", "Second Calliope outage this week hits users worldwide",
         "Norvane says a database migration failed.", "Kiosk", 52)]),
    ("one company's rounds, weeks apart in size and told in one window", [
        ("a", "Brightcask in talks to raise $5 billion at $40 billion valuation",
         "Halden Capital would lead, people said.", "Wire", 0),
        ("b", "Brightcask closes $7 billion round at $61 billion",
         "Sovereign fund Tamarind led the finished round, Brightcask said.", "Wire", 88)]),
    ("two model versions", [
        ("a", "Norvane releases Calliope 4.1",
         "Calliope 4.1 reads longer documents and costs the same.", "Model Watch", 0),
        ("a", "Calliope 4.1 is out with longer memory for documents", "Norvane keeps the price.", "Kiosk", 1),
        ("b", "Norvane releases Calliope 4.2", "Calliope 4.2 adds voice and is twice as fast.", "Model Watch", 70),
        ("b", "Calliope 4.2 arrives with voice", "Norvane says it answers twice as fast.", "Kiosk", 71)]),
    ("results of two firms in one template", [
        ("a", "Elmgate second-quarter revenue rises 24% to $8.4 billion",
         "Data centre sales made up most of it.", "Wire", 0),
        ("b", "Halvorsen second-quarter revenue rises 31% to $2.9 billion",
         "Orders for grid batteries doubled.", "Wire", 1),
        ("a", "Elmgate beats forecasts as data centre sales lift revenue 24%",
         "Quarterly revenue reached $8.4 billion.", "Ledger", 2)]),
    ("last quarter's restated figures and this quarter's", [
        ("a", "Elmgate restates second-quarter profit after audit",
         "The maker of switches lowers it to $610 million.", "Wire", 0),
        ("b", "Elmgate third-quarter profit up 12% at $980 million",
         "Sales of switches to data centres grew.", "Wire", 60)]),
    ("three rounds in one template on one day", [
        ("a", "Quillon raises $85 million Series B",
         "Mossback Capital leads the round in the maker of contract software.", "Ledger", 0),
        ("b", "Ferncastle raises $60 million Series B",
         "Its agents answer calls for clinics. Ironwood led the round.", "Ledger", 1),
        ("c", "Sablefield raises $45 million Series B",
         "The start-up tests software with agents and was backed by Yarrow.", "Ledger", 2),
        ("a", "Contract software maker Quillon lands $85M Series B", "Mossback Capital led.", "Circuit", 3)]),
    ("a data vendor's weekly lines of one form", [
        ("a", "Oakhurst, which builds agents for hotel desks, raised a $32M Series B led by Yarrow",
         "", "Digest Wire", 0),
        ("b", "Pinemoor, which builds agents for port logistics, raised a $20M Series B led by Ironwood",
         "", "Digest Wire", 3),
        ("c", "Ashcombe, which builds agents for tax offices, raised a $41M Series A led by Mossback",
         "", "Digest Wire", 6)]),
    ("shares fall on two days", [
        ("a", "Elmgate shares fall 3% after export rule",
         "The Commerce Department's rule hits sales of its fastest chips.", "Wire", 0),
        ("b", "Elmgate shares fall 3% as rival unveils chip",
         "Kunpeng's new accelerator worried investors on Friday.", "Wire", 74)]),
    ("shares of two firms fall on one day", [
        ("a", "Elmgate shares fall 3% after profit warning",
         "The chip maker expects weaker orders from phone makers.", "Wire", 0),
        ("b", "Brightcask shares fall 3% after founder sells stake", "Lena Ruiz sold two million shares.", "Wire", 2)]),
    ("two security advisories", [
        ("a", "CVE-2031-4410: Silver Kite compiler lets attackers run code", "Update to 0.9.3.", "Bug Ledger", 0),
        ("b", "CVE-2031-4466: Brightcask server leaks tokens in logs", "Update to 4.1.2.", "Bug Ledger", 2),
        ("a", "Silver Kite patches compiler flaw that let attackers run code",
         "Version 0.9.3 closes CVE-2031-4410.", "Circuit", 5)]),
    ("a rumour and its confirmation on one day", [
        ("a", "Norvane close to buying chip designer Fennick, people say",
         "A deal worth $2.3 billion could come this week.", "Wire", 0),
        ("a", "Norvane buys chip designer Fennick for $2.3 billion",
         "Fennick's 200 engineers join Norvane.", "Ledger", 5)]),
    ("a rumour and its confirmation three days later", [
        ("a", "Norvane in talks to buy chip designer Fennick",
         "People familiar with the talks put the price near $2 billion.", "Wire", 0),
        ("a", "Report: Norvane in talks to buy Fennick for about $2 billion",
         "Neither company would comment.", "Circuit", 3),
        ("b", "Norvane completes purchase of Fennick",
         "Regulators cleared it; Fennick's founder Ada Lunde becomes head of chips.", "Wire", 80)]),
    ("a launch and a price rise for one product", [
        ("a", "Tarn Robotics launches Stoat, a robot that folds laundry",
         "Stoat costs $8,000 and ships in June.", "Ledger", 0),
        ("b", "Tarn Robotics raises prices of spare parts by a fifth",
         "Owners of its warehouse arms complained.", "Ledger", 30)]),
    ("a launch beside a recall by one maker", [
        ("a", "Tarn Robotics launches laundry robot Stoat", "It ships in June.", "Kiosk", 0),
        ("b", "Tarn Robotics recalls 4,000 warehouse arms",
         "A joint may break under load, the safety agency said.", "Wire", 3)]),
    ("two firms at one conference", [
        ("a", "At Expo Meridian, Orrery shows foldable phone with local assistant",
         "It runs a model of 3 billion parameters.", "Kiosk", 0),
        ("b", "At Expo Meridian, Halvorsen shows battery for data centres",
         "One container feeds a hall for four hours.", "Kiosk", 1),
        ("c", "At Expo Meridian, Tarn shows robot that folds laundry",
         "Stoat needs two minutes a shirt.", "Kiosk", 2)]),
    ("one keynote, three products, two outlets each", [
        ("a", "Orrery Watch 6 measures blood sugar", "The watch costs $449.", "Kiosk", 0),
        ("b", "Orrery 13 phones drop the charging port", "The phones start at $899.", "Kiosk", 0.2),
        ("c", "Orrery Tag finds keys for $25", "It works with phones of all makers.", "Kiosk", 0.4),
        ("a", "New Orrery Watch can measure blood sugar without a needle", "Orrery Watch 6 is $449.", "Circuit", 1),
        ("b", "No more port: Orrery 13 charges only through the air",
         "Prices of the phone start at $899.", "Circuit", 1.2),
        ("c", "Orrery takes on key finders with the $25 Orrery Tag",
         "Orrery Tag also works with phones of others.", "Circuit", 1.4)]),
    ("two coaches dismissed", [
        ("a", "Wellmouth Rovers dismiss coach Hanne Dahl", "Six defeats in a row cost Dahl her job.", "Tribune", 0),
        ("b", "Ostermoor United dismiss coach Ivo Perrin",
         "Perrin leaves after a quarrel with the owner.", "Tribune", 5),
        ("a", "Six defeats were too many: Rovers part with Dahl",
         "Wellmouth's coach leaves after one season.", "Post", 6)]),
    ("two elections, two towns", [
        ("a", "Mira Sand elected mayor of Wellmouth", "Sand won 52 per cent of the vote.", "Tribune", 0),
        ("b", "Jonas Okafor elected mayor of Ostermoor", "Okafor won 58 per cent of the vote.", "Tribune", 1)]),
    ("two chiefs step down in a week", [
        ("a", "Brightcask finance chief Tomas Reyl steps down", "Reyl joins a fund.", "Ledger", 0),
        ("b", "Brightcask loses research chief Yuki Arden",
         "Arden leaves to found a laboratory for materials.", "Ledger", 48),
        ("b", "Yuki Arden quits Brightcask to start materials lab", "She led research for six years.", "Circuit", 50)]),
    ("a hack and the arrest of the hackers", [
        ("a", "Hackers steal records of 2 million Ferncastle patients",
         "Ferncastle found the breach on Sunday.", "Wire", 0),
        ("a", "Ferncastle breach exposes 2 million patient records",
         "The clinic software maker shut its servers.", "Circuit", 2),
        ("b", "Police arrest two men over Ferncastle breach",
         "The men, 19 and 22, were held in Ostermoor.", "Wire", 76)]),
    ("a product's launch and its withdrawal", [
        ("a", "Orrery adds image maker to its maps", "Users type what they want to see on the ground.", "Kiosk", 0),
        ("b", "Orrery removes map image maker after a day of fakes",
         "Invented floods spread within hours, and Orrery apologised.", "Kiosk", 29),
        ("b", "Fake floods force Orrery to pull image maker from maps", "The tool lasted one day.", "Circuit", 31)]),
    ("two reviews of one phone", [
        ("a", "Orrery 13 review: the port is gone and I miss it", "I carried the phone for two weeks.", "Kiosk", 0),
        ("b", "Orrery 13 Max review: big, bright and slow to charge", "The larger phone lasts two days.", "Kiosk", 1)]),
    ("publishers sue, a charity settles", [
        ("a", "Dictionary makers sue Norvane over definitions",
         "Three publishers say Calliope recites their entries.", "Wire", 0),
        ("a", "Norvane sued by three dictionary publishers",
         "Calliope is said to recite definitions word for word.", "Ledger", 3),
        ("b", "Norvane settles with children's charity over toy bear",
         "The bear's chatbot had recorded bedtime talks.", "Wire", 5)]),
    ("numbers that make two studies of one institute", [
        ("a", "Study: 41% of teachers use assistants to grade",
         "The Harrow Institute asked 3,000 teachers.", "Post", 0),
        ("b", "Study: 17% of nurses use assistants at the bedside",
         "The Harrow Institute asked 5,200 nurses.", "Post", 44)]),
    ("two fines by one regulator", [
        ("a", "Belmora regulator fines Kettleby €12 million over face scans",
         "Kettleby scanned shoppers without asking.", "Wire", 0),
        ("b", "Belmora regulator fines Norvane €30 million over children's data",
         "Calliope kept voices of minors.", "Wire", 22),
        ("b", "Norvane fined €30M in Belmora for keeping children's voices",
         "The regulator gave it 90 days to delete them.", "Kiosk", 24)]),
    ("one site's job cuts and hiring at one firm", [
        ("a", "Kettleby cuts 900 jobs in customer service",
         "Agents answer two thirds of all questions now, it said.", "Ledger", 0),
        ("b", "Kettleby hires 300 engineers in Lisbon", "A new laboratory for speech opens in autumn.", "Ledger", 9)]),
]  # fmt: skip
