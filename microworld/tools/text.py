"""Text: translate a word, encode a text, shift its letters, sort words, pick one.

All five take short texts and work on copies in memory; an empty or overlong text is refused by name.
"""

import base64
import re
from typing import Annotated

from microworld.tools._base import Properties, ToolError, study_tool
from microworld.tools.tables.morse import MORSE
from microworld.tools.tables.phrases import LANGUAGES, PHRASES

_LETTERS = {sign: letter for letter, sign in MORSE.items()}


def _checked(argument: str, text: str, limit: int) -> str:
    """The text without blanks around it.

    Raises:
        ToolError: it is blank, too long, or not encodable (half of a surrogate pair).
    """
    if len(text) > limit:
        raise ToolError(f"{argument}: use at most {limit} characters")
    if not text.strip():
        raise ToolError(f"{argument}: must not be empty")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ToolError(f"{argument}: not valid text") from None
    return text.strip()


@study_tool(
    family="text",
    description="Translate a common word into another language.",
    properties=Properties(
        convention="a language is its two-letter code (ISO 639-1), in small letters",
        breaks={"word": "moon", "target": "Italian"},
        keeps={"word": "moon", "target": "it"},
    ),
)
def translate_word(word: str, target: Annotated[str, "language"], source: Annotated[str, "its language"] = "en") -> str:
    """Look a word up in a phrase book of forty words (`tables/phrases.py`).

    `target` and `source` are ISO 639-1 codes in small letters: en, fr, de, es, it, nl or pt. The word is English unless
    `source` says otherwise; capitals do not matter in looking up, German nouns come back with theirs.

    Raises:
        ToolError: `target` or `source` is not one of these codes; both are the same; the book lacks the word.
    """
    word = _checked("word", word, 40)
    for name, code in (("target", target), ("source", source)):
        if not re.fullmatch("[a-z]{2}", code):
            raise ToolError(f"{name}: use a two-letter language code in small letters, like pt")
        if code not in LANGUAGES:
            raise ToolError(f"{name}: the phrase book has no {code}")
    if target == source:
        raise ToolError("target: must differ from source")
    column = LANGUAGES.index(source)
    for row in PHRASES:
        if row[column].casefold() == word.casefold():
            return row[LANGUAGES.index(target)]
    raise ToolError(f"word: not in the {source} phrase book, which has common words like {PHRASES[0][column]}")


@study_tool(
    family="text",
    description="Encode a short text by a named scheme, or decode it.",
    properties=Properties(
        convention="the scheme is one of b64, hex, morse, rot13",
        breaks={"text": "lemon", "scheme": "base64"},
        keeps={"text": "lemon", "scheme": "b64"},
        near_duplicate="shift_letters",
    ),
)
def encode_text(text: str, scheme: str, decode: Annotated[bool, "the reverse"] = False) -> str:
    """Encode a text, or with `decode` bring an encoded one back.

    Schemes: `b64` and `hex` of the UTF-8 bytes; `morse` (international, a blank between signs, a slash between words,
    decoded to capitals); `rot13`, which moves the letters A-Z by half the alphabet and is its own reverse.

    Raises:
        ToolError: an unknown scheme; an empty text or one over 60 characters (500 to be decoded); a character Morse
            lacks; an encoded text that cannot be decoded.
    """
    text = _checked("text", text, 500 if decode else 60)
    if scheme == "rot13":
        return _shifted(text, 13)
    if scheme == "morse":
        return _from_morse(text) if decode else _to_morse(text)
    if scheme not in ("b64", "hex"):
        raise ToolError("scheme: use b64, hex, morse or rot13")
    if not decode:
        return base64.b64encode(text.encode()).decode() if scheme == "b64" else text.encode().hex()
    try:
        raw = base64.b64decode(text, validate=True) if scheme == "b64" else bytes.fromhex(text)
        return raw.decode()
    except ValueError:  # of all three steps: wrong characters or length, bytes that are no UTF-8
        raise ToolError(f"text: not a text in {scheme}") from None


def _to_morse(text: str) -> str:
    words = text.upper().split()
    if any(letter not in MORSE for word in words for letter in word):
        raise ToolError("text: Morse has only letters a to z and digits")
    return " / ".join(" ".join(MORSE[letter] for letter in word) for word in words)


def _from_morse(text: str) -> str:
    words = [word.split() for word in text.split("/")]
    if any(sign not in _LETTERS for word in words for sign in word):
        raise ToolError("text: use dots and dashes, blanks between signs, slashes between words")
    return " ".join("".join(_LETTERS[sign] for sign in word) for word in words)


@study_tool(
    family="text",
    description="Move each letter of a text some places along the alphabet.",
    properties=Properties(
        convention="places from 1 to 25, never negative; the direction is left or right",
        breaks={"text": "lemon", "places": -3},
        keeps={"text": "lemon", "places": 3, "direction": "left"},
        near_duplicate="encode_text",
    ),
)
def shift_letters(text: str, places: int, direction: str = "right") -> str:
    """The Caesar cipher: replace each letter A-Z by the one `places` further, beginning anew after Z.

    `right` goes towards Z, `left` towards A. Case stays; all other characters stay as they are.

    Raises:
        ToolError: `places` is not from 1 to 25; `direction` is neither left nor right; the text is empty or over 60
            characters.
    """
    text = _checked("text", text, 60)
    if not 1 <= places <= 25:
        raise ToolError("places: use 1 to 25, and direction left or right")
    if direction not in ("left", "right"):
        raise ToolError("direction: use left or right")
    return _shifted(text, int(places) if direction == "right" else -int(places))


def _shifted(text: str, places: int) -> str:
    def moved(letter: str) -> str:
        if not (letter.isascii() and letter.isalpha()):
            return letter
        first = ord("a" if letter.islower() else "A")
        return chr(first + (ord(letter) - first + places) % 26)

    return "".join(map(moved, text))


@study_tool(
    family="text",
    description="Put a list of words in order.",
    properties=Properties(
        convention="the order is a code: az, za, short or long",
        breaks={"words": ["plum", "fig", "cherry"], "order": "length"},
        keeps={"words": ["plum", "fig", "cherry"], "order": "short"},
    ),
)
def sort_words(words: list[str], order: str = "az") -> list[str]:
    """Sort two to five words.

    `az` and `za` go by the alphabet, capitals beside small letters; `short` and `long` by length, shortest or longest
    first, words of equal length from A to Z.

    Raises:
        ToolError: fewer than two or more than five words; an empty word or one over 30 characters; an unknown order.
    """
    if not 2 <= len(words) <= 5:
        raise ToolError("words: give 2 to 5 words")
    words = [_checked("words", word, 30) for word in words]
    if order not in ("az", "za", "short", "long"):
        raise ToolError("order: use az, za, short or long")
    ordered = sorted(words, key=lambda word: (word.casefold(), word), reverse=order == "za")
    if order == "short":
        return sorted(ordered, key=len)
    if order == "long":
        return sorted(ordered, key=lambda word: -len(word))
    return ordered


@study_tool(
    family="text",
    description="Give the word at a position in a text.",
    properties=Properties(
        convention="positions count from 0; negative ones from the end, -1 being the last",
        breaks={"text": "soft rain falls", "position": 1},
        keeps={"text": "soft rain falls", "position": 0},
        silent=True,
    ),
)
def pick_word(text: str, position: int) -> str:
    """Pick a word; words are what blanks separate.

    Positions count as in most programming languages, and silently so: 0 is the first word, -1 the last.

    Raises:
        ToolError: no word has that position; the text is empty or over 500 characters.
    """
    words = _checked("text", text, 500).split()
    if not -len(words) <= position < len(words):
        raise ToolError(f"position: use 0 to {len(words) - 1}, or -1 for the last word")
    return words[int(position)]


TOOLS: list = [translate_word, encode_text, shift_letters, sort_words, pick_word]
