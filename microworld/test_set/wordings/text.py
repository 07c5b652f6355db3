"""How people ask for the tools of `microworld.tools.text`."""

import random

from microworld.test_set.wordings._base import Case, Wordings
from microworld.tools.tables.phrases import LANGUAGES, PHRASES
from microworld.tools.text import encode_text

_LANGUAGE_NAMES = {"en": "English", "fr": "French", "de": "German", "es": "Spanish", "it": "Italian", "nl": "Dutch"}

#: gold words keep to plain letters, and to those no error message names (the book's first row)
_WORDS = {
    code: [row[column] for row in PHRASES[1:] if row[column].isascii()]
    for column, code in enumerate(LANGUAGES)
    if code in _LANGUAGE_NAMES
}

_SHORT_TEXTS = (
    *("anchor", "basket", "cactus", "dragon", "forest", "garden", "hammer", "jacket", "kitten", "ladder", "marble"),
    *("needle", "orange", "pepper", "rabbit", "silver", "tunnel", "velvet", "walnut", "yellow", "zebra", "comet"),
    *("blue door", "old map", "red kite", "meet me", "come home", "at noon", "my key", "ten owls", "go north"),
)

_SORTABLE = (
    *("ant", "bee", "cow", "fox", "owl", "goat", "lion", "wolf", "bear", "tiger", "zebra", "mouse", "sheep", "rabbit"),
    *(
        "donkey",
        "parrot",
        "dolphin",
        "penguin",
        "elephant",
        "red",
        "pink",
        "blue",
        "green",
        "brown",
        "orange",
        "purple",
    ),
    *("violet", "oak", "elm", "palm", "maple", "willow", "chestnut", "tea", "rice", "soup", "honey", "butter", "onion"),
)

_NUMBERS = dict(enumerate("one two three four five six seven eight nine ten eleven twelve".split(), start=1))

_ORDINALS = (("first", "1st"), ("second", "2nd"), ("third", "3rd"), ("fourth", "4th"), ("fifth", "5th"))


def _chosen(slots: frozenset[str], texts: dict[str, str]) -> dict[str, str]:
    return {name: texts[name] for name in slots}


def _translate_word(rng: random.Random, slots: frozenset[str]) -> Case:
    source = rng.choice(sorted(_LANGUAGE_NAMES)) if "source" in slots else "en"
    target = rng.choice(sorted(set(_LANGUAGE_NAMES) - {source}))
    word = rng.choice(_WORDS[source])
    arguments = {"word": word, "target": target}
    if "source" in slots:
        arguments["source"] = source
    language = _LANGUAGE_NAMES[target]
    texts = {
        "word": word,
        "target": f"{language} ({target})" if rng.random() < 0.2 else language,
        "source": _LANGUAGE_NAMES[source],
    }
    return Case(_chosen(slots, texts), arguments)


def _encode_text(rng: random.Random, slots: frozenset[str]) -> Case:
    names = {"b64": "Base64", "hex": "hexadecimal", "morse": "Morse code", "rot13": "ROT13"}
    spoken = {"b64": "base 64", "hex": "hex", "morse": "Morse", "rot13": "rot 13"}
    scheme = rng.choice(sorted(names))
    text = rng.choice(_SHORT_TEXTS)
    arguments: dict[str, str | bool] = {"text": text, "scheme": scheme}
    if "decode" in slots:
        text = encode_text(text, scheme)
        arguments = {"text": text, "scheme": scheme, "decode": True}
    texts = {
        "text": text,
        "scheme": rng.choice((names, spoken))[scheme],
        "decode": rng.choice(("back to plain text", "back to normal letters", "back into readable words")),
    }
    return Case(_chosen(slots, texts), arguments)


def _shift_letters(rng: random.Random, slots: frozenset[str]) -> Case:
    text = rng.choice(_SHORT_TEXTS)
    places = rng.randint(2, 25)
    direction = rng.choice(("left", "right"))
    arguments: dict[str, str | int] = {"text": text, "places": places}
    if "direction" in slots:
        arguments["direction"] = direction
    spoken = {"left": ("back", "backward", "to the left"), "right": ("forward", "ahead", "to the right")}
    texts = {
        "text": text,
        "places": _NUMBERS[places] if places in _NUMBERS and rng.random() < 0.5 else str(places),
        "direction": rng.choice(spoken[direction]),
    }
    return Case(_chosen(slots, texts), arguments)


def _sort_words(rng: random.Random, slots: frozenset[str]) -> Case:
    words = rng.sample(_SORTABLE, rng.randint(3, 4))
    spoken = {
        "az": ("from A to Z", "alphabetically", "in alphabetical order"),
        "za": ("from Z to A", "in reverse alphabetical order"),
        "short": ("shortest first", "from short to long", "with the short ones first"),
        "long": ("longest first", "from long to short", "with the long ones first"),
    }
    order = rng.choice(sorted(spoken))
    arguments: dict[str, str | list[str]] = {"words": words}
    if "order" in slots:
        arguments["order"] = order
    joint = rng.choice((" and ", ", "))
    texts = {"words": ", ".join(words[:-1]) + joint + words[-1], "order": rng.choice(spoken[order])}
    return Case(_chosen(slots, texts), arguments)


def _pick_word(rng: random.Random, slots: frozenset[str]) -> Case:
    text = " ".join(
        (
            rng.choice(("quiet", "seven", "young", "brave", "tired", "white")),
            rng.choice(("foxes", "sailors", "clouds", "bakers", "rivers", "horses")),
            rng.choice(("wait", "sing", "gather", "wander", "rest", "dance")),
            rng.choice(("near", "under", "behind", "beside", "beyond")),
            rng.choice(("warm", "tall", "empty", "golden", "narrow", "silent")),
            rng.choice(("hills", "gates", "bridges", "towers", "gardens", "harbours")),
        )
    )
    position = rng.choice((0, 1, 2, 3, 4, -1))
    shown = "last" if position < 0 else rng.choice(_ORDINALS[position])
    return Case(_chosen(slots, {"text": text, "position": shown}), {"text": text, "position": position})


WORDINGS: dict[str, Wordings] = {
    "translate_word": Wordings(
        case=_translate_word,
        test=(
            "How do you say '{word}' in {target}?",
            "What is the {target} for the {source} word '{word}'?",
            "I am in a shop abroad and need '{word}' in {target}.",
            "{target} word for {word}?",
            "Put the {source} noun '{word}' into {target}.",
            "The menu says '{word}', which is {source}. What would that be in {target}?",
            "Tell me what {word} is called in {target}.",
            "My {source} neighbour wrote '{word}' on a card. Give me the {target} for it.",
            "From {source} to {target}, please: {word}",
            "We are learning {target}. Teach me the word for '{word}'.",
        ),
        dev=(
            "Could you render '{word}' in {target}?",
            "'{word}' is {source}; which {target} word means the same?",
            "I want to write {word} in {target} on a postcard.",
            "{source} '{word}', said in {target}.",
        ),
    ),
    "encode_text": Wordings(
        case=_encode_text,
        test=(
            "How do I write '{text}' in {scheme}?",
            "Put '{text}' into {scheme} for me.",
            "{scheme} for '{text}', please.",
            "I need the message '{text}' as {scheme}.",
            "My friend likes secrets, so I would like to send '{text}' in {scheme}.",
            "We received '{text}' in {scheme}; turn it {decode}.",
            "What does '{text}' mean? It is {scheme}, so change it {decode}.",
            "Please bring this bit of {scheme} {decode}: {text}",
            "'{text}' is {scheme}. Can you get it {decode}?",
            "Show me what '{text}' looks like in {scheme}.",
        ),
        dev=(
            "Could you spell '{text}' out in {scheme}?",
            "{scheme} version of '{text}'?",
            "Someone left a note in {scheme}: '{text}'. Convert it {decode}.",
            "Take '{text}' from {scheme} {decode}.",
        ),
    ),
    "shift_letters": Wordings(
        case=_shift_letters,
        test=(
            "Move every letter of '{text}' {places} places {direction} in the alphabet.",
            "Slide the letters of '{text}' along by {places}.",
            "What do you get when each letter in '{text}' goes {places} steps {direction}?",
            "Caesar style: push '{text}' on by {places}, please.",
            "For the treasure hunt, replace each letter of '{text}' with the one {places} places later.",
            "I want '{text}' with all its letters moved {direction} by {places}.",
            "Take '{text}' and step each letter {places} times {direction}.",
            "'{text}', every letter {places} further on",
            "Our club's secret number is {places}. Disguise '{text}' by moving its letters that far {direction}.",
            "Letters of '{text}', {direction} by {places}, please.",
        ),
        dev=(
            "Rotate '{text}' by {places} letters.",
            "Please carry the letters of '{text}' {places} positions {direction}.",
            "If I go {direction} {places} letters for each one in '{text}', what comes out?",
            "Give me '{text}' with an alphabet offset of {places}.",
        ),
    ),
    "sort_words": Wordings(
        case=_sort_words,
        test=(
            "Arrange {words} {order}.",
            "Please put these words in order: {words}",
            "I am making labels for {words}. Place them {order}.",
            "How would {words} be ordered in a dictionary?",
            "{words}: {order}, please.",
            "Line up these words {order}: {words}",
            "How do {words} follow each other {order}?",
            "Can you alphabetise {words}?",
            "My spelling list is {words}; I want it {order}.",
            "Write {words} {order} for the poster.",
        ),
        dev=(
            "Order the names {words} {order}.",
            "Tidy up this list by the alphabet: {words}",
            "Show {words} {order}, thanks.",
            "Would you file {words} the way an index does?",
        ),
    ),
    "pick_word": Wordings(
        case=_pick_word,
        test=(
            "What is the {position} word of '{text}'?",
            "Read out the {position} word in '{text}'.",
            "In the line '{text}', which word comes {position}?",
            "I only need the {position} word: {text}",
            "'{text}' - {position} word, please.",
            "Our puzzle asks for the {position} word of '{text}'. Which is it?",
            "Tell me which word stands {position} in '{text}'.",
            "From '{text}' take just the {position} word.",
            "Crossword hint: {position} word in '{text}'?",
            "Going through '{text}', what would be the {position} word?",
        ),
        dev=(
            "Which is the {position} word here: {text}",
            "Get me the {position} word out of '{text}'.",
            "Say the {position} word from '{text}'.",
            "The password is the {position} word of '{text}', so what is it?",
        ),
    ),
}
