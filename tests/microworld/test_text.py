"""The text tools against independent encoders, hand-computed results and a dictionary's words."""

import codecs
import string

import pytest
from calls import error, value
from hypothesis import given, settings
from hypothesis import strategies as st

from microworld.tools.tables.morse import MORSE
from microworld.tools.tables.phrases import LANGUAGES, PHRASES
from microworld.tools.text import encode_text, shift_letters


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
    assert value("translate_word", word=word, **options) == expected


def test_translate_word_refuses():
    for target in ("Spanish", "FR", ""):
        assert error("translate_word", word="moon", target=target) == (
            "target: use a two-letter language code in small letters, like pt"
        )
    assert error("translate_word", word="moon", target="ja") == "target: the phrase book has no ja"
    assert error("translate_word", word="moon", target="fr", source="English").startswith("source: use")
    assert error("translate_word", word="moon", target="en") == "target: must differ from source"
    assert "word: not in the en phrase book" in error("translate_word", word="carburettor", target="fr")
    assert "word: not in the fr phrase book" in error("translate_word", word="sun", target="de", source="fr")
    assert error("translate_word", word=" ", target="fr") == "word: must not be empty"


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
    assert value("encode_text", text=text, scheme=scheme) == encoded
    assert value("encode_text", text=encoded, scheme=scheme, decode=True) == text


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
    assert error("encode_text", text="lemon", scheme="base64") == "scheme: use b64, hex, morse or rot13"
    assert error("encode_text", text="", scheme="hex") == "text: must not be empty"
    assert error("encode_text", text="x" * 61, scheme="hex") == "text: use at most 60 characters"
    assert error("encode_text", text="half \ud83d", scheme="hex") == "text: not valid text"
    assert "text: Morse has only" in error("encode_text", text="naïve", scheme="morse")
    assert "text: use dots and dashes" in error("encode_text", text="lemon", scheme="morse", decode=True)
    for text, scheme in [("abc", "hex"), ("zz", "hex"), ("ff", "hex"), ("a", "b64"), ("ä===", "b64"), ("/w==", "b64")]:
        assert error("encode_text", text=text, scheme=scheme, decode=True) == f"text: not a text in {scheme}"


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
    assert value("shift_letters", text=text, **options) == expected


def test_shift_letters_refuses():
    for places in (0, -3, 26, 10**30):
        assert error("shift_letters", text="fig", places=places) == "places: use 1 to 25, and direction left or right"
    assert error("shift_letters", text="fig", places=2, direction="back") == "direction: use left or right"
    assert error("shift_letters", text=" ", places=2) == "text: must not be empty"


def test_the_near_duplicates_agree_by_thirteen_places_and_only_then():
    alike = [
        (scheme, places)
        for scheme in ("b64", "hex", "morse", "rot13")
        for places in range(1, 26)
        if encode_text("fig", scheme) == shift_letters("fig", places)
    ]
    assert alike == [("rot13", 13)]


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
    assert value("sort_words", words=words, **options) == expected


def test_sort_words_refuses():
    assert error("sort_words", words=["a"]) == "words: give 2 to 5 words"
    assert error("sort_words", words=list("abcdef")) == "words: give 2 to 5 words"
    assert error("sort_words", words=["a", ""]) == "words: must not be empty"
    assert error("sort_words", words=["a", "b" * 31]) == "words: use at most 30 characters"
    assert error("sort_words", words=["a", "b"], order="descending") == "order: use az, za, short or long"


def test_pick_word():
    line = "to be or not to be"
    picked = [value("pick_word", text=line, position=at) for at in (0, 2, 3, -1, -4, 1.0)]
    assert picked == ["to", "or", "not", "be", "or", "be"]
    assert error("pick_word", text=line, position=6) == "position: use 0 to 5, or -1 for the last word"
    assert error("pick_word", text=line, position=-7) == "position: use 0 to 5, or -1 for the last word"
    assert error("pick_word", text="\n", position=0) == "text: must not be empty"
    assert error("pick_word", text="a " * 300, position=0) == "text: use at most 500 characters"
