"""The vocabulary of generated news: twenty topics ("beats"), five for each class, with people, acts and places.

The words of a beat occur together: its trades, invented names and actions are in the same stories. So a model that has
read much unlabelled text knows to which beat a name belongs, even if it never saw that name with a label. Many words
(race, record, court, seat, strike, cell, net, launch, draw, bond, field ...) are used by several classes, together with
different words. Countries and cities are real; people, parties, clubs, companies and laboratories are invented.

`acts` are predicates for a singular subject, a verb that changes with the tense written `wins/won`; `results` are
clauses.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

NAMES_PER_BEAT = 12
ORGANISATIONS_PER_BEAT = 8

# Label, trades, groups, last words of organisations' names, places, things, acts, results.
SOURCE: tuple[tuple[int, str, str, str, str, str, str, str], ...] = (
    (  # elections
        1,
        "candidate, mayor, senator, deputy, governor, pollster, campaigner, president",
        "party, coalition, opposition, electoral commission, parliament, city council",
        "Party, Alliance, Front, League",
        "Portugal, Kenya, Chile, Poland, Ghana, Lisbon",
        "the runoff, the ballot, the manifesto, term limits, the referendum, a vote of confidence",
        """wins/won the race for mayor by {n} seats | calls/called an early election | loses/lost the vote by a narrow margin
        | leads/led the polls before the ballot | asks/asked for a recount in {n} districts | forms/formed a coalition
        | promises/promised voters a new constitution | takes/took {n} seats in parliament | rejects/rejected the referendum
        | draws/drew thousands to a final rally | drops/dropped out of the presidential race | names/named a new cabinet
        | seeks/sought a third term | concedes/conceded defeat in the capital | gains/gained ground among rural voters""",
        """turnout rises/rose to a record | voters queue/queued in the rain | the count goes/went on through the night
        | the runoff is/was set for {month} | ballot boxes arrive/arrived by boat | the opposition boycotts/boycotted the poll""",
    ),
    (  # diplomacy
        1,
        "ambassador, envoy, diplomat, foreign minister, negotiator, consul, delegate",
        "embassy, delegation, foreign ministry, council of states, assembly, secretariat",
        "Council, Mission, Accord, Union",
        "Geneva, Vienna, Egypt, Pakistan, Cyprus, Brussels",
        "the treaty, sanctions, the summit, visas, nuclear talks, a prisoner exchange",
        """signs/signed a treaty after {n} days of talks | recalls/recalled an envoy from {place} | lifts/lifted sanctions
        | hosts/hosted a summit on nuclear arms | opens/opened a consulate | walks/walked out of the talks
        | restores/restored ties with a neighbour | vetoes/vetoed a resolution at the assembly | eases/eased visa rules
        | hands/handed over a protest note | brokers/brokered a prisoner exchange | calls/called for calm between neighbours
        | ratifies/ratified the accord | strikes/struck a deal on shared waters | welcomes/welcomed a royal visit""",
        """talks stall/stalled over one clause | the summit runs/ran late | two capitals trade/traded harsh words
        | sanctions stay/stayed in force | flags line/lined the avenue | ministers shake/shook hands""",
    ),
    (  # storms, floods and aid
        1,
        "rescuer, aid worker, firefighter, villager, relief coordinator, survivor",
        "relief agency, civil guard, rescue service, aid convoy, coast guard, shelter",
        "Relief, Aid, Rescue, Appeal",
        "Haiti, Nepal, Bangladesh, Peru, Turkey, Manila",
        "the flood, the earthquake, the landslide, the evacuation, drinking water, tents",
        """evacuates/evacuated {n} villages before the storm | reaches/reached survivors of the earthquake
        | flies/flew tents to the flood zone | digs/dug through the rubble for a second night | appeals/appealed for blankets
        | feeds/fed families cut off by the landslide | declares/declared a state of emergency | reopens/reopened the mountain road
        | counts/counted the homeless after the typhoon | ships/shipped rice to the drought region | rescues/rescued {n} fishermen
        | warns/warned of hunger in the camps | battles/battled forest fires | clears/cleared mud from the schools""",
        """rivers burst/burst their banks | aftershocks shake/shook the valley | power lines fall/fell across the coast
        | thousands sleep/slept in the open | the storm weakens/weakened inland | bridges wash/washed away""",
    ),
    (  # courts and law
        1,
        "judge, prosecutor, magistrate, defence lawyer, justice minister, police chief, witness",
        "supreme court, tribunal, police, jury, interior ministry, prison service",
        "Tribunal, Commission, Bench, Inquiry",
        "Athens, Colombia, Italy, Manila, South Africa, Bucharest",
        "the verdict, the appeal, bail, the inquiry, press freedom, an amnesty",
        """orders/ordered a new trial | jails/jailed {n} officials for bribery | drops/dropped the charges
        | bans/banned protests in the square | frees/freed an editor on bail | overturns/overturned the verdict
        | hears/heard an appeal by the former president | seizes/seized forged passports | pardons/pardoned {n} prisoners
        | outlaws/outlawed child labour | opens/opened an inquiry into the police | arrests/arrested a smuggler at the port
        | upholds/upheld the ban on marches | testifies/testified about the missing files""",
        """protesters fill/filled the square | the jury stays/stayed out | the trial moves/moved to the capital
        | lawyers go/went on strike | the verdict surprises/surprised both camps | riot police stand/stood by""",
    ),
    (  # borders and peace
        1,
        "general, peacekeeper, rebel leader, mediator, colonel, refugee, border guard",
        "army, militia, peace mission, garrison, border patrol, interim government",
        "Brigade, Movement, Command, Front",
        "Sudan, Georgia, Lebanon, Congo, Sri Lanka, Kosovo",
        "the ceasefire, the border, the siege, exile, mine clearing, a buffer zone",
        """signs/signed a ceasefire with the rebels | pulls/pulled troops back from the border | lays/laid down its weapons
        | crosses/crossed the river at dawn | shelters/sheltered {n} thousand refugees | breaks/broke the siege of a hill town
        | attacks/attacked a supply line | returns/returned from exile | patrols/patrolled the buffer zone
        | frees/freed {n} hostages | clears/cleared mines near the frontier | rejects/rejected the peace plan
        | retakes/retook the airport | sends/sent peacekeepers to the north""",
        """shelling stops/stopped at noon | refugees head/headed home | checkpoints reopen/reopened
        | the truce holds/held for a week | troops guard/guarded the bridges | elders meet/met under a tree""",
    ),
    (  # football
        2,
        "striker, goalkeeper, defender, midfielder, referee, manager, captain",
        "club, eleven, football team, squad, football federation, supporters club",
        "Rovers, Wanderers, Athletic, United",
        "Brazil, Spain, Manchester, Naples, Cameroon, Glasgow",
        "the cup final, the transfer window, a penalty, the league table, offside, the derby",
        """scores/scored {n} goals in the derby | saves/saved a late penalty | signs/signed a striker on loan
        | wins/won the cup on penalties | draws/drew at home | loses/lost the final in extra time
        | drops/dropped the captain for the derby | tops/topped the league table | misses/missed the season with a knee injury
        | heads/headed a corner into the net | sacks/sacked the manager after {n} defeats | escapes/escaped relegation
        | sees/saw red for a foul | equalises/equalised in stoppage time | beats/beat the champions away""",
        """fans fill/filled the terraces | the referee blows/blew for a foul | the defence falls/fell apart after half time
        | the second leg is/was goalless | the crossbar shakes/shook twice | boos ring/rang round the stadium""",
    ),
    (  # tennis
        2,
        "tennis player, top seed, umpire, doubles partner, qualifier, wimbledon hopeful, tennis coach",
        "tennis club, doubles pair, tennis tour, academy, davis cup team, ladies draw",
        "Open, Masters, Classic, Racquets",
        "Melbourne, Paris, Croatia, Argentina, Madrid, Miami",
        "the tie break, clay courts, a wild card, the second round, the serve, a double fault",
        """wins/won in straight sets | serves/served {n} aces | saves/saved {n} match points
        | loses/lost a tie break on centre court | reaches/reached the quarter finals | retires/retired hurt in the second set
        | breaks/broke serve at once | takes/took the title on clay | smashes/smashed a racket in anger
        | needs/needed five sets | returns/returned from a wrist injury | beats/beat the top seed
        | falls/fell in the first round | holds/held serve to love""",
        """rain stops/stopped play on the outer courts | the crowd gasps/gasped at a net cord | line judges argue/argued
        | the final set lasts/lasted {n} games | the favourite goes/went out early | shadows cross/crossed centre court""",
    ),
    (  # cycling and athletics
        2,
        "cyclist, sprinter, marathon runner, hurdler, long jumper, climber, time trial specialist",
        "cycling team, relay team, peloton, breakaway group, athletics federation, running club",
        "Wheelers, Harriers, Striders, Racing",
        "Belgium, Ethiopia, Jamaica, Kenya, Oslo, the Alps",
        "the yellow jersey, the relay, the mountain stage, a doping test, the sprint, the finish line",
        """wins/won the mountain stage | breaks/broke the world record in the hurdles | takes/took the yellow jersey
        | crashes/crashed on the last bend | finishes/finished {n} seconds behind | runs/ran the fastest marathon of the year
        | attacks/attacked on the final climb | pulls/pulled out of the race with cramp | fails/failed a doping test
        | drops/dropped the baton in the relay | leads/led the peloton over the pass | jumps/jumped a personal best
        | sprints/sprinted to gold | chases/chased a third olympic medal""",
        """the peloton splits/split in the crosswind | the stopwatch stops/stopped at a record | the pack closes/closed in
        | cobbles cause/caused {n} punctures | the stadium rises/rose to its feet | heat slows/slowed the field""",
    ),
    (  # cricket and rugby
        2,
        "batsman, bowler, wicketkeeper, fly half, winger, all rounder, prop forward",
        "county side, test side, scrum, touring side, rugby club, batting order",
        "Lions, Saints, Harlequins, Eleven",
        "Sydney, Lahore, Cape Town, Wales, Barbados, Mumbai",
        "the toss, the scrum, the follow on, the new ball, the tour, a dropped catch",
        """takes/took {n} wickets before lunch | hits/hit an unbeaten century | bowls/bowled out the tourists
        | chases/chased {n} runs on a dry pitch | kicks/kicked a late drop goal | scores/scored {n} tries
        | wins/won the toss and bats/batted | declares/declared after tea | drops/dropped a catch at slip
        | loses/lost the test by an innings | levels/levelled the series | misses/missed the tour with a broken thumb
        | saves/saved the match with a stubborn stand | wheels/wheeled the scrum""",
        """bad light ends/ended play | the pitch takes/took spin | the last wicket falls/fell after tea
        | the scrum collapses/collapsed | the tail wags/wagged | the covers stay/stayed on""",
    ),
    (  # swimming, winter and court games
        2,
        "swimmer, skier, point guard, goaltender, diver, skater, slalom champion",
        "hockey team, basketball team, swim squad, ski team, olympic team, rowing eight",
        "Bears, Falcons, Comets, Dolphins",
        "Canada, Austria, Chicago, Finland, Sydney, Detroit",
        "the slalom, overtime, the freestyle heats, the playoffs, a power play, the draft",
        """wins/won gold in the freestyle | scores/scored {n} points from the bench | skates/skated to a silver medal
        | loses/lost in overtime | misses/missed a gate in the slalom | trades/traded a guard before the draft
        | sets/set a pool record in the heats | clinches/clinched a place in the playoffs | sinks/sank a jumper at the buzzer
        | stops/stopped {n} shots on the power play | rows/rowed to a bronze medal | ends/ended a run of {n} defeats
        | returns/returned from a shoulder injury | takes/took the downhill by a hair""",
        """the buzzer sounds/sounded | fog delays/delayed the downhill | the bench empties/emptied onto the ice
        | the judges give/gave top marks | the visitors run/ran out of time | the home rink sells/sold out""",
    ),
    (  # earnings and shares
        3,
        "chief executive, analyst, shareholder, broker, finance director, fund manager, auditor",
        "stock exchange, hedge fund, board, insurer, holding company, rating agency",
        "Holdings, Group, Partners, Capital",
        "New York, London, Frankfurt, Tokyo, Zurich, Toronto",
        "the dividend, quarterly earnings, the share price, a profit warning, bonuses, the annual report",
        """beats/beat profit forecasts for the quarter | cuts/cut its dividend | issues/issued a profit warning
        | floats/floated shares at the top of the range | misses/missed earnings targets | posts/posted a loss of {n} million
        | raises/raised its forecast for the year | buys/bought back {n} million shares | restates/restated its accounts
        | drops/dropped out of the blue chip index | lifts/lifted its stake to {n} percent | pays/paid a special dividend
        | wins/won over investors with a strong quarter | rallies/rallied on upbeat earnings""",
        """shares slide/slid {n} percent | the index closes/closed at a record | traders take/took profits
        | analysts trim/trimmed their targets | volume stays/stayed thin | the dollar slips/slipped""",
    ),
    (  # oil, metals and crops
        3,
        "oil trader, mine owner, commodity analyst, refiner, wheat exporter, tanker owner",
        "oil cartel, refinery, mining company, futures exchange, pipeline operator, coffee exporter",
        "Oil, Mining, Petroleum, Metals",
        "Saudi Arabia, Nigeria, Norway, Houston, Chile, Russia",
        "crude prices, output quotas, gold, the pipeline, copper stocks, fuel costs",
        """cuts/cut output by {n} percent | raises/raised crude output to calm prices | sells/sold {n} cargoes of wheat
        | shuts/shut a refinery for repairs | strikes/struck oil offshore | hedges/hedged against costly fuel
        | opens/opened a copper mine | sees/saw crude above fifty dollars a barrel | settles/settled a pipeline dispute
        | lifts/lifted coffee exports | buys/bought gold as a haven | warns/warned that supply is tight
        | loses/lost a drilling licence | doubles/doubled its tanker fleet""",
        """crude hits/hit a record high | copper falls/fell on weak demand | stockpiles shrink/shrank for a third week
        | the barrel price eases/eased | gold gains/gained | futures fall/fell at the close""",
    ),
    (  # banks and money
        3,
        "banker, central banker, economist, treasurer, lender, bond trader, accountant",
        "bank, central bank, treasury, savings bank, credit union, pension fund",
        "Bank, Savings, Trust, Finance",
        "Washington, Berlin, Ireland, Hong Kong, Stockholm, Edinburgh",
        "interest rates, inflation, the bond market, mortgages, the trade deficit, pensions",
        """raises/raised interest rates by a quarter point | cuts/cut its growth forecast | lends/lent {n} million to builders
        | writes/wrote off bad loans | sells/sold {n} billion in bonds | launches/launched a cheap mortgage
        | holds/held rates steady | fights/fought inflation with dearer credit | closes/closed {n} branches
        | pays/paid a fine over hidden fees | calls/called in a loan | defends/defended the currency
        | reports/reported a surge in savings | tightens/tightened credit rules""",
        """the euro climbs/climbed | bond yields fall/fell | house prices cool/cooled
        | inflation eases/eased to {n} percent | borrowers pay/paid more | consumer spending slows/slowed""",
    ),
    (  # shops, food and wages
        3,
        "retailer, grocer, store manager, union leader, shopper, fashion buyer, brewer",
        "supermarket chain, department store, trade union, brewery, toy maker, furniture chain",
        "Foods, Stores, Brands, Markets",
        "Chicago, Paris, Mexico, Denmark, Leeds, Dallas",
        "holiday sales, the wage deal, discounts, a price war, overtime pay, the high street",
        """opens/opened {n} stores before the holidays | cuts/cut prices in a price war | wins/won a pay rise of {n} percent
        | reports/reported weak holiday sales | closes/closed a warehouse | hires/hired {n} thousand seasonal staff
        | goes/went on strike over wages | recalls/recalled a brand of baby food | drops/dropped a supplier
        | sells/sold its fashion stores | raises/raised the price of beer | launches/launched a discount label
        | files/filed for bankruptcy | expands/expanded into frozen food""",
        """shoppers wait/waited for discounts | sales rise/rose {n} percent | tills ring/rang
        | margins stay/stayed thin | landlords lower/lowered rents | the union ballots/balloted its members""",
    ),
    (  # mergers, airlines and cars
        3,
        "airline boss, carmaker, dealmaker, takeover lawyer, media mogul, receiver",
        "airline, car company, rival bidder, shipping line, steel maker, publisher",
        "Airways, Motors, Steel, Lines",
        "Detroit, Seoul, Amsterdam, Mumbai, Milan, Singapore",
        "the takeover bid, the merger, antitrust rules, job cuts, bankruptcy court, landing slots",
        """buys/bought a rival for {n} billion | drops/dropped a takeover bid | cuts/cut {n} thousand jobs
        | agrees/agreed to a merger of equals | wins/won the race for a steel rival | leaves/left bankruptcy court
        | orders/ordered {n} jets | sells/sold its engine unit | moves/moved production abroad
        | raises/raised its offer to shareholders | sheds/shed its loss making routes | takes/took over a publisher
        | recalls/recalled vans with faulty brakes | hires/hired advisers for a sale""",
        """regulators study/studied the merger | the bidder walks/walked away | car sales stall/stalled
        | fares rise/rose with fuel | creditors back/backed the plan | the deal closes/closed in {month}""",
    ),
    (  # space
        4,
        "astronaut, astronomer, flight engineer, rocket designer, mission scientist, stargazer",
        "space agency, observatory, shuttle crew, mission control, rover team, space station crew",
        "Observatory, Space, Orbiter, Aerospace",
        "Houston, Chile, Hawaii, Kazakhstan, French Guiana, Florida",
        "the launch window, a heat shield, the rover, Saturn's rings, a comet, spacewalks",
        """lands/landed a probe on a moon of Saturn | launches/launched a weather satellite | spots/spotted a comet with {n} tails
        | finds/found ice under the dust of Mars | loses/lost contact with the orbiter | repairs/repaired a solar panel in orbit
        | maps/mapped a distant galaxy | delays/delayed the shuttle by {n} weeks | tests/tested a reusable rocket
        | counts/counted {n} new moons | docks/docked with the space station | sends/sent back the first pictures of the crater
        | wins/won the race to a private space flight | measures/measured the spin of a black hole""",
        """the rocket lifts/lifted off at dawn | the antenna stays/stayed silent | solar wind hits/hit the probe
        | engineers replay/replayed the telemetry | the capsule splashes/splashed down | dust clouds dim/dimmed the lens""",
    ),
    (  # software and the internet
        4,
        "programmer, hacker, software developer, web designer, security researcher, blogger",
        "software maker, search engine, open source project, internet provider, web browser team, music site",
        "Software, Online, Systems, Web",
        "California, Bangalore, Estonia, Seattle, Seoul, Helsinki",
        "spam, the browser, a security patch, file sharing, online privacy, open source code",
        """patches/patched {n} holes in a browser | releases/released a free music player | blocks/blocked a computer virus
        | traces/traced an email worm | sues/sued {n} spammers | launches/launched a desktop search tool
        | opens/opened its source code | crashes/crashed under heavy traffic | stores/stored a gigabyte of mail for free
        | drops/dropped support for an old operating system | adds/added voice calls to chat | cracks/cracked the copy protection
        | ships/shipped a test version of its server | hides/hid a bug in the update""",
        """downloads pass/passed {n} million | users report/reported crashes | the worm spreads/spread by email
        | servers slow/slowed down | the code leaks/leaked onto the web | pop up windows multiply/multiplied""",
    ),
    (  # chips, phones and gadgets
        4,
        "chip designer, gadget maker, robotics engineer, game designer, phone engineer, inventor",
        "chip maker, phone maker, robotics lab, console maker, laptop maker, wireless network",
        "Labs, Devices, Micro, Robotics",
        "Taiwan, Tokyo, Texas, Finland, Seoul, Singapore",
        "memory cells, battery life, the handheld, wireless links, a dual core chip, flat screens",
        """unveils/unveiled a chip with {n} cores | shrinks/shrank memory cells | builds/built a robot that climbs stairs
        | adds/added a camera to a phone | doubles/doubled battery life in a laptop | ships/shipped a handheld game console
        | shows/showed a screen thin as paper | tests/tested wireless links at {n} megabits | drops/dropped the floppy drive
        | teaches/taught a robot to play table tennis | cools/cooled a processor with water | patents/patented a folding keyboard
        | stores/stored {n} films on one disc | wires/wired a house for broadband""",
        """prototypes overheat/overheated | transistors shrink/shrank again | gamers queue/queued for the console
        | the network carries/carried video | early models lack/lacked storage | pixels fade/faded""",
    ),
    (  # medicine and biology
        4,
        "biologist, geneticist, virologist, zoologist, surgeon, neuroscientist, botanist",
        "research hospital, genome project, vaccine team, zoo lab, medical school, stem cell bank",
        "Institute, Biotech, Genetics, Clinic",
        "Boston, Edinburgh, Kenya, Madagascar, Sweden, Kyoto",
        "stem cells, the genome, a flu strain, clinical trials, gene therapy, bird migration",
        """maps/mapped the genome of a mouse | tests/tested a vaccine on {n} volunteers | grows/grew heart cells in a dish
        | finds/found a gene for deafness | names/named {n} species of frog | tracks/tracked whales by satellite
        | clones/cloned a calf | links/linked sleep to memory | isolates/isolated a bird flu virus
        | photographs/photographed a giant squid | halts/halted a drug trial | wins/won the race to read a chromosome
        | slows/slowed ageing in worms | restores/restored sight in rats""",
        """the cells divide/divided as planned | mice recover/recovered within days | samples fill/filled the freezer
        | the virus mutates/mutated | the journal prints/printed the data | the antibody binds/bound""",
    ),
    (  # earth, physics and the past
        4,
        "climate scientist, geologist, archaeologist, physicist, oceanographer, palaeontologist, chemist",
        "research vessel, physics lab, polar station, dig team, weather bureau, natural history museum",
        "Laboratory, Survey, Museum, Geophysics",
        "Antarctica, Greenland, Iceland, China, Egypt, Patagonia",
        "sea ice, greenhouse gases, a fossil bed, the ozone layer, fusion power, a lost tomb",
        """drills/drilled an ice core {n} kilometres deep | dates/dated a skull to the ice age | unearths/unearthed a dinosaur nest
        | finds/found a tomb under the sand | measures/measured the warming of the deep sea | splits/split a beam of neutrinos
        | charts/charted shrinking glaciers | models/modelled a hotter century | predicts/predicted {n} strong hurricanes
        | fires/fired a laser at a plasma | weighs/weighed an atom | digs/dug up {n} feathered fossils
        | stores/stored carbon under the sea bed | records/recorded quakes on the ocean floor""",
        """glaciers retreat/retreated faster | the ozone hole shrinks/shrank | carbon levels climb/climbed
        | the plasma glows/glowed for seconds | sediment layers tell/told the story | sensors drift/drifted south""",
    ),
)

NAME_STARTS = "Bra Cal Dor Fen Gar Hol Jor Kel Lan Mar Nor Ost Pel Rin Ros Sel Tor Ul Ves Wil".split()
NAME_ENDS = "dane vik mont quist lund etti ova aki ero unga ides aster".split()
PLACE_STARTS = "Ald Bex Cor Dun Elm Fern Glen Iver Kest Lark Mell Ned Orm Pem Rad Thorn Umber Wyn".split()
PLACE_ENDS = "mere wick holt garth combe stow beck dale croft".split()


@dataclass(frozen=True)
class Entity:
    """A person or organisation with a name and a place. `full` is the name with its trade or kind, `short` without."""

    full: str
    short: str
    home: str
    trade: str = ""


@dataclass(frozen=True)
class Beat:
    """The words of one topic. Acts and results are pairs: present tense for headlines, past tense for stories."""

    label: int
    trades: tuple[str, ...]
    groups: tuple[str, ...]
    people: tuple[Entity, ...]
    organisations: tuple[Entity, ...]
    places: tuple[str, ...]
    things: tuple[str, ...]
    acts: tuple[tuple[str, str], ...]
    results: tuple[tuple[str, str], ...]


def tenses(text: str) -> tuple[str, str]:
    """`wins/won the race` as (`wins the race`, `won the race`)."""
    text = " ".join(text.split())
    return re.sub(r"(\w+)/(\w+)", r"\1", text), re.sub(r"(\w+)/(\w+)", r"\2", text)


def split(text: str, mark: str = ",") -> tuple[str, ...]:
    """The entries of a text between the marks, without the blanks around them."""
    return tuple(part.strip() for part in text.split(mark))


@cache
def beats() -> tuple[Beat, ...]:
    """All beats, in a fixed order, each with its own invented names (no name belongs to two beats)."""
    # The step is coprime to the number of names, so that neither the beginning nor the end of a name tells the class.
    surnames = [start + end for start in NAME_STARTS for end in NAME_ENDS]
    surnames = [surnames[97 * i % len(surnames)] for i in range(len(surnames))]
    stems = [start + end for start in PLACE_STARTS for end in PLACE_ENDS]
    stems = [stems[47 * i % len(stems)] for i in range(len(stems))]
    result = []
    for number, (label, trades, groups, kinds, places, things, acts, results) in enumerate(SOURCE):
        trade, kind, home = split(trades), split(kinds), split(places)
        own = surnames[number * NAMES_PER_BEAT :][:NAMES_PER_BEAT]
        people = tuple(
            Entity(f"{trade[i % len(trade)]} {name}", name, home[i % len(home)], trade[i % len(trade)])
            for i, name in enumerate(own)
        )
        own = stems[number * ORGANISATIONS_PER_BEAT :][:ORGANISATIONS_PER_BEAT]
        organisations = tuple(
            Entity(f"{name} {kind[i % len(kind)]}", name, home[i % len(home)]) for i, name in enumerate(own)
        )
        result.append(
            Beat(
                label,
                trade,
                split(groups),
                people,
                organisations,
                home,
                split(things),
                tuple(tenses(act) for act in split(acts, "|")),
                tuple(tenses(clause) for clause in split(results, "|")),
            )
        )
    return tuple(result)
