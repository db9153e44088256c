"""Hand-written groupings: invented outlets and news. A case is (what it shows, articles); articles with one letter belong together.

An article is (letter, title, text, outlet or None, hours after the first or None for no time).
"""

Case = tuple[str, list[tuple[str, str, str, str | None, float | None]]]

ROUND = "Tarn Robotics raised $240 million in a round led by Elmwood Partners, valuing the warehouse robot maker at $2.1 billion."
OUTAGE = "Calliope, the assistant of Norvane, answered nobody for four hours on Tuesday after a faulty update."

CASES: list[Case] = [
    ("two outlets, one funding round", [
        ("a", "Tarn Robotics raises $240 million", ROUND, "Ledger", 0),
        ("a", "Warehouse robot maker Tarn lands $240M at $2.1bn valuation",
         "Elmwood Partners leads the round in Tarn Robotics, whose machines pick parcels.", "Harbour Post", 3)]),
    ("the same actor raises money and loses its chief", [
        ("a", "Tarn Robotics raises $240 million", ROUND, "Ledger", 0),
        ("b", "Tarn Robotics founder Ilse Brandt steps down as chief executive",
         "Brandt said she would leave in March and return to research. The board has begun to look for a successor.",
         "Harbour Post", 5)]),
    ("two firms of one trade raise money on one day", [
        ("a", "Tarn Robotics raises $240 million", ROUND, "Ledger", 0),
        ("b", "Legal start-up Quillon raises $85 million", "Quillon, which drafts contracts, was backed by Mossback Capital.",
         "Harbour Post", 2)]),
    ("an outage in four wordings", [
        ("a", "Norvane's assistant Calliope down for hours", OUTAGE, "Ledger", 0),
        ("a", "Calliope outage: four hours without Norvane's assistant", "Norvane blamed a faulty update.", "Kiosk", 1),
        ("a", "Calliope takes the morning off after Norvane fluffs an update",
         "Users of the Norvane assistant saw nothing but an error page.", "Kettle", 2),
        ("a", "What broke Calliope: one update, four hours", "Norvane published an account of the failure of its assistant.",
         "Circuit", 6)]),
    ("an outage and a new release of the same product", [
        ("a", "Norvane's assistant Calliope down for hours", OUTAGE, "Ledger", 0),
        ("b", "Calliope can now remember past talks",
         "Whoever likes may switch the memory off, and developers get the same interface in April.", "Kiosk", 4)]),
    ("a lab's delay told three ways, hardly a word shared", [
        ("a", "Jadewave puts off its next model after training runs collapse on home-grown chips",
         "Jadewave, the Suzhou lab, could not finish training Lotus 3 on processors made by Kunpeng Micro, three people said.",
         "Harbour Post", 0),
        ("a", "Kunpeng silicon blamed as Lotus 3 slips",
         "Runs on the Kunpeng Micro K7 stopped again and again, so the Suzhou lab Jadewave went back to Nvidia cards.",
         "Foundry Notes", 3),
        ("a", "Beijing's push for domestic chips trips up Jadewave",
         "Officials asked Jadewave to train on Kunpeng processors. Its flagship Lotus 3 model is now months late.",
         "Capital Line", 6)]),
    ("that delay, beside the lab's other release, the chip maker's plans and an export rule", [
        ("a", "Jadewave puts off its next model after training runs collapse on home-grown chips",
         "Jadewave, the Suzhou lab, could not finish training Lotus 3 on processors made by Kunpeng Micro, three people said.",
         "Harbour Post", 0),
        ("b", "Jadewave releases Petal, a small open model for mathematics",
         "Petal has 7 billion parameters and an MIT licence, and scores 84 per cent on a test of proofs.", "Model Watch", 5),
        ("c", "Kunpeng Micro lays out its processors to 2029", "A new generation comes every year, the company told its customers.",
         "Foundry Notes", 8),
        ("d", "Washington eases export rule for Nvidia's slower cards",
         "The Commerce Department will let firms sell older accelerators to China without a licence.", "Capital Line", 9)]),
    ("the same text on three sites", [
        ("a", "Regulator fines three chatbot makers over children's data", "The fines add up to 41 million euros.", "Wire", 0),
        ("a", "Regulator fines three chatbot makers over children's data", "The fines add up to 41 million euros.", "Tribune", 1),
        ("a", "Regulator fines three chatbot makers over children's data", "The fines add up to 41 million euros.", "Kiosk", 30)]),
    ("one outlet, its headline changed", [
        ("a", "Norvane names Peter Achterberg finance chief", "He comes from an airline.", "Ledger", 0),
        ("a", "Norvane names airline veteran Peter Achterberg finance chief", "He comes from an airline.", "Ledger", 2)]),
    ("one outlet, two news of one company within hours", [
        ("a", "Norvane opens an office in Lisbon", "Ninety people will work there on speech, the company said.", "Ledger", 0),
        ("b", "Norvane cuts the price of its speech service by half", "Customers pay per minute from May.", "Ledger", 2)]),
    ("one outlet, release notes with another number", [
        ("a", "Brightcask inference server version 4.1 released", "It fixes a leak.", "Model Watch", 0),
        ("b", "Silver Kite compiler version 0.9 released", "It is faster on laptops.", "Model Watch", 1)]),
    ("a roundup joins nothing", [
        ("a", "Norvane shows glasses that translate menus", "The glasses cost $399 and arrive in spring.", "Ledger", 0),
        ("b", "Everything announced at Norvane's spring event: glasses, prices and Calliope 4",
         "Norvane showed glasses for $399 that translate menus, and Calliope 4.", "Kiosk", 2)]),
    ("a roundup bridges nothing", [
        ("r", "This week in AI: Norvane's glasses, Tarn's millions and a fine",
         "Norvane showed glasses for $399. Tarn Robotics raised $240 million.", "Kiosk", 0),
        ("a", "Norvane shows glasses that translate menus", "The glasses cost $399 and arrive in spring.", "Ledger", 2),
        ("b", "Tarn Robotics raises $240 million", ROUND, "Ledger", 3)]),
    ("a morning briefing joins nothing", [
        ("a", "Tarn Robotics raises $240 million", ROUND, "Ledger", 0),
        ("b", "Morning briefing: Tarn Robotics raises $240 million, and more", ROUND, "Kiosk", 4)]),
    ("a live blog joins nothing", [
        ("a", "Norvane shows glasses that translate menus", "The glasses cost $399.", "Ledger", 0),
        ("b", "Live updates: Norvane shows glasses that translate menus", "The glasses cost $399.", "Kiosk", 0.5)]),
    ("an opinion about an event joins nothing", [
        ("a", "Norvane's assistant Calliope down for hours", OUTAGE, "Ledger", 0),
        ("b", "Opinion: what Norvane's outage says about assistants", "Calliope was down, and nobody missed it.", "Kettle", 6)]),
    ("a firm answers reports three days later", [
        ("a", "Jadewave's Lotus 3 slips as Kunpeng processors fail in training", "Runs in Hotan stopped again.", "Wire", 0),
        ("a", "Training runs collapse: Jadewave delays Lotus 3", "Kunpeng processors in Hotan failed, people said.", "Post", 3),
        ("b", "Kunpeng says its processors trained a model for 21 days", "The run took place in Guiyang, it said.", "Wire", 75)]),
    ("two roundups of one outlet stay two", [
        ("a", "Weekly digest: what mattered in robots", "Arms, legs and grippers.", "Kiosk", 0),
        ("b", "Weekly digest: what mattered in robots", "Arms, legs and grippers, again.", "Kiosk", 1)]),
    ("the same words five days later are other news", [
        ("a", "Calliope down for hours", OUTAGE, "Ledger", 0),
        ("b", "Calliope down for hours", "It is the second failure this month, after Tuesday's.", "Harbour Post", 130)]),
    ("no times at all: names decide", [
        ("a", "Tarn Robotics raises $240 million", ROUND, None, None),
        ("b", "Quillon raises $85 million to draft contracts", "Mossback Capital led the round in the legal start-up.", None, None),
        ("a", "Elmwood leads $240M round in warehouse robot maker Tarn", "Tarn Robotics is now valued at $2.1 billion.",
         None, None)]),
    ("no outlets: names and numbers decide", [
        ("a", "Meadowlark data centre to draw 900 megawatts from new gas plant", "Residents of Coos County object.", None, 0),
        ("a", "Gas plant for Meadowlark's 900 MW data center angers Coos County", "The plant would run day and night.", None, 5)]),
    ("two look-alike accidents in two towns", [
        ("a", "Fire destroys a supermarket in Wellmouth", "Forty firefighters fought the blaze at the Greenlow store on Friday.",
         "Tribune", 0),
        ("b", "Fire damages a supermarket in Ostermoor", "The Kessel store in Ostermoor was empty when the blaze began on Sunday.",
         "Post", 40)]),
    ("two quakes, two places, two strengths", [
        ("a", "Magnitude 6.1 quake shakes Tavari island", "At least ten people were hurt in Tavari's villages.", "Wire", 0),
        ("a", "Ten hurt as 6.1 quake hits Tavari", "Villages on the island were damaged.", "Tribune", 2),
        ("b", "Magnitude 5.2 quake felt in northern Belmora", "Nobody was hurt in Belmora.", "Wire", 20)]),
    ("a law and a lawsuit on one theme", [
        ("a", "Marland bans chatbot companions for children under 16", "Governor Lena Ortiz signed it on Tuesday.", "Wire", 0),
        ("a", "Governor Ortiz signs Marland law on companion chatbots", "Users under 16 are barred from them.", "Capital Line", 3),
        ("b", "Parents sue Friendly Machines over a chatbot's advice", "The complaint was filed in Ostermoor.", "Tribune", 5)]),
    ("a ruling and the paper's opinion a day later keep their topic", [
        ("a", "Court says Paperhouse may train on library scans", "Judge Amara Osei called the use of scans fair.", "Wire", 0),
        ("a", "Judge Osei rules for Paperhouse in library scans case", "Training on the scans is fair use, she wrote.", "Post", 2),
        ("b", "Why your assistant apologises so much", "A third of all answers contain an apology.", "Kettle", 3)]),
    ("numbers in two spellings", [
        ("a", "Elmgate pays $1.5bn for cooling firm Fjordkjol", "The Danish firm makes liquid cooling.", "Ledger", 0),
        ("a", "Fjordkjol bought for 1.5 billion dollars", "Elmgate takes over the Danish maker of liquid cooling.", "Wire", 1)]),
    ("Chinese and English on different news stay apart", [
        ("a", "Jadewave releases Petal, a small open model for mathematics", "It has an MIT licence.", "Model Watch", 0),
        ("b", "玉波公司推迟发布新模型，国产芯片训练失败", "玉波公司表示，训练多次中断，推迟到明年。", "长江科技", 2)]),
    ("two Chinese outlets on one event", [
        ("a", "昆鹏微电子发布新一代训练芯片K9，性能提升两倍", "昆鹏微电子在苏州举行发布会，K9芯片面向大模型训练。", "长江科技", 0),
        ("a", "昆鹏微电子推出K9训练芯片：性能提升两倍", "K9芯片在苏州发布会上亮相，面向大模型训练。", "东方快讯", 2)]),
    ("two Chinese items of one form, two actors", [
        ("a", "玉波公司完成五亿元融资，将扩建苏州研发中心", "本轮融资由北岸资本领投。", "长江科技", 0),
        ("b", "天梭科技发布仓储机器人，续航时间翻倍", "新款机器人面向电商仓库。", "东方快讯", 3)]),
    ("German outlets on one event", [
        ("a", "Stadt Wellmund verbietet Lieferroboter auf Gehwegen", "Der Rat stimmte am Dienstag dafür.", "Bote", 0),
        ("a", "Lieferroboter: Wellmund sperrt die Gehwege", "Der Rat von Wellmund verbietet Roboter dort.", "Bild", 4)]),
    ("headlines alone, one event", [
        ("a", "Norvane to buy speech start-up Larkspur for $900 million", "", "Ledger", 0),
        ("a", "Norvane buys Larkspur for $900M", "", "Circuit", 1),
        ("a", "Speech start-up Larkspur goes to Norvane in $900 million deal", "", "Wire", 1)]),
    ("headlines alone, one actor, other news", [
        ("a", "Norvane to buy speech start-up Larkspur for $900 million", "", "Ledger", 0),
        ("b", "Norvane sued by translators over training data", "", "Circuit", 1),
        ("c", "Norvane's glasses get a longer battery", "", "Wire", 1)]),
    ("a review and a price cut of one product line", [
        ("a", "Orrery 12 phone review: good camera, dull software", "Three weeks with the Orrery 12.", "Kiosk", 0),
        ("b", "Orrery halves the price of its cloud storage", "Two terabytes now cost four dollars a month.", "Ledger", 3)]),
]  # fmt: skip
