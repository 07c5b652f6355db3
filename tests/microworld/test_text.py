"""The text tools against independent encoders, hand-computed results and a dictionary's words."""

import asyncio
import codecs
import random
import re
import string
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from microworld.test_set.wordings._base import Case
from microworld.test_set.wordings.text import WORDINGS
from microworld.tools.tables.morse import MORSE
from microworld.tools.tables.phrases import LANGUAGES, PHRASES
from microworld.tools.text import TOOLS, encode_text, shift_letters
from ste_core.records import Call, Observation
from ste_core.tools.functions import FunctionToolbox

TOOLBOX = FunctionToolbox(TOOLS)

#: arguments that tools of the family accept, thrown among the wild ones
KNOWN = ["fr", "it", "moon", "b64", "hex", "morse", "rot13", "left", "az", "short", "bHVuYQ==", "6c756e61", ".-.. ..-"]


def call(*calls: tuple[str, dict[str, Any]]) -> list[Observation]:
    """Execute calls one after the other."""

    async def run() -> list[Observation]:
        return [await TOOLBOX.execute(Call(tool=tool, arguments=args)) for tool, args in calls]

    return asyncio.run(run())


def result(tool: str, **arguments: Any) -> Any:
    (observation,) = call((tool, arguments))
    assert observation.ok, observation.text
    return observation.value


def error(tool: str, **arguments: Any) -> str:
    (observation,) = call((tool, arguments))
    assert not observation.ok
    assert len(observation.text.split()) <= 19  # "Error:" and the tool's own at most 18
    return observation.text


# As any dictionary has them.
@pytest.mark.parametrize(
    ("word", "options", "expected"),
    [
        ("sun", {"target": "fr"}, "soleil"),
        ("sun", {"target": "de"}, "Sonne"),
        ("Sun", {"target": "es"}, "sol"),
        ("casa", {"target": "en", "source": "it"}, "house"),
        ("casa", {"target": "de", "source": "pt"}, "Haus"),
        ("hond", {"target": "fr", "source": "nl"}, "chien"),
        ("STRASSE", {"target": "en", "source": "de"}, "street"),
    ],
)
def test_translate_word(word, options, expected):
    assert result("translate_word", word=word, **options) == expected


def test_translate_word_refuses():
    for target in ("Spanish", "FR", ""):
        assert error("translate_word", word="moon", target=target) == (
            "Error: target: use a two-letter language code in small letters, like pt"
        )
    assert error("translate_word", word="moon", target="ja") == "Error: target: the phrase book has no ja"
    assert error("translate_word", word="moon", target="fr", source="English").startswith("Error: source: use")
    assert error("translate_word", word="moon", target="en") == "Error: target: must differ from source"
    assert "word: not in the en phrase book" in error("translate_word", word="carburettor", target="fr")
    assert "word: not in the fr phrase book" in error("translate_word", word="sun", target="de", source="fr")
    assert error("translate_word", word=" ", target="fr") == "Error: word: must not be empty"


def test_the_phrase_book_is_unambiguous():
    """Every row has a word in every language, and no language has a word twice."""
    assert len(PHRASES) == 40
    assert all(len(row) == len(LANGUAGES) and all(row) for row in PHRASES)
    for words in zip(*PHRASES, strict=True):
        assert len({word.casefold() for word in words}) == len(words)


# Morse by hand from the ITU chart (everybody knows SOS), hex by hand from the ASCII chart (and e acute's two UTF-8
# bytes), "foob" from the test vectors of RFC 4648, the rest by hand.
@pytest.mark.parametrize(
    ("text", "scheme", "encoded"),
    [
        ("SOS", "morse", "... --- ..."),
        ("HI 42", "morse", ".... .. / ....- ..---"),
        ("Hello", "rot13", "Uryyb"),
        ("AZ", "hex", "415a"),
        ("Man", "b64", "TWFu"),
        ("foob", "b64", "Zm9vYg=="),
        ("é", "hex", "c3a9"),
    ],
)
def test_encode_text_both_ways(text, scheme, encoded):
    assert result("encode_text", text=text, scheme=scheme) == encoded
    assert result("encode_text", text=encoded, scheme=scheme, decode=True) == text


@given(st.text(min_size=1, max_size=60).filter(lambda text: text == text.strip()))
@settings(max_examples=25, deadline=None, derandomize=True)
def test_encode_text_agrees_with_the_standard_library(text):
    assert encode_text(text, "hex") == codecs.encode(text.encode(), "hex").decode()
    assert encode_text(text, "b64") == codecs.encode(text.encode(), "base64").decode().replace("\n", "")
    assert encode_text(text, "rot13") == codecs.encode(text, "rot13")
    assert all(
        encode_text(encode_text(text, scheme), scheme, decode=True) == text for scheme in ("hex", "b64", "rot13")
    )


def test_the_morse_table_is_complete_and_unambiguous():
    assert set(MORSE) == set(string.ascii_uppercase + string.digits)
    assert len(set(MORSE.values())) == len(MORSE)
    # digits follow a rule: five signs, as many dots first as the digit says, then dashes; from 6 on the reverse
    for digit in range(1, 6):
        assert MORSE[str(digit)] == "." * digit + "-" * (5 - digit)
        assert MORSE[str((digit + 5) % 10)] == "-" * digit + "." * (5 - digit)


def test_encode_text_refuses():
    assert error("encode_text", text="lemon", scheme="base64") == "Error: scheme: use b64, hex, morse or rot13"
    assert error("encode_text", text="", scheme="hex") == "Error: text: must not be empty"
    assert error("encode_text", text="x" * 61, scheme="hex") == "Error: text: use at most 60 characters"
    assert error("encode_text", text="half \ud83d", scheme="hex") == "Error: text: not valid text"
    assert "text: Morse has only" in error("encode_text", text="naïve", scheme="morse")
    assert "text: use dots and dashes" in error("encode_text", text="lemon", scheme="morse", decode=True)
    for text, scheme in [("abc", "hex"), ("zz", "hex"), ("ff", "hex"), ("a", "b64"), ("ä===", "b64"), ("/w==", "b64")]:
        assert error("encode_text", text=text, scheme=scheme, decode=True) == f"Error: text: not a text in {scheme}"


# Suetonius: Caesar wrote D for A, three places on; HAL is one place before IBM; the rest by hand.
@pytest.mark.parametrize(
    ("text", "options", "expected"),
    [
        ("A", {"places": 3}, "D"),
        ("HAL", {"places": 1}, "IBM"),
        ("IBM", {"places": 1, "direction": "left"}, "HAL"),
        ("xyz, Abc 7", {"places": 3, "direction": "right"}, "abc, Def 7"),
        ("éa", {"places": 25.0}, "éz"),
    ],
)
def test_shift_letters(text, options, expected):
    assert result("shift_letters", text=text, **options) == expected


def test_shift_letters_refuses():
    for places in (0, -3, 26, 10**30):
        assert error("shift_letters", text="fig", places=places) == (
            "Error: places: use 1 to 25, and direction left or right"
        )
    assert error("shift_letters", text="fig", places=2, direction="back") == "Error: direction: use left or right"
    assert error("shift_letters", text=" ", places=2) == "Error: text: must not be empty"


def test_the_near_duplicates_agree_by_thirteen_places_and_only_then():
    assert result("encode_text", text="Plum 5", scheme="rot13") == result("shift_letters", text="Plum 5", places=13)
    assert result("encode_text", text="Plum 5", scheme="rot13") != result("shift_letters", text="Plum 5", places=12)
    assert shift_letters("fig", 13) not in {encode_text("fig", scheme) for scheme in ("b64", "hex", "morse")}


@pytest.mark.parametrize(
    ("words", "options", "expected"),
    [
        (["pear", "Apple", "fig"], {}, ["Apple", "fig", "pear"]),
        (["pear", "Apple", "fig"], {"order": "za"}, ["pear", "fig", "Apple"]),
        (["pear", "fig", "Apple", "nut"], {"order": "short"}, ["fig", "nut", "pear", "Apple"]),
        (["pear", "nut", "Apple", "fig"], {"order": "long"}, ["Apple", "pear", "fig", "nut"]),
    ],
)
def test_sort_words(words, options, expected):
    assert result("sort_words", words=words, **options) == expected


def test_sort_words_refuses():
    assert error("sort_words", words=["a"]) == "Error: words: give 2 to 5 words"
    assert error("sort_words", words=list("abcdef")) == "Error: words: give 2 to 5 words"
    assert error("sort_words", words=["a", ""]) == "Error: words: must not be empty"
    assert error("sort_words", words=["a", "b" * 31]) == "Error: words: use at most 30 characters"
    assert error("sort_words", words=["a", "b"], order="descending") == "Error: order: use az, za, short or long"


def test_pick_word():
    line = "to be or not to be"
    picked = [result("pick_word", text=line, position=at) for at in (0, 2, 3, -1, -4, 1.0)]
    assert picked == ["to", "or", "not", "be", "or", "be"]
    assert error("pick_word", text=line, position=6) == "Error: position: use 0 to 5, or -1 for the last word"
    assert error("pick_word", text=line, position=-7) == "Error: position: use 0 to 5, or -1 for the last word"
    assert error("pick_word", text="\n", position=0) == "Error: text: must not be empty"
    assert error("pick_word", text="a " * 300, position=0) == "Error: text: use at most 500 characters"


def _queries(tool: str, templates: tuple[str, ...], seeds: int = 30) -> list[tuple[str, Case]]:
    """Each wording filled `seeds` times."""
    filled = []
    for template in templates:
        slots = frozenset(name for _, name, _, _ in string.Formatter().parse(template) if name)
        for seed in range(seeds):
            case = WORDINGS[tool].case(random.Random(f"{template} {seed}"), slots)
            assert set(case.slots) == slots
            filled.append((template.format(**case.slots), case))
    return filled


@pytest.mark.parametrize("tool", TOOLS, ids=lambda tool: tool.tool.name)
def test_documentation_is_short_and_properties_hold(tool):
    """Descriptions keep to the family's limits; breaking a convention shows, keeping it works."""
    record, about = tool.tool, tool.properties
    assert record.family == "text" and len(record.description.split()) <= 12
    assert len(record.documentation().split()) <= 40
    assert all(len(one.get("description", "").split()) <= 3 for one in record.parameters["properties"].values())
    if not record.parameters["properties"]:
        return
    assert about.convention
    (broken, kept) = call((record.name, about.breaks), (record.name, about.keeps))
    assert kept.ok and broken.ok == about.silent and broken.text != kept.text
    if not about.silent:
        assert broken.text.split()[1].rstrip(":") in about.breaks


def test_the_near_duplicates_name_each_other():
    named = {tool.tool.name: tool.properties.near_duplicate for tool in TOOLS if tool.properties.near_duplicate}
    assert len(named) == 2 and all(named[other] == name for name, other in named.items())


@pytest.mark.parametrize("tool", WORDINGS)
def test_wordings(tool):
    """Gold calls succeed, queries are short and varied and keep the tool's name to themselves."""
    wordings = WORDINGS[tool]
    parameters = TOOLBOX.tools[tool].parameters
    least = (8, 3) if parameters["properties"] else (15, 5)
    assert len(wordings.test) >= least[0] and len(wordings.dev) >= least[1]
    assert len({*wordings.test, *wordings.dev}) == len(wordings.test) + len(wordings.dev)

    queries = _queries(tool, wordings.test + wordings.dev)
    for query, _ in queries:
        words = " ".join(re.findall(r"\w+", query.lower()))
        assert tool not in query and tool.replace("_", " ") not in words
        assert len(query.split()) <= 25, query
        assert query.isascii() and not set("{}*`_") & set(query)
    golds = [(tool, case.arguments) for _, case in queries]
    for (query, case), observation in zip(queries, call(*golds), strict=True):
        assert observation.ok, (query, case.arguments, observation.text)
        assert len(observation.text) <= 160
    if parameters["properties"]:
        rng = random.Random(0)
        assert len({query for query, _ in rng.sample(_queries(tool, wordings.test), 40)}) >= 20

    optional = set(parameters["properties"]) - set(parameters.get("required", ()))
    if optional:
        with_option = {template for template in wordings.test if any(f"{{{name}}}" in template for name in optional)}
        assert len(wordings.test) // 4 <= len(wordings.test) - len(with_option) < len(wordings.test)
        for query, case in queries:
            assert optional & set(case.arguments) == optional & set(case.slots), query


def test_a_thousand_wild_calls_are_answered():
    """Whatever the arguments, a call ends in a result or in an error the tool means to give."""
    rng = random.Random(20311803)
    wild = [
        *(None, True, False, 0, 1, -1, 3, 3.0, 1.5, 1969, 2**70, -(10**13), 1e300, float("inf"), float("nan")),
        *("", " ", "a", "\u00e4\u00f6\ud83d", "\u202eabc", "日本", "x" * 5000, "-", "....", "Final Answer: 1", "\0"),
        *([], [[]], [1, "a"], ["a"] * 30, ["x" * 5000, "b"], ["", ""], KNOWN[:2], KNOWN[:4], {}, {"a": {"b": [None]}}),
    ]
    calls = []
    for _ in range(1000):
        tool = rng.choice(TOOLS).tool
        properties, required = tool.parameters["properties"], tool.parameters.get("required", ())
        arguments = {}
        for name, schema in properties.items():
            if rng.random() < (0.95 if name in required else 0.5):
                fitting = [value for value in wild if _fits(schema["type"], value)]
                arguments[name] = rng.choice(fitting if rng.random() < 0.8 else wild)
                if isinstance(arguments[name], str) and rng.random() < 0.6:
                    arguments[name] = rng.choice(KNOWN)
        if rng.random() < 0.03:
            arguments["other"] = 1
        calls.append((tool.name, arguments))
    answers = call(*calls)
    assert len({tool for (tool, _), answer in zip(calls, answers, strict=True) if answer.ok}) >= 4
    for (tool, arguments), answer in zip(calls, answers, strict=True):
        assert len(answer.text) <= TOOLBOX.max_chars
        assert answer.ok or not re.match(r"Error: \w*(Error|Exception|Warning|Exit|Interrupt)\b", answer.text), (
            tool,
            arguments,
            answer.text[:200],
        )


def _fits(kind: str, value: Any) -> bool:
    kinds = {"string": str, "integer": (int, float), "boolean": bool, "array": list}
    return isinstance(value, kinds[kind]) and (kind == "boolean" or not isinstance(value, bool))
