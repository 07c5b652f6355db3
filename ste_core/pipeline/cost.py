"""What an exploration will take, before it starts.

>>> Cost(3_000, 0, 15_000, 18_000, 7_100_000, 600_000, rate=20.0).text()
'3,000 trials to go: about 15,000 requests (at most 18,000), 7.1 million tokens in and 600,000 out, \
12 min at 20.0 requests a second, no prices in the study file'

Sizes are guessed from the prompts' own lengths and a usual trial's; where there are trials, those are measured instead.
"""

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

from ste_core.core import prompting
from ste_core.core.config import Exploration, Style
from ste_core.core.records import Message, Tool, Trial
from ste_core.method.explore import CHARACTERS_A_TOKEN, QUERY_TRIES, VARIANTS, Variant, conversation

#: templates whose length counts
FRAMES = ("imagine", "imagine_next", "try", "reflect")


@dataclass(frozen=True, slots=True)
class Cost:
    """What is to come: trials, requests (likely, and at most), tokens, seconds and money where they can be known; and
    what there is to know of the tools (`Toolbox.notes`)."""

    trials: int
    done: int
    requests: int
    most_requests: int
    prompt_tokens: int
    completion_tokens: int
    rate: float | None = None
    prices: tuple[float, float] | None = None
    notes: tuple[str, ...] = ()

    @property
    def seconds(self) -> float | None:
        """At the rate of earlier runs, else at the limit set for the server."""
        return self.requests / self.rate if self.rate else None

    @property
    def cost(self) -> float | None:
        if self.prices is None:
            return None
        return (self.prompt_tokens * self.prices[0] + self.completion_tokens * self.prices[1]) / 1e6

    def text(self) -> str:
        """All of it in a line, and a line for each note."""
        return "\n".join((self._line(), *self.notes))

    def _line(self) -> str:
        if not self.trials:
            return f"nothing to do: all {self.done:,} trials are done"
        done = f" ({self.done:,} are done)" if self.done else ""
        time = "time unknown before the first requests"
        if self.seconds is not None:
            time = f"{_duration(self.seconds)} at {self.rate:,.1f} requests a second"
        return ", ".join((
            f"{self.trials:,} trials to go{done}: about {self.requests:,} requests (at most {self.most_requests:,})",
            f"{_many(self.prompt_tokens)} tokens in and {_many(self.completion_tokens)} out",
            time,
            "no prices in the study file" if self.cost is None else f"cost {self.cost:,.2f}",
        ))  # fmt: skip


def _many(count: int) -> str:
    return f"{count:,}" if count < 1_000_000 else f"{count / 1e6:,.1f} million"


def _duration(seconds: float) -> str:
    minutes = round(seconds / 60)
    return f"{seconds:.0f} s" if seconds < 90 else f"{minutes} min" if minutes < 90 else f"{minutes / 60:.1f} h"


@dataclass(frozen=True, slots=True)
class Usual:
    """A trial's sizes in tokens, and its replies in the middle; measured where there are trials, else a guess."""

    query: float = 30
    reply: float = 45
    result: float = 60
    verdict: float = 3
    replies: float = 3

    @classmethod
    def of(cls, trials: Iterable[Trial]) -> Self:
        """What trials took, a trial that was not tried left out; the defaults where there is none."""
        characters: Counter[str] = Counter()
        texts: Counter[str] = Counter()
        tried = replies = 0

        def saw(what: str, text: str | None) -> None:
            characters[what] += len(text or "")
            texts[what] += bool(text)

        for one in trials:
            if not one.steps:
                continue
            tried += 1
            replies += len(one.steps)
            saw("query", one.query)
            saw("verdict", one.reflection)
            for step in one.steps:
                saw("reply", step.output)
                saw("result", step.observation)
        if not tried:
            return cls()
        tokens = {what: characters[what] / CHARACTERS_A_TOKEN / max(texts[what], 1) for what in texts}
        return cls(**tokens, replies=replies / tried)


def tokens(messages: Iterable[Message]) -> float:
    """The tokens of a prompt, about: those of its texts, and four a message for what the chat template adds."""
    return sum(len(message["content"]) / CHARACTERS_A_TOKEN + 4 for message in messages)


def trial_sizes(
    tool: Tool,
    settings: Exploration,
    variant: str,
    number: int,
    usual: Usual,
    context: int | None,
    style: Style = "small",
) -> tuple[float, float, float]:
    """Requests, tokens in and tokens out that a tool's trial of that number is likely to take."""
    switches = VARIANTS[variant]
    frame = {name: len(prompting.template(name, style)) / CHARACTERS_A_TOKEN for name in FRAMES}
    replies = min(usual.replies if switches.feedback else 1.0, settings.calls)
    verdict = usual.verdict if switches.reflection and switches.feedback else 0.0
    result = usual.result if switches.feedback else 0.0
    lines = number if settings.memory_lines is None else min(number, settings.memory_lines)
    turns = usual.reply + result
    if style != "small":
        return _instruct_sizes(tool, settings, switches, number, usual, context, lines, replies, turns, verdict)
    memory = lines * (usual.query + 5) if switches.long_term_memory else 0.0
    trying = usual.query + frame["try"] + usual.query
    whole = frame["imagine_next"] + trying + replies * turns + frame["reflect"] + verdict
    opening = frame["imagine"] + len(tool.documentation()) / CHARACTERS_A_TOKEN
    opening += whole * (number % settings.trials) if switches.short_term_memory else 0.0
    prompts = [(1.0, opening + memory)]  # how many of them, and how long
    prompts += [(min(1.0, replies - step), opening + trying + turns * step) for step in range(math.ceil(replies))]
    if verdict:
        prompts.append((1.0, opening + trying + replies * turns + frame["reflect"]))
    return _summed(prompts, settings, usual, context, replies, verdict)


def _summed(
    prompts: list[tuple[float, float]],
    settings: Exploration,
    usual: Usual,
    context: int | None,
    replies: float,
    verdict: float,
) -> tuple[float, float, float]:
    room = None if context is None else context - settings.max_tokens
    shown = sum(share * (length if room is None else min(length, room)) for share, length in prompts)
    return sum(share for share, _ in prompts), shown, usual.query + replies * usual.reply + verdict


def _instruct_sizes(
    tool: Tool, settings: Exploration, switches: Variant, number: int, usual: Usual, context: int | None, lines: int,
    replies: float, turns: float, verdict: float,
) -> tuple[float, float, float]:  # fmt: skip
    """As `trial_sizes`, where imagining and reflecting are asked apart, each behind worked examples."""
    blank = Trial(tool=tool.name, variant="", seed=0, episode=0, trial=0, query="", steps=())
    asked = tokens(prompting.imagine_in_turns(tool, [], values_first=settings.values_first))
    next_one = "imagine_values_next" if settings.values_first else "imagine_told"
    told = usual.query + len(prompting.template(next_one, "instruct")) / CHARACTERS_A_TOKEN + 12
    before = number % settings.trials if switches.short_term_memory else 0
    remembered = lines if switches.long_term_memory else before
    trying = tokens(conversation(tool, [blank], style="instruct")) + usual.query
    again = tokens(conversation(tool, [blank, blank], style="instruct")) - trying + 2 * usual.query + replies * turns
    trying += before * max(again, 0.0)
    prompts = [(1.0, asked + remembered * told)]
    prompts += [(min(1.0, replies - step), trying + turns * step) for step in range(math.ceil(replies))]
    if verdict:
        apart = tokens(prompting.reflect_apart("", None, ""))
        prompts.append((1.0, apart + usual.query + turns))
    return _summed(prompts, settings, usual, context, replies, verdict)


def most_requests(settings: Exploration, variant: str, style: Style = "small") -> int:
    """The requests that a trial may take: pretrained models are asked again for a query and a call of no use. Of small
    ones a query that cannot be used, which is rare, counts beyond."""
    tries = 1 if style == "small" else QUERY_TRIES
    reflects = VARIANTS[variant].reflection and VARIANTS[variant].feedback
    novelty = settings.novelty_tries if settings.novelty is not None else 0
    return tries + novelty + settings.calls * tries + reflects
