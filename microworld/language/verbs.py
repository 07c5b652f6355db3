"""What synthetic tools do, in names, descriptions and queries; and words of one meaning.

>>> VERBS["train"][0].queries[0].format("bridge rating")
'What is the bridge rating'
"""

from dataclasses import dataclass
from typing import Literal

Split = Literal["train", "heldout"]


@dataclass(frozen=True, slots=True)
class Verb:
    """What tools do: words for names, descriptions and queries; `{}` is the thing."""

    names: tuple[str, ...]
    descriptions: tuple[str, ...]
    queries: tuple[str, ...]
    odd: bool = False  # its words say nothing about each other, so no query can be guessed from its description


_LINES = {
    "train": """
= get fetch read
- Returns the {} | Gets the {} | Provides the {} | The {} | {}
? What is the {} | Show me the {} | I want to learn the {} | Give me the {} | Could you tell me the {}
? I need the {} | {} | Which {} applies
= find search locate
- Finds the {} | Searches for the {} | Search of the {}
? Find the {} | Search for the {} | Look for the {} | I am looking for the {} | Where is the {}
? Help me find the {}
= check test verify
- Checks the {} | Tells whether the {} is valid | Test of the {}
? Check the {} | Is the {} valid | Please verify the {} | Can you check the {} | Tell me whether the {} is right
= compute calculate
- Computes the {} | Calculation of the {} | Works out the {}
? Compute the {} | What does the {} come to | How much is the {} | Calculate the {} | Work out the {}
= list show
- Lists the {} | All {} on record | List of the {}
? List the {} | Which {} are there | Show all {} | I would like to see the {} | Tell me all the {}
= convert change
- Converts the {} | Conversion of the {} | Writes the {} another way
? Convert the {} | Change the {} | Turn the {} | I want the {} converted | Please convert the {}
= predict forecast
- Predicts the {} | Expected {} | Forecast of the {}
? Predict the {} | What will the {} be | Which {} is expected | Forecast the {} | How will the {} look
= book reserve
- Books the {} | Reservation of the {} | Reserves the {}
? Book the {} | Reserve the {} | I want to book the {} | Please reserve the {} for me
? Get me a booking of the {}
= create make build
- Creates a {} | New {} | Makes a {}
? Create a {} | Make me a {} | I need a new {} | Set up a {} | Build a {}
= rank top best
- Ranks the {} | Best {} first | Top list of the {}
? Rank the {} | What are the best {} | Which {} come out on top | Show the top {} | Put the {} in order of merit
= send notify alert
- Sends the {} | Notice about the {} | Alerts about the {}
? Send the {} | Notify me of the {} | Alert me about the {} | Let me know about the {} | Send me word of the {}
= track watch
- Tracks the {} | Follows the {} | Whereabouts of the {}
? Track the {} | Where has the {} got to | Keep an eye on the {} | Follow the {} | Watch the {} for me
= archive past
- Past {} | History of the {} | Archive of the {}
? What was the {} | Show the past {} | I need the old {} | Recall the {} | How was the {}
= review describe
- Describes the {} | Facts about the {} | Overview of the {}
? Describe the {} | Tell me about the {} | What do we know about the {} | Give me facts about the {}
""",
    "heldout": """
= estimate
- Estimates the {} | Rough estimate of the {}
? Estimate the {} | About how much is the {} | Give me an estimate of the {} | Roughly, what is the {}
= collect gather
- Collects the {} | Gathers the {}
? Collect the {} | Gather the {} for me | Please bring together the {}
= register enter
- Registers the {} | Enters the {} in the books
? Register the {} | Please enter the {} | I wish to register the {}
= explain
- Explains the {} | Makes the {} clear
? Explain the {} | Why is the {} as it is | Help me understand the {}
""",
}


def _read(text: str) -> list[Verb]:
    """Verbs from lines: "= names", "- descriptions", "? queries", the latter two with bars between."""
    found: list[dict[str, tuple[str, ...]]] = []
    for line in text.strip().splitlines():
        sign, rest = line[0], line[2:]
        if sign == "=":
            found.append({"=": tuple(rest.split()), "-": (), "?": ()})
        else:
            found[-1][sign] += tuple(part.strip() for part in rest.split("|"))
    return [Verb(one["="], one["-"], one["?"]) for one in found]


VERBS: dict[Split, list[Verb]] = {"train": _read(_LINES["train"]), "heldout": _read(_LINES["heldout"])}

_GROUPS = """
price cost charge fee | photo picture image | movie film | journey trip voyage tour | street road | shop store
| house home | schedule timetable agenda | doctor chemist dentist | illness disease | job work
| income wage salary | town city | ship boat vessel | sea ocean | garbage rubbish | phone telephone
| holiday vacation | present gift | big large | small little | quick fast | start begin | forest wood | rock stone
| letter mail post | exam test quiz | pupil student | teacher tutor | leader head chief | error mistake
| rating score | level degree | owner holder | story tale | novel book | poem verse | cab taxi
| subway underground | lawyer attorney | film movie | apartment flat | meal dinner | soccer football | vehicle car
| permit licence | hall room
"""

#: words of one meaning, by word; a query may use another one than the documentation
SYNONYMS = {
    word: [other for other in group.split() if other != word] for group in _GROUPS.split("|") for word in group.split()
}
