"""The requests the study makes of a language model, as chat messages; the wording stands in `prompts/*.txt`.

>>> docs = ["Sum of two numbers. API: add. Args: a (number), b (number)"]
>>> predict("What is 2 and 3?", docs)[0]["content"].splitlines()[-1]
'User Query: What is 2 and 3?'

Every template is an instruction of at most 60 words with its variable parts at the end, so that a hosted model and one
with a short context are served by the same text. Exploration is one conversation an episode: `imagine` opens it,
`imagine_next` goes on; what long-term memory adds to either is left out of the conversation that is kept, so call them
once with `memory` to ask and once without to keep.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Sequence
from importlib import resources
from typing import TYPE_CHECKING

from ste_core.core import react
from ste_core.core.records import Call

if TYPE_CHECKING:
    from ste_core.core.records import Message

_PLACEHOLDER = re.compile(r"\{([a-z_]+)\}")


@functools.cache
def template(name: str) -> str:
    """The text of `prompts/<name>.txt`, without its last line end."""
    return resources.files("ste_core.core").joinpath("prompts", f"{name}.txt").read_text(encoding="utf-8").rstrip("\n")


def names() -> list[str]:
    """The names of all templates."""
    folder = resources.files("ste_core.core").joinpath("prompts")
    return sorted(file.name.removesuffix(".txt") for file in folder.iterdir() if file.name.endswith(".txt"))


def fill(name: str, **values: str) -> str:
    """A template with its {placeholders} filled; other braces stand as they are.

    Raises:
        KeyError: a placeholder has no value.
    """
    return _PLACEHOLDER.sub(lambda match: values[match[1]], template(name))


def user(content: str) -> Message:
    """A message to the model."""
    return {"role": "user", "content": content}


def assistant(content: str) -> Message:
    """A message of the model."""
    return {"role": "assistant", "content": content}


def system(content: str) -> Message:
    """The message that sets the mode."""
    return {"role": "system", "content": content}


# --- exploration ------------------------------------------------------------------------------------------------------


def memory_line(query: str, solved: bool | None, reason: str = "") -> str:
    """One line of long-term memory: an earlier query and whether it was solved (None: not known)."""
    verdict = "" if solved is None else " (solved)" if solved else " (unsolved)"
    return f"- {query}{verdict}" + (f": {reason}" if reason else "")


def imagine(tool: str, memory: Sequence[str] = ()) -> Message:
    """Asks for a query that the API with this documentation could help with; `memory` holds `memory_line`s."""
    return user(fill("imagine", tool=tool) + _memory(memory))


def imagine_next(memory: Sequence[str] = ()) -> Message:
    """Asks for the next query of an episode."""
    return user(template("imagine_next") + _memory(memory))


def imagine_again() -> Message:
    """Asks for another query where the last one came too close to an earlier one."""
    return user(template("imagine_again"))


def attempt(query: str) -> Message:
    """Asks for the first call that serves the query."""
    return user(fill("try", query=query))


def observation(text: str) -> Message:
    """Tells the result of a call, or its error."""
    return user(fill("observation", observation=text))


def reflect(reason: bool = False) -> Message:
    """Asks whether the query was fulfilled, and why if `reason`."""
    return user(template("reflect_reason" if reason else "reflect"))


def _memory(lines: Sequence[str]) -> str:
    return "\n\n" + fill("memory", memory="\n".join(lines)) if lines else ""


# --- distillation -----------------------------------------------------------------------------------------------------


def judge(tool: str, query: str, call: Call, result: str, answer: str) -> list[Message]:
    """Asks for a verdict on a trial in three aspects; `read_judgement` reads the reply."""
    text = fill(
        "judge_trial",
        tool=tool,
        query=query,
        call=react.render(call.tool, call.arguments),
        observation=result,
        answer=answer,
    )
    return [user(text)]


ASPECTS = ("Informative", "Faithful", "Appropriate")


def read_judgement(reply: str) -> dict[str, bool | None]:
    """The verdict on each aspect; None where the reply does not say.

    >>> read_judgement("Informative: Yes\\nFaithful: No")
    {'Informative': True, 'Faithful': False, 'Appropriate': None}
    """
    found = {aspect: re.search(rf"\b{aspect}\W+(yes|no)\b", reply, re.IGNORECASE) for aspect in ASPECTS}
    return {aspect: match and match[1].lower() == "yes" for aspect, match in found.items()}


def read_yes_no(reply: str) -> bool | None:
    """Whether a reply begins with Yes or with No; None if with neither."""
    match = re.match(r"\W*(yes|no)\b", reply, re.IGNORECASE)
    return match and match[1].lower() == "yes"


def paraphrase(query: str) -> list[Message]:
    """Asks for the query in other words."""
    return [user(fill("paraphrase", query=query))]


# --- exploitation -----------------------------------------------------------------------------------------------------


def example(query: str, call: Call) -> str:
    """One demonstration: a query and the call that served it."""
    return fill("example", query=query, call=react.render(call.tool, call.arguments))


def predict(query: str, tools: Iterable[str], examples: Sequence[tuple[str, Call]] = ()) -> list[Message]:
    """Asks for the call that serves a query, given the documentation of some tools and perhaps demonstrations."""
    docs = "\n".join(tools)
    if not examples:
        return [user(fill("predict", tools=docs, query=query))]
    shown = "\n".join(example(asked, call) for asked, call in examples)
    return [user(fill("predict_examples", tools=docs, examples=shown, query=query))]


def tuned(query: str) -> list[Message]:
    """Asks a fine-tuned model for a call: no documentation, only the mode and the query."""
    return [system(template("tuned")), user(query)]


def tuned_answer(query: str, call: Call, result: str) -> list[Message]:
    """Asks a fine-tuned model for the final answer after its call."""
    reply = assistant(react.render(call.tool, call.arguments))
    return [*tuned(query), reply, user(fill("answer", observation=result))]


def general(task: str) -> list[Message]:
    """Asks for something that needs no tool."""
    return [system(template("normal")), user(task)]
