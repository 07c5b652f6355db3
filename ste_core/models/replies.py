"""What a stage's requests came to: answers, and replies that hold none.

>>> replies = Replies("exploration.max_tokens")
>>> completion = await answer_or_refusal(model, messages, replies=replies, max_tokens=360)          # doctest: +SKIP
>>> print(replies.problem())                                                                        # doctest: +SKIP
of 40 replies 40 hold no answer, 40 were cut at exploration.max_tokens, 40 hold only reasoning; raise ...
"""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ste_core.core import react
from ste_core.core.errors import RequestRefused, one_line, tell
from ste_core.models.base import FILTERED, REFUSED, ChatModel, Choice, Completion, Message

#: so many replies must be there before most of them are said to be of no use
ENOUGH_REPLIES = 4


@dataclass(slots=True)
class Replies:
    """What a stage's replies were like; it says so while it runs, once, when most of them surely are of no use.

    >>> replies = Replies("exploration.max_tokens")
    >>> for _ in range(4): replies.add(Completion((Choice("", "length", reasoning="Hm."),), 9, 9))
    >>> replies.problem()[:69]
    'of 4 replies 4 hold no answer, 4 were cut at exploration.max_tokens, '
    """

    limit: str = "max_tokens"
    replies: int = 0
    no_answer: int = 0
    cut: int = 0
    only_reasoning: int = 0
    refused: int = 0
    told: bool = False

    def add(self, completion: Completion) -> None:
        """Count a reply."""
        first = completion.choices[0]
        missing = first.missing is not None
        self.replies += 1
        self.no_answer += missing
        self.cut += first.finish_reason == "length"
        self.only_reasoning += missing and bool(first.reasoning)
        self.refused += missing and first.finish_reason in (REFUSED, FILTERED)
        if not self.told and self._surely_most() and (problem := self.problem()):
            self.told = True
            tell(problem)

    def _surely_most(self) -> bool:
        """Whether more than half are of no use beyond chance: by two standard errors of a fair coin."""
        more = 2 * max(self.no_answer, self.cut) - self.replies
        return self.replies >= ENOUGH_REPLIES and more >= 2 * math.sqrt(self.replies)

    def problem(self) -> str | None:
        """What is wrong with most replies, and what helps; None if nothing is."""
        useless = max(self.no_answer, self.cut)
        if self.replies == 0 or 2 * useless <= self.replies:
            return None
        parts = [
            f"{count:,} {what}"
            for count, what in (
                (self.cut, f"were cut at {self.limit}"),
                (self.only_reasoning, "hold only reasoning"),
                (self.refused, "were refused or stopped by a content filter"),
            )
            if count
        ]
        help_ = []
        if self.cut:
            help_.append(f"raise {self.limit}")
        if self.only_reasoning:
            help_.append("turn the model's reasoning down or off (a key of `extra` of the model, or of its server)")
        if self.no_answer:
            parts.insert(0, f"{self.no_answer:,} hold no answer")
        return f"of {self.replies:,} replies {', '.join(parts)}{'; ' if help_ else ''}{', or '.join(help_)}"


def as_react(choice: Choice) -> str:
    """What a choice says, its call written as the prompts ask for it where the server has told it in its own form.

    >>> from ste_core.models.base import ToolCall
    >>> as_react(Choice("", "tool_calls", tool_calls=(ToolCall("double", {"number": 7}),)))
    'Action: double\\nAction Input: {"number": 7}'
    """
    if not choice.tool_calls or react.ACTION in choice.text or react.FINAL in choice.text:
        return choice.text
    first = choice.tool_calls[0]
    given = first.arguments if isinstance(first.arguments, str) else json.dumps(first.arguments, ensure_ascii=False)
    thought = one_line(choice.text.removeprefix("Thought:"), len(choice.text))
    head = f"Thought: {thought}\n" if thought else ""
    return f"{head}{react.ACTION} {one_line(first.name)}\n{react.ACTION_INPUT} {given}"


async def answer_or_refusal(
    model: ChatModel, messages: Sequence[Message], *, replies: Replies | None = None, **options: Any
) -> Completion:
    """The model's answer; an empty one that ended "refused" if its server will not answer this text, and never will.

    A content filter, a text longer than the server allows or one that it fails at each time should cost one answer and
    not the run. Whether it is the text is asked by a greeting with the same options; if that is answered, the text is
    sent once more, since the server may have failed at it only because it was down.

    Args:
        replies: counts the answer.

    Raises:
        UserError: as `ChatModel.complete`; also if the greeting is refused, since an option is to blame then.
    """
    try:
        completion = await model.complete(messages, **options)
    except RequestRefused:
        await model.complete([{"role": "user", "content": "Hello"}], **options)
        try:
            completion = await model.complete(messages, **options)
        except RequestRefused:
            completion = Completion((Choice("", REFUSED),), 0, 0)
    if replies is not None:
        replies.add(completion)
    return completion
