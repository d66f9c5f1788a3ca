"""Countries (ISO 3166-1 alpha-2) and their subdivisions (ISO 3166-2): a generated table, not to be edited by hand.

Source: the npm package `iso-3166` 4.4.0 (MIT), which follows the ISO 3166 Maintenance Agency's pages; read 2026-11-22.
`XK` (Kosovo) is added: it is user-assigned, absent from ISO 3166-1, and in every address database.
"""

COUNTRIES: dict[str, str] = {
    "AD": "Andorra",
    "AE": "United Arab Emirates",
    "AF": "Afghanistan",
    "AG": "Antigua and Barbuda",
    "AI": "Anguilla",
    "AL": "Albania",
    "AM": "Armenia",
    "AO": "Angola",
    "AQ": "Antarctica",
    "AR": "Argentina",
    "AS": "American Samoa",
    "AT": "Austria",
    "AU": "Australia",
    "AW": "Aruba",
    "AX": "Åland Islands",
    "AZ": "Azerbaijan",
    "BA": "Bosnia and Herzegovina",
    "BB": "Barbados",
    "BD": "Bangladesh",
    "BE": "Belgium",
    "BF": "Burkina Faso",
    "BG": "Bulgaria",
    "BH": "Bahrain",
    "BI": "Burundi",
    "BJ": "Benin",
    "BL": "Saint Barthélemy",
    "BM": "Bermuda",
    "BN": "Brunei Darussalam",
    "BO": "Bolivia, Plurinational State of",
    "BQ": "Bonaire, Sint Eustatius and Saba",
    "BR": "Brazil",
    "BS": "Bahamas",
    "BT": "Bhutan",
    "BV": "Bouvet Island",
    "BW": "Botswana",
    "BY": "Belarus",
    "BZ": "Belize",
    "CA": "Canada",
    "CC": "Cocos (Keeling) Islands",
    "CD": "Congo, Democratic Republic of the",
    "CF": "Central African Republic",
    "CG": "Congo",
    "CH": "Switzerland",
    "CI": "Côte d'Ivoire",
    "CK": "Cook Islands",
    "CL": "Chile",
    "CM": "Cameroon",
    "CN": "China",
    "CO": "Colombia",
    "CR": "Costa Rica",
    "CU": "Cuba",
    "CV": "Cabo Verde",
    "CW": "Curaçao",
    "CX": "Christmas Island",
    "CY": "Cyprus",
    "CZ": "Czechia",
    "DE": "Germany",
    "DJ": "Djibouti",
    "DK": "Denmark",
    "DM": "Dominica",
    "DO": "Dominican Republic",
    "DZ": "Algeria",
    "EC": "Ecuador",
    "EE": "Estonia",
    "EG": "Egypt",
    "EH": "Western Sahara",
    "ER": "Eritrea",
    "ES": "Spain",
    "ET": "Ethiopia",
    "FI": "Finland",
    "FJ": "Fiji",
    "FK": "Falkland Islands (Malvinas)",
    "FM": "Micronesia, Federated States of",
    "FO": "Faroe Islands",
    "FR": "France",
    "GA": "Gabon",
    "GB": "United Kingdom of Great Britain and Northern Ireland",
    "GD": "Grenada",
    "GE": "Georgia",
    "GF": "French Guiana",
    "GG": "Guernsey",
    "GH": "Ghana",
    "GI": "Gibraltar",
    "GL": "Greenland",
    "GM": "Gambia",
    "GN": "Guinea",
    "GP": "Guadeloupe",
    "GQ": "Equatorial Guinea",
    "GR": "Greece",
    "GS": "South Georgia and the South Sandwich Islands",
    "GT": "Guatemala",
    "GU": "Guam",
    "GW": "Guinea-Bissau",
    "GY": "Guyana",
    "HK": "Hong Kong",
    "HM": "Heard Island and McDonald Islands",
    "HN": "Honduras",
    "HR": "Croatia",
    "HT": "Haiti",
    "HU": "Hungary",
    "ID": "Indonesia",
    "IE": "Ireland",
    "IL": "Israel",
    "IM": "Isle of Man",
    "IN": "India",
    "IO": "British Indian Ocean Territory",
    "IQ": "Iraq",
    "IR": "Iran, Islamic Republic of",
    "IS": "Iceland",
    "IT": "Italy",
    "JE": "Jersey",
    "JM": "Jamaica",
    "JO": "Jordan",
    "JP": "Japan",
    "KE": "Kenya",
    "KG": "Kyrgyzstan",
    "KH": "Cambodia",
    "KI": "Kiribati",
    "KM": "Comoros",
    "KN": "Saint Kitts and Nevis",
    "KP": "Korea, Democratic People's Republic of",
    "KR": "Korea, Republic of",
    "KW": "Kuwait",
    "KY": "Cayman Islands",
    "KZ": "Kazakhstan",
    "LA": "Lao People's Democratic Republic",
    "LB": "Lebanon",
    "LC": "Saint Lucia",
    "LI": "Liechtenstein",
    "LK": "Sri Lanka",
    "LR": "Liberia",
    "LS": "Lesotho",
    "LT": "Lithuania",
    "LU": "Luxembourg",
    "LV": "Latvia",
    "LY": "Libya",
    "MA": "Morocco",
    "MC": "Monaco",
    "MD": "Moldova, Republic of",
    "ME": "Montenegro",
    "MF": "Saint Martin (French part)",
    "MG": "Madagascar",
    "MH": "Marshall Islands",
    "MK": "North Macedonia",
    "ML": "Mali",
    "MM": "Myanmar",
    "MN": "Mongolia",
    "MO": "Macao",
    "MP": "Northern Mariana Islands",
    "MQ": "Martinique",
    "MR": "Mauritania",
    "MS": "Montserrat",
    "MT": "Malta",
    "MU": "Mauritius",
    "MV": "Maldives",
    "MW": "Malawi",
    "MX": "Mexico",
    "MY": "Malaysia",
    "MZ": "Mozambique",
    "NA": "Namibia",
    "NC": "New Caledonia",
    "NE": "Niger",
    "NF": "Norfolk Island",
    "NG": "Nigeria",
    "NI": "Nicaragua",
    "NL": "Netherlands, Kingdom of the",
    "NO": "Norway",
    "NP": "Nepal",
    "NR": "Nauru",
    "NU": "Niue",
    "NZ": "New Zealand",
    "OM": "Oman",
    "PA": "Panama",
    "PE": "Peru",
    "PF": "French Polynesia",
    "PG": "Papua New Guinea",
    "PH": "Philippines",
    "PK": "Pakistan",
    "PL": "Poland",
    "PM": "Saint Pierre and Miquelon",
    "PN": "Pitcairn",
    "PR": "Puerto Rico",
    "PS": "Palestine, State of",
    "PT": "Portugal",
    "PW": "Palau",
    "PY": "Paraguay",
    "QA": "Qatar",
    "RE": "Réunion",
    "RO": "Romania",
    "RS": "Serbia",
    "RU": "Russian Federation",
    "RW": "Rwanda",
    "SA": "Saudi Arabia",
    "SB": "Solomon Islands",
    "SC": "Seychelles",
    "SD": "Sudan",
    "SE": "Sweden",
    "SG": "Singapore",
    "SH": "Saint Helena, Ascension and Tristan da Cunha",
    "SI": "Slovenia",
    "SJ": "Svalbard and Jan Mayen",
    "SK": "Slovakia",
    "SL": "Sierra Leone",
    "SM": "San Marino",
    "SN": "Senegal",
    "SO": "Somalia",
    "SR": "Suriname",
    "SS": "South Sudan",
    "ST": "Sao Tome and Principe",
    "SV": "El Salvador",
    "SX": "Sint Maarten (Dutch part)",
    "SY": "Syrian Arab Republic",
    "SZ": "Eswatini",
    "TC": "Turks and Caicos Islands",
    "TD": "Chad",
    "TF": "French Southern Territories",
    "TG": "Togo",
    "TH": "Thailand",
    "TJ": "Tajikistan",
    "TK": "Tokelau",
    "TL": "Timor-Leste",
    "TM": "Turkmenistan",
    "TN": "Tunisia",
    "TO": "Tonga",
    "TR": "Türkiye",
    "TT": "Trinidad and Tobago",
    "TV": "Tuvalu",
    "TW": "Taiwan, Province of China",
    "TZ": "Tanzania, United Republic of",
    "UA": "Ukraine",
    "UG": "Uganda",
    "UM": "United States Minor Outlying Islands",
    "US": "United States of America",
    "UY": "Uruguay",
    "UZ": "Uzbekistan",
    "VA": "Holy See",
    "VC": "Saint Vincent and the Grenadines",
    "VE": "Venezuela, Bolivarian Republic of",
    "VG": "Virgin Islands (British)",
    "VI": "Virgin Islands (U.S.)",
    "VN": "Viet Nam",
    "VU": "Vanuatu",
    "WF": "Wallis and Futuna",
    "WS": "Samoa",
    "XK": "Kosovo",
    "YE": "Yemen",
    "YT": "Mayotte",
    "ZA": "South Africa",
    "ZM": "Zambia",
    "ZW": "Zimbabwe",
}
"""Short name by code."""

_SUBDIVISIONS: dict[str, str] = {
    "AD": "02 03 04 05 06 07 08",
    "AE": "AJ AZ DU FU RK SH UQ",
    "AF": (
        "BAL BAM BDG BDS BGL DAY FRA FYB GHA GHO HEL HER JOW KAB KAN KAP KDZ KHO KNR LAG LOG NAN NIM NUR PAN "
        "PAR PIA PKA SAM SAR TAK URU WAR ZAB"
    ),
    "AG": "03 04 05 06 07 08 10 11",
    "AL": "01 02 03 04 05 06 07 08 09 10 11 12",
    "AM": "AG AR AV ER GR KT LO SH SU TV VD",
    "AO": "BGO BGU BIE CAB CCU CNN CNO CUS HUA HUI LNO LSU LUA MAL MOX NAM UIG ZAI",
    "AR": "A B C D E F G H J K L M N P Q R S T U V W X Y Z",
    "AT": "1 2 3 4 5 6 7 8 9",
    "AU": "ACT NSW NT QLD SA TAS VIC WA",
    "AZ": (
        "ABS AGA AGC AGM AGS AGU AST BA BAB BAL BAR BEY BIL CAB CAL CUL DAS FUZ GA GAD GOR GOY GYG HAC IMI "
        "ISM KAL KAN KUR LA LAC LAN LER MAS MI NA NEF NV NX OGU ORD QAB QAX QAZ QBA QBI QOB QUS SA SAB SAD "
        "SAH SAK SAL SAR SAT SBN SIY SKR SM SMI SMX SR SUS TAR TOV UCA XA XAC XCI XIZ XVD YAR YE YEV ZAN ZAQ "
        "ZAR"
    ),
    "BA": "BIH BRC SRP",
    "BB": "01 02 03 04 05 06 07 08 09 10 11",
    "BD": (
        "01 02 03 04 05 06 07 08 09 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31 32 33 "
        "34 35 36 37 38 39 40 41 42 43 44 45 46 47 48 49 50 51 52 53 54 55 56 57 58 59 60 61 62 63 64 A B C D "
        "E F G H"
    ),
    "BE": "BRU VAN VBR VLG VLI VOV VWV WAL WBR WHT WLG WLX WNA",
    "BF": (
        "01 02 03 04 05 06 07 08 09 10 11 12 13 BAL BAM BAN BAZ BGR BLG BLK COM GAN GNA GOU HOU IOB KAD KEN "
        "KMD KMP KOP KOS KOT KOW LER LOR MOU NAM NAO NAY NOU OUB OUD PAS PON SEN SIS SMT SNG SOM SOR TAP TUI "
        "YAG YAT ZIR ZON ZOU"
    ),
    "BG": "01 02 03 04 05 06 07 08 09 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28",
    "BH": "13 14 15 17",
    "BI": "BB BL BM BR CA CI GI KI KR KY MA MU MW MY NG RM RT RY",
    "BJ": "AK AL AQ BO CO DO KO LI MO OU PL ZO",
    "BN": "BE BM TE TU",
    "BO": "B C H L N O P S T",
    "BQ": "BO SA SE",
    "BR": "AC AL AM AP BA CE DF ES GO MA MG MS MT PA PB PE PI PR RJ RN RO RR RS SC SE SP TO",
    "BS": "AK BI BP BY CE CI CK CO CS EG EX FP GC HI HT IN LI MC MG MI NE NO NP NS RC RI SA SE SO SS SW WG",
    "BT": "11 12 13 14 15 21 22 23 24 31 32 33 34 41 42 43 44 45 GA TY",
    "BW": "CE CH FR GA GH JW KG KL KW LO NE NW SE SO SP ST",
    "BY": "BR HM HO HR MA MI VI",
    "BZ": "BZ CY CZL OW SC TOL",
    "CA": "AB BC MB NB NL NS NT NU ON PE QC SK YT",
    "CD": "BC BU EQ HK HL HU IT KC KE KG KL KN KS LO LU MA MN MO NK NU SA SK SU TA TO TU",
    "CF": "AC BB BGF BK HK HM HS KB KG LB MB MP NM OP SE UK VK",
    "CG": "11 12 13 14 15 16 2 5 7 8 9 BZV",
    "CH": "AG AI AR BE BL BS FR GE GL GR JU LU NE NW OW SG SH SO SZ TG TI UR VD VS ZG ZH",
    "CI": "AB BS CM DN GD LC LG MG SM SV VB WR YM ZZ",
    "CL": "AI AN AP AR AT BI CO LI LL LR MA ML NB RM TA VS",
    "CM": "AD CE EN ES LT NO NW OU SU SW",
    "CN": ("AH BJ CQ FJ GD GS GX GZ HA HB HE HI HK HL HN JL JS JX LN MO NM NX QH SC SD SH SN SX TJ TW XJ XZ YN ZJ"),
    "CO": (
        "AMA ANT ARA ATL BOL BOY CAL CAQ CAS CAU CES CHO COR CUN DC GUA GUV HUI LAG MAG MET NAR NSA PUT QUI "
        "RIS SAN SAP SUC TOL VAC VAU VID"
    ),
    "CR": "A C G H L P SJ",
    "CU": "01 03 04 05 06 07 08 09 10 11 12 13 14 15 16 99",
    "CV": "B BR BV CA CF CR MA MO PA PN PR RB RG RS S SD SF SL SM SO SS SV TA TS",
    "CY": "01 02 03 04 05 06",
    "CZ": (
        "10 20 201 202 203 204 205 206 207 208 209 20A 20B 20C 31 311 312 313 314 315 316 317 32 321 322 323 "
        "324 325 326 327 41 411 412 413 42 421 422 423 424 425 426 427 51 511 512 513 514 52 521 522 523 524 "
        "525 53 531 532 533 534 63 631 632 633 634 635 64 641 642 643 644 645 646 647 71 711 712 713 714 715 "
        "72 721 722 723 724 80 801 802 803 804 805 806"
    ),
    "DE": "BB BE BW BY HB HE HH MV NI NW RP SH SL SN ST TH",
    "DJ": "AR AS DI DJ OB TA",
    "DK": "015 020 025 030 035 040 042 050 055 060 065 070 076 080 101 147 81 82 83 84 85",
    "DM": "02 03 04 05 06 07 08 09 10 11",
    "DO": (
        "01 02 03 04 05 06 07 08 09 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31 32 33 "
        "34 35 36 37 38 39 40 41 42"
    ),
    "DZ": (
        "01 02 03 04 05 06 07 08 09 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31 32 33 "
        "34 35 36 37 38 39 40 41 42 43 44 45 46 47 48 49 50 51 52 53 54 55 56 57 58"
    ),
    "EC": "A B C D E F G H I L M N O P R S SD SE T U W X Y Z",
    "EE": (
        "130 141 142 171 184 191 198 205 214 245 247 251 255 272 283 284 291 293 296 303 305 317 321 338 353 "
        "37 39 424 430 431 432 441 442 446 45 478 480 486 50 503 511 514 52 528 557 56 567 586 60 615 618 622 "
        "624 638 64 651 653 661 663 668 68 689 698 708 71 712 714 719 726 732 735 74 784 79 792 793 796 803 "
        "809 81 824 834 84 855 87 890 897 899 901 903 907 917 919 928"
    ),
    "EG": "ALX ASN AST BA BH BNS C DK DT FYM GH GZ IS JS KB KFS KN LX MN MNF MT PTS SHG SHR SIN SUZ WAD",
    "ER": "AN DK DU GB MA SK",
    "ES": (
        "A AB AL AN AR AS AV B BA BI BU C CA CB CC CE CL CM CN CO CR CS CT CU EX GA GC GI GR GU H HU IB J L "
        "LE LO LU M MA MC MD ML MU NA NC O OR P PM PO PV RI S SA SE SG SO SS T TE TF TO V VA VC VI Z ZA"
    ),
    "ET": "AA AF AM BE DD GA HA OR SI SN SO SW TI",
    "FI": "01 02 03 04 05 06 07 08 09 10 11 12 13 14 15 16 17 18 19",
    "FJ": "01 02 03 04 05 06 07 08 09 10 11 12 13 14 C E N R W",
    "FM": "KSA PNI TRK YAP",
    "FR": (
        "01 02 03 04 05 06 07 08 09 10 11 12 13 14 15 16 17 18 19 20R 21 22 23 24 25 26 27 28 29 2A 2B 30 31 "
        "32 33 34 35 36 37 38 39 40 41 42 43 44 45 46 47 48 49 50 51 52 53 54 55 56 57 58 59 60 61 62 63 64 "
        "65 66 67 68 69 69M 6AE 70 71 72 73 74 75C 76 77 78 79 80 81 82 83 84 85 86 87 88 89 90 91 92 93 94 "
        "95 971 972 973 974 976 ARA BFC BL BRE CP CVL GES HDF IDF MF NAQ NC NOR OCC PAC PDL PF PM TF WF"
    ),
    "GA": "1 2 3 4 5 6 7 8 9",
    "GB": (
        "ABC ABD ABE AGB AGY AND ANN ANS BAS BBD BCP BDF BDG BEN BEX BFS BGE BGW BIR BKM BNE BNH BNS BOL BPL "
        "BRC BRD BRY BST BUR CAM CAY CBF CCG CGN CHE CHW CLD CLK CMA CMD CMN CON COV CRF CRY CWY DAL DBY DEN "
        "DER DEV DGY DNC DND DOR DRS DUD DUR EAL EAW EAY EDH EDU ELN ELS ENF ENG ERW ERY ESS ESX FAL FIF FLN "
        "FMO GAT GBN GLG GLS GRE GWN HAL HAM HAV HCK HEF HIL HLD HMF HNS HPL HRT HRW HRY IOS IOW ISL IVC KEC "
        "KEN KHL KIR KTT KWL LAN LBC LBH LCE LDS LEC LEW LIN LIV LND LUT MAN MDB MDW MEA MIK MLN MON MRT MRY "
        "MTY MUL NAY NBL NEL NET NFK NGM NIR NLK NLN NMD NNH NSM NTL NTT NTY NWM NWP NYK OLD ORK OXF PEM PKN "
        "PLY POR POW PTE RCC RCH RCT RDB RDG RFW RIC ROT RUT SAW SAY SCB SCT SFK SFT SGC SHF SHN SHR SKP SLF "
        "SLG SLK SND SOL SOM SOS SRY STE STG STH STN STS STT STY SWA SWD SWK TAM TFW THR TOB TOF TRF TWH UKM "
        "VGL WAR WBK WDU WFT WGN WIL WKF WLL WLN WLS WLV WND WNH WNM WOK WOR WRL WRT WRX WSM WSX YOR ZET"
    ),
    "GD": "01 02 03 04 05 06 10",
    "GE": "AB AJ GU IM KA KK MM RL SJ SK SZ TB",
    "GH": "AA AF AH BA BE BO CP EP NE NP OT SV TV UE UW WN WP",
    "GL": "AV KU QE QT SM",
    "GM": "B L M N U W",
    "GN": (
        "B BE BF BK C CO D DB DI DL DU F FA FO FR GA GU K KA KB KD KE KN KO KS L LA LE LO M MC MD ML MM N NZ "
        "PI SI TE TO YO"
    ),
    "GQ": "AN BN BS C CS DJ I KN LI WN",
    "GR": "69 A B C D E F G H I J K L M",
    "GT": "01 02 03 04 05 06 07 08 09 10 11 12 13 14 15 16 17 18 19 20 21 22",
    "GW": "BA BL BM BS CA GA L N OI QU S TO",
    "GY": "BA CU DE EB ES MA PM PT UD UT",
    "HN": "AT CH CL CM CP CR EP FM GD IB IN LE LP OC OL SB VA YO",
    "HR": "01 02 03 04 05 06 07 08 09 10 11 12 13 14 15 16 17 18 19 20 21",
    "HT": "AR CE GA ND NE NI NO OU SD SE",
    "HU": (
        "BA BC BE BK BU BZ CS DE DU EG ER FE GS GY HB HE HV JN KE KM KV MI NK NO NY PE PS SD SF SH SK SN SO "
        "SS ST SZ TB TO VA VE VM ZA ZE"
    ),
    "ID": (
        "AC BA BB BE BT GO JA JB JI JK JT JW KA KB KI KR KS KT KU LA MA ML MU NB NT NU PA PB PD PE PP PS PT "
        "RI SA SB SG SL SM SN SR SS ST SU YO"
    ),
    "IE": "C CE CN CO CW D DL G KE KK KY L LD LH LK LM LS M MH MN MO OY RN SO TA U WD WH WW WX",
    "IL": "D HA JM M TA Z",
    "IN": (
        "AN AP AR AS BR CG CH DH DL GA GJ HP HR JH JK KA KL LA LD MH ML MN MP MZ NL OD PB PY RJ SK TN TR TS UK UP WB"
    ),
    "IQ": "AN AR BA BB BG DA DI DQ KA KI KR MA MU NA NI QA SD SU WA",
    "IR": "00 01 02 03 04 05 06 07 08 09 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30",
    "IS": (
        "1 2 3 4 5 6 7 8 AKN AKU ARN ASA BLA BOG BOL DAB DAV EOM EYF FJD FJL FLA FLR GAR GOG GRN GRU GRY HAF "
        "HRG HRU HUG HUV HVA HVE ISA KAL KJO KOP LAN MOS MUL MYR NOR RGE RGY RHH RKN RKV SBT SDN SDV SEL SFA "
        "SHF SKF SKG SKO SKR SNF SOG SOL SSS STR STY SVG TAL THG TJO VEM VER VOP"
    ),
    "IT": (
        "21 23 25 32 34 36 42 45 52 55 57 62 65 67 72 75 77 78 82 88 AG AL AN AP AQ AR AT AV BA BG BI BL BN "
        "BO BR BS BT BZ CA CB CE CH CL CN CO CR CS CT CZ EN FC FE FG FI FM FR GE GO GR IM IS KR LC LE LI LO "
        "LT LU MB MC ME MI MN MO MS MT NA NO NU OR PA PC PD PE PG PI PN PO PR PT PU PV PZ RA RC RE RG RI RM "
        "RN RO SA SI SO SP SR SS SU SV TA TE TN TO TP TR TS TV UD VA VB VC VE VI VR VT VV"
    ),
    "JM": "01 02 03 04 05 06 07 08 09 10 11 12 13 14",
    "JO": "AJ AM AQ AT AZ BA IR JA KA MA MD MN",
    "JP": (
        "01 02 03 04 05 06 07 08 09 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31 32 33 "
        "34 35 36 37 38 39 40 41 42 43 44 45 46 47"
    ),
    "KE": (
        "01 02 03 04 05 06 07 08 09 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31 32 33 "
        "34 35 36 37 38 39 40 41 42 43 44 45 46 47"
    ),
    "KG": "B C GB GO J N O T Y",
    "KH": "1 10 11 12 13 14 15 16 17 18 19 2 20 21 22 23 24 25 3 4 5 6 7 8 9",
    "KI": "G L P",
    "KM": "A G M",
    "KN": "01 02 03 04 05 06 07 08 09 10 11 12 13 15 K N",
    "KP": "01 02 03 04 05 06 07 08 09 10 13 14 15",
    "KR": "11 26 27 28 29 30 31 41 42 43 44 45 46 47 48 49 50",
    "KW": "AH FA HA JA KU MU",
    "KZ": "10 11 15 19 23 27 31 33 35 39 43 47 55 59 61 62 63 71 75 79",
    "LA": "AT BK BL CH HO KH LM LP OU PH SL SV VI VT XA XE XI XS",
    "LB": "AK AS BA BH BI JA JL NA",
    "LC": "01 02 03 05 06 07 08 10 11 12",
    "LI": "01 02 03 04 05 06 07 08 09 10 11",
    "LK": "1 11 12 13 2 21 22 23 3 31 32 33 4 41 42 43 44 45 5 51 52 53 6 61 62 7 71 72 8 81 82 9 91 92",
    "LR": "BG BM CM GB GG GK GP LO MG MO MY NI RG RI SI",
    "LS": "A B C D E F G H J K",
    "LT": (
        "01 02 03 04 05 06 07 08 09 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31 32 33 "
        "34 35 36 37 38 39 40 41 42 43 44 45 46 47 48 49 50 51 52 53 54 55 56 57 58 59 60 AL KL KU MR PN SA "
        "TA TE UT VL"
    ),
    "LU": "CA CL D DI EC ES G GR L LU ME RD RM VD WI",
    "LV": (
        "002 007 011 015 016 022 026 033 041 042 047 050 052 054 056 058 059 062 067 068 073 077 080 087 088 "
        "089 091 094 097 099 101 102 106 111 112 113 DGV JEL JUR LPX REZ RIX VEN"
    ),
    "LY": "BA BU DR GT JA JG JI JU KF MB MI MJ MQ NL NQ SB SR TB WA WD WS ZA",
    "MA": (
        "01 02 03 04 05 06 07 08 09 10 11 12 AGD AOU ASZ AZI BEM BER BES BOD BOM BRR CAS CHE CHI CHT DRI ERR "
        "ESI ESM FAH FES FIG FQH GUE GUF HAJ HAO HOC IFR INE JDI JRA KEN KES KHE KHN KHO LAA LAR MAR MDF MED "
        "MEK MID MOH MOU NAD NOU OUA OUD OUJ OUZ RAB REH SAF SAL SEF SET SIB SIF SIK SIL SKH TAF TAI TAO TAR "
        "TAT TAZ TET TIN TIZ TNG TNT YUS ZAG"
    ),
    "MC": "CL CO FO GA JE LA MA MC MG MO MU PH SD SO SP SR VR",
    "MD": (
        "AN BA BD BR BS CA CL CM CR CS CT CU DO DR DU ED FA FL GA GL HI IA LE NI OC OR RE RI SD SI SN SO ST SV TA TE UN"
    ),
    "ME": "01 02 03 04 05 06 07 08 09 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25",
    "MG": "A D F M T U",
    "MH": "ALK ALL ARN AUR EBO ENI JAB JAL KIL KWA L LAE LIB LIK MAJ MAL MEJ MIL NMK NMU RON T UJA UTI WTH WTJ",
    "MK": (
        "101 102 103 104 105 106 107 108 109 201 202 203 204 205 206 207 208 209 210 211 301 303 304 307 308 "
        "310 311 312 313 401 402 403 404 405 406 407 408 409 410 501 502 503 504 505 506 507 508 509 601 602 "
        "603 604 605 606 607 608 609 701 702 703 704 705 706 801 802 803 804 805 806 807 808 809 810 811 812 "
        "813 814 815 816 817"
    ),
    "ML": "1 10 2 3 4 5 6 7 8 9 BKO",
    "MM": "01 02 03 04 05 06 07 11 12 13 14 15 16 17 18",
    "MN": "035 037 039 041 043 046 047 049 051 053 055 057 059 061 063 064 065 067 069 071 073 1",
    "MR": "01 02 03 04 05 06 07 08 09 10 11 12 13 14 15",
    "MT": (
        "01 02 03 04 05 06 07 08 09 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31 32 33 "
        "34 35 36 37 38 39 40 41 42 43 44 45 46 47 48 49 50 51 52 53 54 55 56 57 58 59 60 61 62 63 64 65 66 "
        "67 68"
    ),
    "MU": "AG BL CC FL GP MO PA PL PW RO RR SA",
    "MV": "00 01 02 03 04 05 07 08 12 13 14 17 20 23 24 25 26 27 28 29 MLE",
    "MW": "BA BL C CK CR CT DE DO KR KS LI LK MC MG MH MU MW MZ N NB NE NI NK NS NU PH RU S SA TH ZO",
    "MX": (
        "AGU BCN BCS CAM CHH CHP CMX COA COL DUR GRO GUA HID JAL MEX MIC MOR NAY NLE OAX PUE QUE ROO SIN SLP "
        "SON TAB TAM TLA VER YUC ZAC"
    ),
    "MY": "01 02 03 04 05 06 07 08 09 10 11 12 13 14 15 16",
    "MZ": "A B G I L MPM N P Q S T",
    "NA": "CA ER HA KA KE KH KU KW OD OH ON OS OT OW",
    "NE": "1 2 3 4 5 6 7 8",
    "NG": (
        "AB AD AK AN BA BE BO BY CR DE EB ED EK EN FC GO IM JI KD KE KN KO KT KW LA NA NI OG ON OS OY PL RI SO TA YO ZA"
    ),
    "NI": "AN AS BO CA CI CO ES GR JI LE MD MN MS MT NS RI SJ",
    "NL": "AW BQ1 BQ2 BQ3 CW DR FL FR GE GR LI NB NH OV SX UT ZE ZH",
    "NO": "03 11 15 18 21 22 30 34 38 42 46 50 54",
    "NP": "P1 P2 P3 P4 P5 P6 P7",
    "NR": "01 02 03 04 05 06 07 08 09 10 11 12 13 14",
    "NZ": "AUK BOP CAN CIT GIS HKB MBH MWT NSN NTL OTA STL TAS TKI WGN WKO WTC",
    "OM": "BJ BS BU DA MA MU SJ SS WU ZA ZU",
    "PA": "1 10 2 3 4 5 6 7 8 9 EM KY NB NT",
    "PE": ("AMA ANC APU ARE AYA CAJ CAL CUS HUC HUV ICA JUN LAL LAM LIM LMA LOR MDD MOQ PAS PIU PUN SAM TAC TUM UCA"),
    "PG": "CPK CPM EBR EHG EPW ESW GPK HLA JWK MBA MPL MPM MRL NCD NIK NPP NSB SAN SHM WBK WHM WPD",
    "PH": (
        "00 01 02 03 05 06 07 08 09 10 11 12 13 14 15 40 41 ABR AGN AGS AKL ALB ANT APA AUR BAN BAS BEN BIL "
        "BOH BTG BTN BUK BUL CAG CAM CAN CAP CAS CAT CAV CEB COM DAO DAS DAV DIN DVO EAS GUI IFU ILI ILN ILS "
        "ISA KAL LAG LAN LAS LEY LUN MAD MAS MDC MDR MGN MGS MOU MSC MSR NCO NEC NER NSA NUE NUV PAM PAN PLW "
        "QUE QUI RIZ ROM SAR SCO SIG SLE SLU SOR SUK SUN SUR TAR TAW WSA ZAN ZAS ZMB ZSI"
    ),
    "PK": "BA GB IS JK KP PB SD TA",
    "PL": "02 04 06 08 10 12 14 16 18 20 22 24 26 28 30 32",
    "PS": "BTH DEB GZA HBN JEM JEN JRH KYS NBS NGZ QQA RBH RFH SLT TBS TKM",
    "PT": "01 02 03 04 05 06 07 08 09 10 11 12 13 14 15 16 17 18 20 30",
    "PW": "002 004 010 050 100 150 212 214 218 222 224 226 227 228 350 370",
    "PY": "1 10 11 12 13 14 15 16 19 2 3 4 5 6 7 8 9 ASU",
    "QA": "DA KH MS RA SH US WA ZA",
    "RO": (
        "AB AG AR B BC BH BN BR BT BV BZ CJ CL CS CT CV DB DJ GJ GL GR HD HR IF IL IS MH MM MS NT OT PH SB SJ "
        "SM SV TL TM TR VL VN VS"
    ),
    "RS": "00 01 02 03 04 05 06 07 08 09 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 KM VO",
    "RU": (
        "AD AL ALT AMU ARK AST BA BEL BRY BU CE CHE CHU CU DA IN IRK IVA KAM KB KC KDA KEM KGD KGN KHA KHM "
        "KIR KK KL KLU KO KOS KR KRS KYA LEN LIP MAG ME MO MOS MOW MUR NEN NGR NIZ NVS OMS ORE ORL PER PNZ "
        "PRI PSK ROS RYA SA SAK SAM SAR SE SMO SPE STA SVE TA TAM TOM TUL TVE TY TYU UD ULY VGG VLA VLG VOR "
        "YAN YAR YEV ZAB"
    ),
    "RW": "01 02 03 04 05",
    "SA": "01 02 03 04 05 06 07 08 09 10 11 12 14",
    "SB": "CE CH CT GU IS MK ML RB TE WE",
    "SC": "01 02 03 04 05 06 07 08 09 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27",
    "SD": "DC DE DN DS DW GD GK GZ KA KH KN KS NB NO NR NW RS SI",
    "SE": "AB AC BD C D E F G H I K M N O S T U W X Y Z",
    "SG": "01 02 03 04 05",
    "SH": "AC HL TA",
    "SI": (
        "001 002 003 004 005 006 007 008 009 010 011 012 013 014 015 016 017 018 019 020 021 022 023 024 025 "
        "026 027 028 029 030 031 032 033 034 035 036 037 038 039 040 041 042 043 044 045 046 047 048 049 050 "
        "051 052 053 054 055 056 057 058 059 060 061 062 063 064 065 066 067 068 069 070 071 072 073 074 075 "
        "076 077 078 079 080 081 082 083 084 085 086 087 088 089 090 091 092 093 094 095 096 097 098 099 100 "
        "101 102 103 104 105 106 107 108 109 110 111 112 113 114 115 116 117 118 119 120 121 122 123 124 125 "
        "126 127 128 129 130 131 132 133 134 135 136 137 138 139 140 141 142 143 144 146 147 148 149 150 151 "
        "152 153 154 155 156 157 158 159 160 161 162 163 164 165 166 167 168 169 170 171 172 173 174 175 176 "
        "177 178 179 180 181 182 183 184 185 186 187 188 189 190 191 192 193 194 195 196 197 198 199 200 201 "
        "202 203 204 205 206 207 208 209 210 211 212 213"
    ),
    "SK": "BC BL KI NI PV TA TC ZI",
    "SL": "E N NW S W",
    "SM": "01 02 03 04 05 06 07 08 09",
    "SN": "DB DK FK KA KD KE KL LG MT SE SL TC TH ZG",
    "SO": "AW BK BN BR BY GA GE HI JD JH MU NU SA SD SH SO TO WO",
    "SR": "BR CM CR MA NI PM PR SA SI WA",
    "SS": "BN BW EC EE EW JG LK NU UY WR",
    "ST": "01 02 03 04 05 06 P",
    "SV": "AH CA CH CU LI MO PA SA SM SO SS SV UN US",
    "SY": "DI DR DY HA HI HL HM ID LA QU RA RD SU TA",
    "SZ": "HH LU MA SH",
    "TD": "BA BG BO CB EE EO GR HL KA LC LO LR MA MC ME MO ND OD SA SI TA TI WF",
    "TG": "C K M P S",
    "TH": (
        "10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 30 31 32 33 34 35 36 37 38 39 40 41 42 43 44 "
        "45 46 47 48 49 50 51 52 53 54 55 56 57 58 60 61 62 63 64 65 66 67 70 71 72 73 74 75 76 77 80 81 82 "
        "83 84 85 86 90 91 92 93 94 95 96 S"
    ),
    "TJ": "DU GB KT RA SU",
    "TL": "AL AN BA BO CO DI ER LA LI MF MT OE VI",
    "TM": "A B D L M S",
    "TN": "11 12 13 14 21 22 23 31 32 33 34 41 42 43 51 52 53 61 71 72 73 81 82 83",
    "TO": "01 02 03 04 05",
    "TR": (
        "01 02 03 04 05 06 07 08 09 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31 32 33 "
        "34 35 36 37 38 39 40 41 42 43 44 45 46 47 48 49 50 51 52 53 54 55 56 57 58 59 60 61 62 63 64 65 66 "
        "67 68 69 70 71 72 73 74 75 76 77 78 79 80 81"
    ),
    "TT": "ARI CHA CTT DMN MRC PED POS PRT PTF SFO SGE SIP SJL TOB TUP",
    "TV": "FUN NIT NKF NKL NMA NMG NUI VAI",
    "TW": "CHA CYI CYQ HSQ HSZ HUA ILA KEE KHH KIN LIE MIA NAN NWT PEN PIF TAO TNN TPE TTT TXG YUN",
    "TZ": "01 02 03 04 05 06 07 08 09 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31",
    "UA": "05 07 09 12 14 18 21 23 26 30 32 35 40 43 46 48 51 53 56 59 61 63 65 68 71 74 77",
    "UG": (
        "101 102 103 104 105 106 107 108 109 110 111 112 113 114 115 116 117 118 119 120 121 122 123 124 125 "
        "126 201 202 203 204 205 206 207 208 209 210 211 212 213 214 215 216 217 218 219 220 221 222 223 224 "
        "225 226 227 228 229 230 231 232 233 234 235 236 237 301 302 303 304 305 306 307 308 309 310 311 312 "
        "313 314 315 316 317 318 319 320 321 322 323 324 325 326 327 328 329 330 331 332 333 334 335 336 337 "
        "401 402 403 404 405 406 407 408 409 410 411 412 413 414 415 416 417 418 419 420 421 422 423 424 425 "
        "426 427 428 429 430 431 432 433 434 435 C E N W"
    ),
    "UM": "67 71 76 79 81 84 86 89 95",
    "US": (
        "AK AL AR AS AZ CA CO CT DC DE FL GA GU HI IA ID IL IN KS KY LA MA MD ME MI MN MO MP MS MT NC ND NE "
        "NH NJ NM NV NY OH OK OR PA PR RI SC SD TN TX UM UT VA VI VT WA WI WV WY"
    ),
    "UY": "AR CA CL CO DU FD FS LA MA MO PA RN RO RV SA SJ SO TA TT",
    "UZ": "AN BU FA JI NG NW QA QR SA SI SU TK TO XO",
    "VC": "01 02 03 04 05 06",
    "VE": "A B C D E F G H I J K L M N O P R S T U V W X Y Z",
    "VN": (
        "01 02 03 04 05 06 07 09 13 14 18 20 21 22 23 24 25 26 27 28 29 30 31 32 33 34 35 36 37 39 40 41 43 "
        "44 45 46 47 49 50 51 52 53 54 55 56 57 58 59 61 63 66 67 68 69 70 71 72 73 CT DN HN HP SG"
    ),
    "VU": "MAP PAM SAM SEE TAE TOB",
    "WF": "AL SG UV",
    "WS": "AA AL AT FA GE GI PA SA TU VF VS",
    "YE": "AB AD AM BA DA DH HD HJ HU IB JA LA MA MR MW RA SA SD SH SN SU TA",
    "ZA": "EC FS GP KZN LP MP NC NW WC",
    "ZM": "01 02 03 04 05 06 07 08 09 10",
    "ZW": "BU HA MA MC ME MI MN MS MV MW",
}

SUBDIVISIONS: dict[str, frozenset[str]] = {
    country: frozenset(codes.split()) for country, codes in _SUBDIVISIONS.items()
}
"""By country, the part of the code behind the dash."""

SUBDIVISIONS_WITH_OWN_COUNTRY_CODE: dict[str, str] = {
    "CN-HK": "HK",
    "CN-MO": "MO",
    "CN-TW": "TW",
    "FI-01": "AX",
    "FR-971": "GP",
    "FR-972": "MQ",
    "FR-973": "GF",
    "FR-974": "RE",
    "FR-976": "YT",
    "FR-BL": "BL",
    "FR-MF": "MF",
    "FR-NC": "NC",
    "FR-PF": "PF",
    "FR-PM": "PM",
    "FR-TF": "TF",
    "FR-WF": "WF",
    "NL-AW": "AW",
    "NL-BQ1": "BQ",
    "NL-BQ2": "BQ",
    "NL-BQ3": "BQ",
    "NL-CW": "CW",
    "NL-SX": "SX",
    "NO-21": "SJ",
    "NO-22": "SJ",
    "US-AS": "AS",
    "US-GU": "GU",
    "US-MP": "MP",
    "US-PR": "PR",
    "US-UM": "UM",
    "US-VI": "VI",
}
"""Subdivisions that ISO 3166-1 lists as countries too. Address databases use the country code."""
