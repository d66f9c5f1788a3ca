"""The hand-picked part of the demo world: the accounts of README.md and everybody who owns something of them.

Invented throughout. Tables as in the CSV files; a column that a table leaves out is empty.
"""

ENTITIES = """
id,name,kind,headquarters,incorporation,residence,listed,acts_with
quillmere,Quillmere Inc.,company,US,US,,,
quillmere-founders-trust,Quillmere Founders Trust,trust,US,US,,,
tianlan-founders-trust,Tianlan Founders Trust,trust,CN,CN,,,
tianlan-kites,Tianlan Kites,company,CN,CN,,,
tianlan-ventures,Tianlan Kite Ventures,company,CN,CN,,,
hongyan-boats,Hongyan Paper Boats,company,HK,HK,,,
sever-snowglobes,Sever Snowglobes,company,RU,RU,,,
blackreef-shipping,Blackreef Shipping,company,AE,AE,,us-sdn,
redwater-trading,Redwater Trading,company,TR,TR,,us-sdn,
orsin-valdek,Orsin Valdek,person,,,AE,eu-freeze,
mirel-dasko,Mirel Dasko,person,,,AE,uk-freeze,tova-dasko
tova-dasko,Tova Dasko,person,,,AE,uk-freeze,mirel-dasko
jutland-fund,Jutland Pension Fund,fund,DK,DK,,,
straits-fund,Straits Pension Fund,fund,SG,SG,,,
emerald-fund,Emerald Seed Fund,fund,IE,IE,,,
lowland-fund,Lowland Fund,fund,NL,NL,,,
aegean-fund,Aegean Fund,fund,GR,GR,,,
thames-fund,Thames Fund,fund,GB,GB,,,
alpine-press-trust,Alpine Press Trust,trust,AT,AT,,,
hangang-fund,Hangang Fund,fund,KR,KR,,,
maple-fund,Maple Fund,fund,CA,CA,,,
baltic-fund,Baltic Fund,fund,EE,EE,,,
northwind-family-foundation,Northwind Family Foundation,foundation,DE,DE,,,
northwind-holding,Northwind Holding,company,DE,DE,,,
northwind-lanterns,Northwind Lanterns,company,DE,DE,,,
meridian-quay,Meridian Quay,company,SG,SG,,,
harbour-and-finch,Harbour & Finch,company,SG,SG,,,
saltmarsh-robotics,Saltmarsh Robotics,company,IE,IE,,,
kestrel-loom,Kestrel Loom,company,NL,NL,,,
brightwater-terminal,Brightwater Terminal,company,GR,GR,,,
brightwater-cargo,Brightwater Cargo,company,GR,GR,,,
ironbark-estates,Ironbark Estates,company,GB,GB,,,
golden-fern-media,Golden Fern Media,company,AT,AT,,,
reed-east,Reed East,company,KR,KR,,,
reed-west,Reed West,company,KR,KR,,,
pelham-instruments,Pelham Instruments,company,CA,CA,,,
bandon-optics,Bandon Optics,company,FR,FR,,,
quietgate-labs,Quietgate Labs,company,EE,EE,,,
weir-holding,Weir Holding,company,GB,GB,,,
weir-and-loch,Weir & Loch,company,GB,GB,,,
tidewatch-studio,Tidewatch Studio,company,PT,PT,,,
lumen-atelier,Lumen Atelier,company,IT,IT,,,
dunmore-foods,Dunmore Foods,company,IE,IE,,,
mira-sollund,Mira Sollund,person,,,NO,,
wen-yaolin,Wen Yaolin,person,,,CN,,
harvest-tools,Harvest Tools,company,CN,CN,,,
moonbase-systems,Moonbase Systems,company,RU,RU,,,
sunline-studio,Sunline Studio,company,SG,SG,,,
pocket-works,Pocket Works,company,DE,DE,,,
tally-works,Tally Works,company,US,US,,,
"""

INTERESTS = """
owner,subject,share,control,start,end,source
quillmere-founders-trust,quillmere,100%,,2021-03-01,,share register
tianlan-founders-trust,tianlan-kites,100%,,2009-05-11,,annual report
tianlan-kites,tianlan-ventures,100%,,2014-02-03,,annual report
northwind-family-foundation,northwind-holding,100%,,1998-01-01,,commercial register
northwind-holding,northwind-lanterns,62%,,1998-01-01,,commercial register
tianlan-ventures,northwind-lanterns,20%,,2022-04-01,,commercial register
jutland-fund,northwind-lanterns,18%,,2019-10-15,,fund report
tianlan-kites,meridian-quay,70%,,2018-06-01,,business register
straits-fund,meridian-quay,30%,,2018-06-01,,fund report
meridian-quay,harbour-and-finch,55%,,2020-01-20,,business register
straits-fund,harbour-and-finch,45%,,2020-01-20,,fund report
emerald-fund,saltmarsh-robotics,40%,,2023-09-01,,companies office
tianlan-ventures,saltmarsh-robotics,,,2024-02-12,,press report
tianlan-kites,kestrel-loom,60%,,2017-11-01,,trade register
lowland-fund,kestrel-loom,40%,,2017-11-01,,trade register
redwater-trading,brightwater-terminal,50%,,2016-03-01,,leaked register
aegean-fund,brightwater-terminal,50%,,2016-03-01,,fund report
blackreef-shipping,brightwater-cargo,25%,,2015-07-01,,leaked register
brightwater-terminal,brightwater-cargo,25%,,2016-04-01,,commercial register
aegean-fund,brightwater-cargo,50%,,2015-07-01,,fund report
mirel-dasko,ironbark-estates,30%,,2012-08-01,,persons with significant control
tova-dasko,ironbark-estates,30%,,2012-08-01,,persons with significant control
thames-fund,ironbark-estates,40%,,2012-08-01,,fund report
alpine-press-trust,golden-fern-media,100%,,2005-01-01,,company register
orsin-valdek,golden-fern-media,,true,2019-01-01,,right to appoint the board
tianlan-kites,reed-east,60%,,2015-01-01,,annual report
reed-west,reed-east,40%,,2015-01-01,,annual report
tianlan-kites,reed-west,25%,,2015-01-01,,annual report
reed-east,reed-west,30%,,2015-01-01,,annual report
hangang-fund,reed-west,45%,,2015-01-01,,fund report
sever-snowglobes,pelham-instruments,60%,,2011-01-01,2021-07-01,company filing
maple-fund,pelham-instruments,40%,,2011-01-01,2021-07-01,company filing
maple-fund,pelham-instruments,100%,,2021-07-01,2035-01-01,company filing
hongyan-boats,pelham-instruments,51%,,2035-01-01,,signed purchase agreement
maple-fund,pelham-instruments,49%,,2035-01-01,,signed purchase agreement
tianlan-ventures,bandon-optics,"(25%, 50%]",,2021-02-01,,register of beneficial owners
hongyan-boats,bandon-optics,"(25%, 50%]",,2021-02-01,,register of beneficial owners
tianlan-ventures,quietgate-labs,30%,,2023-05-01,,business register
baltic-fund,quietgate-labs,70%,,2023-05-01,,business register
tianlan-kites,weir-and-loch,40%,,2020-06-01,,company filing
tianlan-kites,weir-holding,45%,,2020-06-01,,company filing
thames-fund,weir-holding,55%,,2020-06-01,,company filing
weir-holding,weir-and-loch,60%,,2020-06-01,,company filing
emerald-fund,tidewatch-studio,100%,,2025-03-01,,business register
alpine-press-trust,lumen-atelier,100%,,2016-01-01,,business register
emerald-fund,dunmore-foods,100%,,2013-01-01,,companies office
tianlan-kites,sunline-studio,60%,,2019-01-01,,business register
straits-fund,sunline-studio,40%,,2019-01-01,,fund report
jutland-fund,pocket-works,100%,,2015-01-01,,commercial register
quillmere-founders-trust,tally-works,100%,,2019-01-01,,state filing
"""

ACCOUNTS = """
id,entity,tags,declared.billing,declared.phone,declared.kyc
acct-northwind,northwind-lanterns,enterprise,DE,DE,DE
acct-harbour,harbour-and-finch,enterprise,SG,SG,SG
acct-saltmarsh,saltmarsh-robotics,enterprise,IE,IE,
acct-kestrel,kestrel-loom,enterprise,NL,NL,NL
acct-brightwater,brightwater-cargo,enterprise,GR,GR,GR
acct-ironbark,ironbark-estates,enterprise,GB,GB,GB
acct-golden-fern,golden-fern-media,enterprise,AT,AT,
acct-reed-west,reed-west,enterprise,KR,KR,KR
acct-pelham,pelham-instruments,enterprise,CA,CA,CA
acct-bandon,bandon-optics,enterprise,FR,FR,
acct-deepwell,deepwell-12,enterprise,LV,LV,LV
acct-quietgate,quietgate-labs,enterprise,EE,EE,EE
acct-weir,weir-and-loch,enterprise,GB,GB,GB
acct-tidewatch,tidewatch-studio,trial,PT,PT,
acct-lumen,lumen-atelier,enterprise,IT,BR,IT
acct-dunmore,dunmore-foods,suspended,IE,IE,IE
acct-mira,mira-sollund,individual,NO,NO,NO
acct-wen,wen-yaolin,individual,SG,SG,CN
acct-walk-in,,trial,US,,
acct-ada,quillmere,staff,US,US,US
acct-inez,quillmere,staff;red-team,US,US,US
"""

RESOURCES = """
id,tags,provider
quill-large,model,quillmere
quill-small,model,quillmere
quill-frontier,model;frontier,quillmere
quill-embed,model,quillmere
quill-vision,model,quillmere
quill-voice,model;beta,quillmere
approved-assistant,tool;approved,quillmere
build-farm,tool;internal,quillmere
archive-search,tool;internal,quillmere
harvest-coder,tool;high-risk,harvest-tools
moonbase-chat,tool;high-risk,moonbase-systems
sunline-draw,tool,sunline-studio
pocket-notes,tool,pocket-works
tally-sheets,tool,tally-works
orphan-plugin,tool,
"""

DEEPWELL_TIERS = 12
"""A chain of so many companies, each 60 % of the next: no limit of hops."""


def deepwell() -> tuple[list[dict[str, str]], list[dict[str, str]]]:
    """Entities and interests of the chain from Sever Snowglobes down to `deepwell-12`."""
    entities, interests = [], []
    owner = "sever-snowglobes"
    for tier in range(1, DEEPWELL_TIERS + 1):
        company = f"deepwell-{tier:02}"
        entities.append(
            {
                "id": company,
                "name": f"Deepwell {tier}",
                "kind": "company",
                "headquarters": "LV",
                "incorporation": "LV",
            }
        )
        for holder, share in ((owner, "60%"), ("baltic-fund", "40%")):
            interests.append({"owner": holder, "subject": company, "share": share, "source": "business register"})
        owner = company
    return entities, interests
