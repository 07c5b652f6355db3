"""Wordings for the family `games`.

Clubs read as their name or their code, the same way within a query; years as digits or in words.
"""

import random

from microworld.test_set.wordings._base import Case, Wordings
from microworld.tools.tables.pebble_league import CLUBS, STATISTICS
from microworld.tools.tables.world_cups import WORLD_CUPS

#: without the years an error message names and the club it takes as its example
_YEARS = tuple(year for year in WORLD_CUPS if year not in (1930, 2022))
_CLUBS = tuple(code for code in CLUBS if code != "THU")

_SMALL = (
    *("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"),
    *("thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"),
)
_TENS = {30: "thirty", 50: "fifty", 60: "sixty", 70: "seventy", 80: "eighty", 90: "ninety"}

_PLACES = {2: ("second", "2nd"), 3: ("third", "3rd"), 4: ("fourth", "4th")}
_STATISTICS = {
    "wins": ("wins", "victories"),
    "goals": ("goals",),
    "corners": ("corners", "corner kicks"),
    "cards": ("cards", "bookings"),
}
#: each list has the readings of a win, a draw and a loss
_RESULTS = (
    {"W": "W", "D": "D", "L": "L"},
    {"W": "win", "D": "draw", "L": "loss"},
    {"W": "won", "D": "drew", "L": "lost"},
    {"W": "victory", "D": "draw", "L": "defeat"},
)


def _year_in_words(year: int) -> str:
    """A year as it is spoken: nineteen sixty-six, two thousand and six, twenty ten."""
    century, rest = divmod(year, 100)
    if year < 2000:
        tens, ones = rest - rest % 10, rest % 10
        return f"{_SMALL[century]} {_TENS[tens]}" + (f"-{_SMALL[ones]}" if ones else "")
    return f"two thousand and {_SMALL[rest]}" if rest < 10 else f"twenty {_SMALL[rest]}"


def _world_cup(rng: random.Random, slots: frozenset[str]) -> Case:
    year = rng.choice(_YEARS)
    texts = {"year": rng.choice((str(year), str(year), _year_in_words(year)))}
    arguments = {"year": year}
    if "place" in slots:
        arguments["place"] = rng.choice(tuple(_PLACES))
        texts["place"] = rng.choice(_PLACES[arguments["place"]])
    return Case(texts, arguments)


def _head_to_head(rng: random.Random, slots: frozenset[str]) -> Case:
    first, second = rng.sample(_CLUBS, 2)
    statistic = rng.choice(STATISTICS)
    shown = {"first": first, "second": second}
    if rng.random() < 0.5:
        shown = {slot: CLUBS[code] for slot, code in shown.items()}
    return Case(
        {**shown, "statistic": rng.choice(_STATISTICS[statistic])},
        {"first": first, "second": second, "statistic": statistic},
    )


def _form(rng: random.Random, slots: frozenset[str]) -> Case:
    results = [rng.choice("WWDL") for _ in range(rng.randint(3, 6))]
    words = rng.choice(_RESULTS)
    texts = {"results": ", ".join(words[result] for result in results)}
    arguments: dict[str, object] = {"results": results}
    if "points" in slots:
        points = rng.choice((2, 4, 5))
        arguments["win_points"] = points
        texts["points"] = rng.choice((_SMALL[points], str(points)))
    return Case(texts, arguments)


def _season(rng: random.Random, slots: frozenset[str]) -> Case:
    wins, draws, losses = rng.randint(2, 19), rng.randint(2, 11), rng.randint(2, 15)
    if (wins, draws, losses) == (12, 5, 3):  # the error message's example
        losses = 4
    style = rng.choice(("digits", "words", "past", "turned"))
    if style == "words":
        record = f"{_SMALL[wins]} wins, {_SMALL[draws]} draws and {_SMALL[losses]} losses"
    elif style == "past":
        record = f"{wins} won, {draws} drawn, {losses} lost"
    elif style == "turned":
        record = f"{losses} losses, {wins} wins and {draws} draws"
    else:
        record = f"{wins} wins, {draws} draws and {losses} losses"
    texts = {"record": record}
    arguments: dict[str, object] = {"record": f"{wins}-{draws}-{losses}"}
    if "deduction" in slots:
        deduction = rng.randint(2, 15)
        arguments["deduction"] = deduction
        texts["deduction"] = rng.choice((_SMALL[deduction], str(deduction)))
    return Case(texts, arguments)


def _nothing(rng: random.Random, slots: frozenset[str]) -> Case:
    return Case({}, {})


WORDINGS: dict[str, Wordings] = {
    "world_cup_winner": Wordings(
        case=_world_cup,
        test=(
            "Which country won the World Cup in {year}?",
            "Who finished {place} at the {year} football World Cup?",
            "Where was the {year} World Cup held, and who became champion?",
            "I forgot which team came {place} at the {year} World Cup. Can you look it up?",
            "Name the football world champion of {year}.",
            "{place} place, men's World Cup {year}: which team?",
            "Quiz question: which nation took {place} place in the {year} World Cup?",
            "My father watched the {year} World Cup final. Who won it?",
            "Please tell me the national team that ended {place} when the World Cup was played in {year}.",
            "Tell me the team that was {place} best in world football at the {year} tournament.",
        ),
        dev=(
            "Who were the football world champions in {year}?",
            "Look up the team in {place} place of the {year} World Cup.",
            "At the World Cup of {year}, which country came {place}?",
        ),
    ),
    "head_to_head": Wordings(
        case=_head_to_head,
        test=(
            "When {first} played {second}, how many {statistic} did each side have?",
            "Compare {first} and {second} by {statistic} in their meetings.",
            "Pebble League: {first} against {second}, {statistic}?",
            "I want the {statistic} of {first} and {second} in the matches between them.",
            "Who has more {statistic} in the games between {first} and {second}?",
            "Before {first} meets {second} again, tell me the {statistic} of both so far.",
            "Please show how {first} and {second} compare in {statistic} over their past games.",
            "We argue about {first} and {second}. Which club leads in {statistic} when they meet?",
            "Count the {statistic} for each club in all Pebble League games of {first} with {second}.",
            "How do {statistic} stand between {first} and {second}?",
        ),
        dev=(
            "In past games of {first} versus {second}, what were the {statistic} of each?",
            "Set {first} beside {second}: {statistic} in the matches they played each other.",
            "Does {first} or {second} have more {statistic} from their meetings in the Pebble League?",
        ),
    ),
    "form_points": Wordings(
        case=_form,
        test=(
            "Our last matches went like this: {results}. How many points did we get?",
            "With {points} points for a win, what does this run give: {results}?",
            "Add up the league points for these games: {results}.",
            "A team's latest results, one by one: {results}. What is that in points?",
            "In our league a win is worth {points} points. Our results: {results}. What is our total?",
            "Points for these matches, please: {results}.",
            "My club, week by week: {results}. How many points has it collected?",
            "Count points for the sequence {results}, where winning brings {points}.",
            "Game after game it was {results}, and each win counts {points}. Tell me the points.",
            "If every win earns {points} points, how much are these games worth: {results}?",
        ),
        dev=(
            "These are our match results in order: {results}. What do they bring in points?",
            "A win gives {points} points here. Sum this run for me: {results}.",
            "The girls played one match a week: {results}. Work out their points.",
        ),
    ),
    "season_points": Wordings(
        case=_season,
        test=(
            "A club ended the season with {record}. How many points is that?",
            "We had {record} this year. What is our points total?",
            "Season totals: {record}, minus {deduction} points as a penalty. What remains?",
            "The league took {deduction} points away from a team with {record}. How many are left?",
            "How many points does a team with {record} have?",
            "After {record} and a fine of {deduction} points, what is left for the table?",
            "Please give the final points for {record} over the whole season.",
            "Our season was {record}, but we lose {deduction} points for a rule break. Final points?",
            "Over the year they had {record}. With {deduction} points deducted, what is the total?",
            "My team's totals are {record}. Take off {deduction} points and tell me the result.",
        ),
        dev=(
            "What points total follows from {record} in a league season?",
            "For unpaid bills a club with {record} is docked {deduction} points. What does it keep?",
            "The whole season brought {record}. Count the points, please.",
        ),
    ),
    "list_fighters": Wordings(
        case=_nothing,
        test=(
            "Who can I play as in Iron Lantern?",
            "Which characters are in the game Iron Lantern?",
            "Name everybody on the Iron Lantern roster.",
            "I just bought Iron Lantern. What characters can I pick?",
            "Show me the full cast of Iron Lantern.",
            "Before our tournament, tell me all characters one can choose in Iron Lantern.",
            "Give me the names of the Iron Lantern heroes.",
            "How many characters does Iron Lantern have, and who are they?",
            "Is there a lady among the characters of Iron Lantern?",
            "What are the playable figures in Iron Lantern called?",
            "Please write down every character you can select in Iron Lantern.",
            "My brother plays Iron Lantern. Which characters could he be using?",
            "Iron Lantern characters, all of them, please.",
            "Who fights in Iron Lantern?",
            "I need the character names from the Iron Lantern selection screen.",
        ),
        dev=(
            "Tell me who is playable in Iron Lantern.",
            "What names do the characters of Iron Lantern have?",
            "I am drawing a poster of Iron Lantern. Who belongs on it?",
            "Which people can one choose at the start of Iron Lantern?",
            "Could you give me the Iron Lantern line-up?",
        ),
    ),
}
