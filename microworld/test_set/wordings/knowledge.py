"""How people ask for the tools of `microworld.tools.knowledge`."""

import random

from microworld.test_set.wordings._base import Case, Wordings
from microworld.tools.tables.elements import ELEMENTS, Element

#: sodium stands in an error message
_ELEMENTS = tuple(element for element in ELEMENTS if element.symbol != "Na")
_MELTING = tuple(element for element in _ELEMENTS if element.melting is not None)

#: symbols that a reader would take for a word or an initial are given with the element's name
_WORDLIKE = {"He", "Be", "As"} | {element.symbol for element in ELEMENTS if len(element.symbol) == 1}

_TENS = dict(zip(range(50, 100, 10), "fifty sixty seventy eighty ninety".split(), strict=True))
_ONES = ("", *"one two three four five six seven eight nine".split())


def _chosen(slots: frozenset[str], texts: dict[str, str]) -> dict[str, str]:
    return {name: texts[name] for name in slots}


def _spoken_element(rng: random.Random, element: Element) -> str:
    name = element.name.lower()
    style = rng.randrange(3)
    if style == 0:
        return name
    return f"{name} ({element.symbol})" if style == 1 or element.symbol in _WORDLIKE else element.symbol


def _spoken_year(rng: random.Random, year: int) -> str:
    """Mostly in digits, else in words: nineteen sixty-nine."""
    if rng.random() < 0.75:
        return str(year)
    if year == 2000:
        return "two thousand"
    tens, ones = divmod(year % 100, 10)
    return f"nineteen {_TENS[tens * 10]}" + (f"-{_ONES[ones]}" if ones else "")


def _look_up_element(rng: random.Random, slots: frozenset[str]) -> Case:
    element = rng.choice(_MELTING if "unit" in slots else _ELEMENTS)
    spoken = {
        "C": ("Celsius", "degrees Celsius"),
        "K": ("kelvin", "kelvins"),
        "F": ("Fahrenheit", "degrees Fahrenheit"),
    }
    unit = rng.choice(sorted(spoken))
    arguments = {"element": element.symbol}
    if "unit" in slots:
        arguments["unit"] = unit
    texts = {"element": _spoken_element(rng, element), "unit": rng.choice(spoken[unit])}
    return Case(_chosen(slots, texts), arguments)


def _compare_elements(rng: random.Random, slots: frozenset[str]) -> Case:
    chosen = rng.sample(_MELTING, rng.choice((2, 3, 3)))
    names = [_spoken_element(rng, element) for element in chosen]
    spoken = {"Z": ("atomic number",), "M": ("atomic mass", "atomic weight"), "T": ("melting point",)}
    by = rng.choice(sorted(spoken))
    arguments: dict[str, str | list[str]] = {"elements": [element.symbol for element in chosen]}
    if "by" in slots:
        arguments["by"] = by
    texts = {"elements": ", ".join(names[:-1]) + f" and {names[-1]}", "by": rng.choice(spoken[by])}
    return Case(_chosen(slots, texts), arguments)


def _list_nobel_fields(rng: random.Random, slots: frozenset[str]) -> Case:
    return Case({}, {})


def _find_event(rng: random.Random, slots: frozenset[str]) -> Case:
    year = rng.randint(1951, 2000)
    spoken = {"WLD": ("world affairs", "world politics"), "SCI": ("science",), "FLM": ("film", "the cinema")}
    topic = rng.choice(sorted(spoken))
    arguments: dict[str, str | int] = {"year": year}
    if "topic" in slots:
        arguments["topic"] = topic
    return Case(_chosen(slots, {"year": _spoken_year(rng, year), "topic": rng.choice(spoken[topic])}), arguments)


def _list_events(rng: random.Random, slots: frozenset[str]) -> Case:
    count = rng.randint(2, 4)
    # 1971 is left out as a start: an error message shows a period from there
    start = rng.choice([year for year in range(1951, 2002 - count) if year != 1971])
    end = start + count - 1
    texts = {"start": str(start), "end": str(end), "count": rng.choice((_ONES[count], str(count)))}
    return Case(_chosen(slots, texts), {"period": f"{start}/{end}"})


WORDINGS: dict[str, Wordings] = {
    "look_up_element": Wordings(
        case=_look_up_element,
        test=(
            "What are the main facts about {element}?",
            "Give me the atomic number and mass of {element}.",
            "At what temperature does {element} melt, in {unit}?",
            "I have a chemistry test tomorrow; tell me about {element}.",
            "Melting point of {element} in {unit}, please.",
            "Which group of the periodic table is {element} in?",
            "For my lab report I need the data on {element}, with temperatures in {unit}.",
            "How hot must {element} be to melt? Answer in {unit}.",
            "Chemical data for {element}, melting point given in {unit}",
            "I would like to know the atomic mass of {element}.",
        ),
        dev=(
            "Describe the chemical element {element}.",
            "When does {element} turn liquid? I use {unit}.",
            "Where does {element} stand in the periodic table?",
            "Fact sheet on {element} in {unit}, please.",
        ),
    ),
    "compare_elements": Wordings(
        case=_compare_elements,
        test=(
            "Which of {elements} has the heaviest atoms?",
            "How do {elements} compare in {by}?",
            "Put {elements} side by side, looking at {by}.",
            "I wonder how {elements} differ in {by}.",
            "Set {elements} against each other by the weight of their atoms.",
            "Out of {elements}, which has the highest {by}?",
            "For a class poster, show the {by} of {elements} together.",
            "Line up {elements} from heavy to light.",
            "{elements}: {by} of each, highest first",
            "Our quiz wants the lowest {by} among {elements}. Check them all.",
        ),
        dev=(
            "Tell me how {elements} stand in {by}.",
            "Which one is the light one among {elements}?",
            "Rank {elements} according to {by}.",
            "Contrast {elements} on {by}, please.",
        ),
    ),
    "list_nobel_fields": Wordings(
        case=_list_nobel_fields,
        test=(
            "Which prizes did Alfred Nobel's will set up?",
            "What subjects are honoured by the prizes in Nobel's testament?",
            "Name the original Nobel Prize categories.",
            "I forgot what the first Nobel Prizes were given for. Remind me.",
            "Nobel categories, please.",
            "For which kinds of work did Nobel leave his money?",
            "Tell me the areas in which Nobel wanted prizes awarded.",
            "How many areas does the will of Nobel mention, and which ones?",
            "Quiz question: which five prizes go back to Nobel himself?",
            "What are the Nobel Prizes given for?",
            "Is peace among Nobel's own prizes? Show me all of them.",
            "My teacher wants all the founding Nobel disciplines by tomorrow.",
            "In what disciplines can somebody win one of Nobel's own awards?",
            "I need every category the inventor of dynamite wanted to reward.",
            "Did Nobel ask for a prize in mathematics? Check what he chose.",
            "Give the branches of learning that Nobel's bequest rewards.",
        ),
        dev=(
            "What did Nobel create prizes for?",
            "Say which subjects the earliest Nobel awards covered.",
            "All prize categories that Nobel wrote down, please.",
            "I want to know the Nobel disciplines of 1901.",
            "Which sciences and arts does Nobel's legacy honour?",
        ),
    ),
    "find_event": Wordings(
        case=_find_event,
        test=(
            "What happened in {year}?",
            "Name something that took place in {topic} in {year}.",
            "I was born in {year}. What was going on then?",
            "What made {year} special in {topic}?",
            "Tell me a highlight of {year} from {topic}.",
            "Quiz night: what is the year {year} remembered for?",
            "Looking at {topic}, what was the big moment of {year}?",
            "Give me a line on {year} for the history wall.",
            "My aunt married in {year}; what was the news in {topic}?",
            "{year}, {topic}: what stands out?",
        ),
        dev=(
            "Remind me what {year} is known for.",
            "What went on in {topic} during {year}?",
            "A fact about {year} in {topic}, please.",
            "Anything worth noting in {year}?",
        ),
    ),
    "list_events": Wordings(
        case=_list_events,
        test=(
            "What happened in the world from {start} to {end}?",
            "Give me a timeline for {start} through {end}.",
            "Which world events fall between {start} and {end}, both included?",
            "I am writing about the years {start} to {end}. What were the big moments?",
            "Year by year, what went on from {start} until {end}?",
            "News of the {count} years starting in {start}, please.",
            "My parents lived abroad {start}-{end}; what did the world go through?",
            "Headlines for the {count} years from {start} on",
            "History homework: {start} up to {end}, one event for each year.",
            "Take me through world history between the start of {start} and the end of {end}.",
        ),
        dev=(
            "Run me through world politics from {start} to {end}.",
            "What do people remember of {start} to {end}?",
            "World news, {count} years beginning with {start}",
        ),
    ),
}
