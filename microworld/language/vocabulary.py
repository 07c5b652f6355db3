"""The words of the synthetic language: everyday English, written for this project, and the names that values take.

>>> "harvest" in NOUNS and "harvests" in WORDS and "Harvest" in WORDS
True

Words are shared by all parts of the corpus; which of them name *tools* is split in two (`heldout`), so that a held-out
tool is about something no tool of the training corpus was about. Facts (countries, cities, currencies, languages,
units, airports, elements) come from the tables of the study's world: their names must be copied and their codes known.
"""

import zlib
from pathlib import Path

from microworld.tools.tables.airports import AIRPORTS
from microworld.tools.tables.cities import CITIES
from microworld.tools.tables.countries import COUNTRIES
from microworld.tools.tables.currencies import CURRENCIES
from microworld.tools.tables.elements import ELEMENTS
from microworld.tools.tables.units import UNITS

NOUNS = """
account actor address advice agenda agent album alarm animal answer apartment apple archive area army article artist
atlas auction audience author award baby badge bag bakery balance ball balloon bank banner barn barrel basket battery
bay beach bean bear bed bee beer bell belt bench benefit bicycle bill bird biscuit blanket block blog board boat body
bond bone bonus book boot border bottle boundary bowl box branch brand bread brick bridge brush bucket budget building
bus bush business butter button cabin cable cake calendar camera camp canal candle captain carpet carriage cart castle
catalogue cattle cave ceiling cell ceremony chain chair challenge champion channel chapter character charge charity
chart cheese chef chemist chess chest choir church cinema circle citizen clause client cliff clinic clock cloth cloud
club coach coal coast coat code coffee coin collection colour column comedy comet comment company compass complaint
computer concert contract cook copper copy corn corner cotton council counter county couple coupon course court cousin
cover cow crane crew crop crowd crown crystal cup curtain curve customer cycle damage dance danger daughter deal debt
deck deer degree delay delivery dentist deposit desert desk device diagram diamond diary dictionary diet dinner
diploma direction director discount disease dish district doctor document dog door drama drawer dream dress drink
driver drum duck dust duty eagle earth east edge editor egg elbow election elephant engine engineer entrance envelope
episode error essay estate event exam exercise exhibition exit expert export fabric factory failure fair family farm
farmer fashion feather fee fence ferry festival fever field figure film filter finger fire fish flag flame flat fleet
flight flood floor flour flower flute food football forest fork form formula fortune fossil fountain fox frame freight
friend fruit fuel fund furniture gallery game garage garden garlic gate gift glacier glass glove goal goat gold grain
grammar grant grape grass gravity grocery group guard guest guide guitar gym hall hammer hand harbour harvest hat
hazard health heart heat height herb hero hill hobby holiday home honey horse hospital host hotel hour house hunter
ice idea illness image import income index industry injury ink insect insurance interest interview invoice iron island
item jacket jam jar jewel job joke journal journey judge juice jungle jury kettle key king kitchen kite knife label
ladder lake lamp land lane laptop laundry law lawyer leader leaf league leather lecture legend lemon lender lens lesson
letter level library licence lift light lily line lion list loan lock log logo lunch machine magazine magnet mail
manager manual map marble market marriage mask match meal measure meat medal medicine meeting melody member memory menu
merchant message metal meter microscope milk mill mineral mirror mission mixture model moment monkey monument moon
morning motor mountain mouse movie muscle museum mushroom music name nation nature neck needle neighbour nest net
network news night noise north note novel number nurse oak object ocean offer office officer oil olive onion opera
option orange orchard orchestra order organ origin oven owl owner oxygen package page pain paint painter palace paper
parade parcel parent park parking partner party passage passenger passport pasta path patient pattern payment peace
pearl pen pencil penguin pension people pepper permit person pest phone photo piano picnic picture piece pilot pine
pipe pitch pizza plan plane planet plant plate platform player plot pocket poem poet poison police policy pollen pond
pool port post poster potato pottery powder power prayer premium prescription present president press price prince
printer prison prize product profile profit program project promise proof property protein province pump pupil puzzle
pyramid quality quantity quarter queen question queue quiz quote rabbit race racket radio rail rain ranch rank rating
reader receipt recipe record referee refund region relief rent repair reply report rescue reserve resort result review
reward rhythm ribbon rice ring river road robot rock rocket roof room root rope rose route rower rule runner safety
sail sailor salad salary sale salmon salt sample sand sandwich satellite sauce saving scale scene schedule scheme
school science score screen script sculpture sea seal season seat seed semester senate sensor series server service
session shadow shape share shark sheep shelf shell shelter shield shift ship shirt shoe shop shore show sign signal
silk silver singer size ski skill skirt sky snack snake snow soap soccer sock sofa soil soldier song sound soup south
space speaker speech speed spice spider spoon sport spot spring square stadium staff stage stair stamp standard star
statement station statue steam steel step stock stone storage store storm story stove strawberry stream street string
student studio style subject suburb subway sugar suit summer summit sun supper supply surface surfer surgery survey
sweater swimmer switch symbol symptom system table tailor tale tank target task tax taxi tea teacher team teaser
telescope temperature temple tenant tennis tent term terminal test text theatre theory thunder ticket tide tiger tile
timber time timetable tip title toast tobacco toilet tomato tone tool tooth topic torch tour tournament towel tower
town toy track trade trader traffic trail train trainer tram transfer translation trap traveller treasure treatment
tree trend trial tribe trip trophy truck trunk trust tube tunnel turbine tutor twin uncle uniform union university
vaccine valley van vase vegetable vehicle venue verb verse vessel video view villa village vine violin virus visa visit
visitor voice volcano vote voucher voyage wage waiter wall wallet warehouse warranty watch water wave wealth weapon
weather wedding weed week weight west whale wheat wheel wife wildlife wind window wine wing winner winter wire wish
witness wolf wood wool word work worker workshop world wound writer yacht yard yoga youth zebra zone zoo
""".split()

ADJECTIVES = """
active airy ancient annual basic better big bitter black blue bold brave brief bright broken brown busy calm central
certain cheap clean clear clever close cold common complete correct current daily dark deep dry early easy eastern
elder empty equal exact extra fair famous fast final fine first fixed flat foreign formal former free fresh full
general gentle global good grand great green grey half happy hard healthy heavy hidden high hot huge inner joint junior
kind large last late leading legal light little live local lonely long loud low lucky main major maximum mean middle
minor modern monthly narrow national natural near neat new next noisy normal northern official old only open outer
pale past perfect pink plain popular possible private proper proud public pure purple quick quiet rare ready real
recent red regular rich right rough round royal rural safe same secret senior separate shallow sharp short silent
simple single slow small smooth social soft solid southern special stable steep strange strict strong sudden sunny
sweet tall thick thin tidy tiny top total tough typical unique urgent usual vague valid warm weak weekly western wet
white whole wide wild wise wooden wrong yearly yellow young
""".split()

VERBS = """
accept add agree allow appear apply arrange arrive ask assign attend avoid beat become begin believe belong borrow
break bring build burn buy calculate call cancel carry catch change charge check choose clean climb close collect come
compare compute confirm connect consider contain continue convert cost count create cross cut decide declare decode
deliver depend describe design detect develop die differ discover discuss divide do draw drink drive drop earn eat
encode end enjoy enter estimate exchange exist expect explain explore express fail fall feed feel fetch fill find
finish fit fix fly fold follow forecast forget form gain gather generate get give go grow guess happen have hear help
hide hold hope hurry imagine improve include inform invite join jump keep know last lay lead learn leave lend let lie
lift like list listen live load locate look lose love make manage mark match matter mean measure meet mention merge
mind miss mix monitor move multiply name need notice notify obtain occur offer open order own pack pass pay perform
pick place plan play point predict prefer prepare present print produce promise protect prove provide publish pull push
put rank reach read receive recommend record reduce register release remain remember remind remove rent repair replace
reply report request require rescue reserve rest return reverse review rotate run save say schedule search see seem
select sell send serve set share shift show sing sit sleep solve sort speak spell spend split spread stand start state
stay stop store study suggest summarise supply suppose swim take talk taste teach tell test thank think throw touch
track train translate travel try turn understand update use validate verify visit wait walk want warn wash watch wear
weigh win wish wonder work worry write
""".split()

OTHERS = """
a about above across after again against ago ahead all almost along already also although always am among amount an and
another any anyone anything anywhere apart are around as at away back bad be because been before behind being below
beside besides best between beyond both brother but by can cannot child children class could day did difference does
done down during each early either eight eighteen eighth eighty eleven eleventh else enough even evening ever every
everyone everything example except far father few fifteen fifth fifty fight fighter fighting five for forty four
fourteen fourth friday from further girl given got grandmother had has he her here hers him his how however hundred
hundredth I if in inside instead into is it its itself just kilogram later latest latitude least left less letters life
longitude lot lots many may maybe me men might million minus mine minute minutes mom monday month months more most
mother much must my myself ninety ninth nine nineteen no nobody noon none nor not nothing now o'clock of off often on
once one ones onto or other others our out outside over own per percent please plus quite rather really s said saturday
second seconds seven seventeen seventh seventy several she should since sister six sixteen sixth sixty so some someone
something son soon still such sum sunday t tell ten tenth than thanks that the their them then there these they thing
third thirteen thirty this those though thousand three through thursday till times to today together tomorrow tonight
too toward tuesday twelfth twelve twenty twice two under unless until up upon us very via was way we wednesday weekday
weekend well were what whatever when where whether which while who whose why will with within without woman worth would
year years yes yesterday yet you your zero north south east west degrees latitude longitude details information data
status value values list number numbers date string integer array object boolean optional required argument arguments
request query user result results solved unsolved informative faithful appropriate action input observation final
answer error missing unknown expected invalid type code codes ISO JSON API two-letter three-letter lower upper case
capital format day-first DD MM YYYY HH CC abbreviation true false null ok id max min unit units rate average mean
median sum share price copy reverse alphabetical letter spelled spell sort largest smallest passage says bought sold
lives paid many euro euros coins metres kilometres hours weeks order ascending descending
""".split()

MORE = """
ability absence ahead amounts angle apiece aloud alphabet armchair arrival arrivals asked aunt autumn average away
bakers barely base began beside bill binary blend booked booth born bought brackets brand breakfast breeze brings
brought bureau came camp cannot capacity carriages cents centuries century certificate changed characters chemical
chose cipher city cities clause clerk clever closes clothes coded colleague colours comma commonly compared concerning
conditions cook coordinates corners correctly costs counted countries countries crossed cubic currencies currency
customs danger dates daughter decimal decimals deducted deduction defend delayed departs departure departures deposit
described desktop did digit digital digits direct distance distances docked dollar dollars domain done double down
draft drawn draws dream earliest earned earns eaters eight eldest elements employees encoded encrypted enough equally
event events evenly every exactly exists expected explained expense express extra facts far fair favourite fees fell
figures fits flies flights floors fly flying folks football forecasts formed fortnight forty forwards foreign fraction
fractions francs free fresh friends friday front funds games gave girls given goals goes going gone grams grandfather
greater grew group grows guests happened happens harder held helped highest holding holidays homework hosts hotter
hours hotels invested invitation jobs joined kinds knows known landed lands languages largest lasts lately laid later
league leaving legal lengths lent less letters lies lift lifted listed lives location locations longest looking loses
loss losses lost lowest lucky luggage made making manager maps marks married mass masses match matches math maths
mathematics meant measured measures medium meets members men mentioned mistake mixed moment money monthly months
mornings moved moves movies multiple names nations nearby nearest needed neighbours nobody normally notes nowadays
nuclear numbers odds offered oldest opened opening opens opposite ordered orders ordinary others ounces ours overall
owed owes packed packing pages pair pairs parts paying pays pence percentage percentages phrase phrases places planned
players playing plural points populated population positions possible pounds practice prefix presents printed prizes
probably problem product purchase puts quarters questions quicker quickest quickly raised rainy ranges ranked ranking
rates rating ratio reached reads really receive receives recently rectangle remaining remains rented repaid repay
replaced requests rests returning returns reversed rises roman rotated roughly rounded round rows runs sales savings
saved says scheme scored scores seats secure sentence sentences services sheet ships shops shortest shown shows sides
signed sisters sits sizes sky sleeping slower slowest smaller snowing solution someone sometimes soonest sorted sounds
speaks speeds spelling spelt spent splits spoken squares stays stations steps stocks stones stopped stops stretch
strength strongest subtract suitcase sums sunny sunrise sunset sunshine surely takes taken talking taller tallest
teams tells temperatures terms thinks third throughout tickets ties till timed times tired titles tonight took topics
tossed totals tourists towards towns trading trains transferred translated travelling trips tune turned turns twelve
twice typed types uncle units upper useful uses valid valued values vegan vehicles versus victories victory visited
visiting visits voted waiting walked walking wanted wants warmer warmest warnings weekends weeks weigh weighed
weighing weighs weights went wettest whichever width wind winds windy winners wins won wonder wondering wording words
working works worth worst wrapped write writes writing written wrote yearly years yesterday zlotys mum dad grandma
anyway perhaps ever i'm it's what's where's let's don't doesn't isn't who's I'd I'll
""".split()
FIRST_NAMES = """
Anna Ben Carla David Elena Frank Grace Henry Irene Jack Karen Liam Maria Noah Olivia Peter Quinn Rosa Sam Tina Umar
Vera Walter Xenia Yusuf Zoe Aisha Bruno Chen Diego Emma Felix Gita Hugo Ines Jonas Kenji Lena Marco Nadia Oscar Priya
""".split()
LAST_NAMES = """
Keller Smith Rossi Dubois Garcia Silva Novak Tanaka Kim Singh Okafor Mensah Larsen Berg Costa Moreau Weber Fischer
Taylor Walker Hall Wright Lopez Ivanov Popov Horvat Nagy Ali Murphy Jansen Kowalski Haddad Santos Meyer Olsen Petrov
""".split()
#: made-up names: companies, places, teams
BRANDS = """
Acme Zeno Lumo Vexa Orbi Kado Nimo Tars Quil Pano Rida Sova Teka Ulmo Vanta Wixo Yara Zorb Bexa Cita Dova Elko Fira Gola
Hexa Ixora Jura Kela Loma Mira Norda Opal Pixa Quanta Rondo Selva Tonka Urba Volta Westa Xylo Yonder Zephyr Amber Basil
Cedar Delta Ember Fable Gamma Harbor Indigo Juniper Koral Lotus Meadow Nectar Onyx Prairie Raven Sierra Tulip Umbra
Velvet Willow Birch Cobalt Dune Echo Fjord Glint Heron Iris Jasper
""".split()
MONTHS = "January February March April May June July August September October November December".split()
WEEKDAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()
CARDINALS = """
zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen
nineteen twenty
""".split()
ORDINALS = "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth".split()

COUNTRY_CODES = {country.name: country.code for country in COUNTRIES.values()}
CAPITALS = {country.name: country.capital for country in COUNTRIES.values()}
CONTINENTS = {country.name: country.continent for country in COUNTRIES.values()}
CURRENCY_CODES = {currency.plural: currency.code for currency in CURRENCIES.values()}
CITY_COUNTRIES = {city.name: COUNTRIES[city.country].code for city in CITIES.values() if city.country in COUNTRIES}
ZONES = {city.name: city.zone for city in CITIES.values()}
AIRPORT_CODES = {airport.city: airport.code for airport in AIRPORTS.values()}
ELEMENT_SYMBOLS = {element.name.lower(): element.symbol for element in ELEMENTS}
UNIT_CODES = {unit.names[0]: unit.code for unit in UNITS.values()}
LANGUAGE_CODES = dict(
    pair.split(":")
    for pair in """
    English:en French:fr German:de Spanish:es Italian:it Portuguese:pt Dutch:nl Polish:pl Greek:el Turkish:tr Arabic:ar
    Hindi:hi Chinese:zh Japanese:ja Korean:ko Russian:ru Swedish:sv Finnish:fi Danish:da Czech:cs Hungarian:hu
    Romanian:ro Thai:th Vietnamese:vi Norwegian:no Hebrew:he Indonesian:id Ukrainian:uk Bulgarian:bg Croatian:hr
    """.split()
)


def _common() -> list[str]:
    lines = (Path(__file__).parent / "common_words.txt").read_text(encoding="utf-8").splitlines()
    return [word for line in lines if not line.startswith("#") for word in line.split()]


#: common English words that no other list has, so that an unknown documentation is not spelled in characters
COMMON = _common()


def heldout(word: str) -> bool:
    """Whether a word is kept out of the names and descriptions of training tools (about one in six)."""
    return zlib.crc32(f"tool word {word.lower()}".encode()) % 6 == 0


def plural(noun: str) -> str:
    """The regular plural of a noun."""
    if noun.endswith(("s", "x", "ch", "sh", "z")):
        return noun + "es"
    if noun.endswith("y") and noun[-2] not in "aeiou":
        return noun[:-1] + "ies"
    return noun + "s"


def _past(verb: str) -> str:
    return verb + "d" if verb.endswith("e") else verb + "ed"


def _progressive(verb: str) -> str:
    return verb[:-1] + "ing" if verb.endswith("e") else verb + "ing"


def _facts() -> set[str]:
    tables = (
        COUNTRY_CODES, CAPITALS, CONTINENTS, CURRENCY_CODES, CITY_COUNTRIES, ZONES, AIRPORT_CODES, ELEMENT_SYMBOLS,
        UNIT_CODES, LANGUAGE_CODES,
    )  # fmt: skip
    texts = " ".join(f"{key} {value}" for table in tables for key, value in table.items())
    return set(texts.replace("/", " ").replace("_", " ").replace("-", " ").split())


def _all_words() -> list[str]:
    lower = {*NOUNS, *map(plural, NOUNS), *ADJECTIVES, *VERBS, *OTHERS}
    names = {*FIRST_NAMES, *LAST_NAMES, *BRANDS, *MONTHS, *WEEKDAYS, *_facts()}
    title = {word.capitalize() for word in {*NOUNS, *ADJECTIVES, *VERBS, *OTHERS} if word.isalpha()}
    third = {word + "s" for word in VERBS} | {(word + "s").capitalize() for word in VERBS}
    tensed = {form for word in VERBS for form in (_past(word), _progressive(word))}
    title |= {word.capitalize() for word in MORE}
    kept = lower | title | third | tensed | names | {*MORE, *COMMON} | {name.lower() for name in names if len(name) > 3}
    return sorted(word for word in kept if word.isalnum())


WORDS = _all_words()
