"""What fine-tuning learns from: rows of tokens, which of them are held out, in what order they come, and rounds.

>>> plan_batches([5, 9, 7, 3], epochs=1, batch=2, seed=0, grouped=True)
[[3, 0], [2, 1]]
>>> deal([3, 0, 1], [5, 9, 7, 3], parts=2)
[[1, 0], [3]]

Follows METHOD, "Exploitation" and "Continual learning": no documentation in the prompt, a row for the call and one for
the final answer, loss on the response; a round trains on its batch, a share of every earlier batch and general tasks.
Departures: a validation set that is one (in the release it is the training set); rows that are too long are dropped and
counted, not cut; rows whose text holds one of the tokenizer's special tokens (say, in a hostile tool's result) as well.
"""

import hashlib
import itertools
import math
import random
import re
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from ste_core.core import prompting, react
from ste_core.core.errors import UserError
from ste_core.core.records import Call, Example, Record
from ste_core.models import chat_template, native

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

    from ste_core.core.config import ToolFormat
    from ste_core.core.records import Message

#: batches whose rows are sorted by length together: enough for little padding, few enough to stay mixed
POOL = 16

#: the label of a token that is not to be learned, as torch and transformers have it
IGNORED = -100


class GeneralTask(Record):
    """A task that needs no tool, with the reply to learn ("normal mode")."""

    task: str
    reply: str


@dataclass(frozen=True, slots=True)
class Conversation:
    """A prompt and the reply to learn. `source` names what it came from: rows of one source are held out together."""

    prompt: list["Message"]
    reply: str
    kind: Literal["call", "answer", "general"]
    source: str


@dataclass(frozen=True, slots=True)
class TrainingRow:
    """A conversation in tokens: the first `prompt` of `ids` are given, the others are learned, the last one ends it."""

    ids: list[int]
    prompt: int
    kind: str
    source: str


def token_of(tool: str) -> str:
    """The token that stands for a tool's name; `react.parse` reads it as the name.

    >>> token_of("add_date")
    '<tool_add_date>'
    """
    return f"<tool_{tool}>"


def conversations(
    examples: Iterable[Example],
    general: Iterable[GeneralTask] = (),
    *,
    answer_rows: bool = True,
    tool_tokens: bool = False,
    tools: Collection[str] | None = None,
) -> list[Conversation]:
    """The conversations of examples and general tasks, in order: a call and (if `answer_rows`) an answer for each.

    Args:
        answer_rows: also teach the final answer.
        tool_tokens: write a tool's name as its token.
        tools: the toolbox's names; None if any name may stand.

    Raises:
        UserError: nothing to learn from, an example of an unknown tool or without a final answer to learn, a general
            task without a reply.
    """
    found: list[Conversation] = []
    for one in examples:
        where = f"example of '{one.tool}' (episode {one.episode}, trial {one.trial})"
        if tools is not None and one.call.tool not in tools:
            raise UserError(f"{where}: it calls '{one.call.tool}', which the toolbox does not have")
        name = token_of(one.call.tool) if tool_tokens else one.call.tool
        call = Call(tool=name, arguments=one.call.arguments)
        source = f"{one.tool}/{one.episode}/{one.trial}"
        reply = react.render_call(call.tool, call.arguments)
        found.append(Conversation(prompting.tuned(one.query), reply, "call", source))
        if answer_rows:
            if not one.answer.strip():
                raise UserError(f"{where}: it has no final answer to learn; leave the row out by answer_rows: false")
            prompt = prompting.tuned_answer(one.query, call, one.observation)
            found.append(Conversation(prompt, f"{react.FINAL} {one.answer.strip()}", "answer", source))
    for number, task in enumerate(general):
        if not task.reply.strip():
            raise UserError(f"general task {number}: it has no reply to learn")
        found.append(Conversation(prompting.general(task.task), task.reply.strip(), "general", f"general/{task.task}"))
    if not found:
        raise UserError("training set: empty, there is nothing to learn from")
    return found


def encode(
    tokenizer: "PreTrainedTokenizerBase", found: Sequence[Conversation], *, max_length: int, ends: Collection[int],
    tool_format: "ToolFormat" = "react",
) -> tuple[list[TrainingRow], Counter[str]]:  # fmt: skip
    """Conversations as rows, in order, by the tokenizer's chat template, and why others were dropped.

    What is learned begins where the template's prompt for a reply ends, so no `{% generation %}` marks are needed, and
    ends with the first token of `ends` that the template puts behind the reply (or else the tokenizer's end token).

    Args:
        tool_format: in which calls are written (`models.native`).

    Returns:
        The rows; the number dropped as "too_long" (over `max_length` tokens) and "special" (a special token in a text).

    Raises:
        UserError: the template refuses a conversation, or its prompt, as text or as tokens, is no beginning of the
            whole: a model trained on such rows would see other prompts than those it is asked with.
    """
    special = [one.content for one in tokenizer.added_tokens_decoder.values() if one.special and one.content]
    holds_special = re.compile("|".join(map(re.escape, special)) or r"(?!)")
    dropped: Counter[str] = Counter()
    kept = []
    for one in found:
        if any(holds_special.search(text) for text in (one.reply, *(message["content"] for message in one.prompt))):
            dropped["special"] += 1
        else:
            kept.append(one)
    if not kept:
        return [], dropped
    told = native.as_native if tool_format == "native" else list
    prompts = [_render(tokenizer, told(one.prompt), True) for one in kept]
    wholes = [_render(tokenizer, told([*one.prompt, prompting.assistant(one.reply)]), False) for one in kept]
    if tool_format == "native" and native.call_frame(lambda some, prompt: _render(tokenizer, some, prompt)) is None:
        raise UserError("finetuning.tool_format: native: the chat template has no calls of its own; set react")
    # longer texts are no reason for a tokenizer to complain: they are dropped here
    given = tokenizer(prompts, add_special_tokens=False, verbose=False)["input_ids"]
    complete = tokenizer(wholes, add_special_tokens=False, verbose=False)["input_ids"]
    rows = []
    for one, prompt, whole, start, ids in zip(kept, prompts, wholes, given, complete, strict=True):
        if not whole.startswith(prompt) or ids[: len(start)] != start:
            what = "text" if not whole.startswith(prompt) else "tokens"
            raise UserError(
                f"chat template: the {what} of a conversation do not begin with those of its prompt, so what is to be "
                f"learned cannot be told apart; set another chat_template (query: {one.prompt[1]['content']!r})"
            )
        behind = [place for place in range(len(start), len(ids)) if ids[place] in ends]
        if behind:
            ids = ids[: behind[0] + 1]
        elif tokenizer.eos_token_id is not None:
            ids = [*ids, tokenizer.eos_token_id]
        else:
            raise UserError("tokenizer: no end token, neither of its own nor in the chat template; it needs one")
        if len(ids) > max_length:
            dropped["too_long"] += 1
        else:
            rows.append(TrainingRow(ids, len(start), one.kind, one.source))
    return rows, dropped


def _render(tokenizer: "PreTrainedTokenizerBase", messages: "Sequence[Message]", prompt: bool) -> str:
    import jinja2

    try:
        return chat_template.render(tokenizer, messages, prompt=prompt)
    except jinja2.TemplateError as error:
        raise UserError(f"chat template: refuses the conversation: {error}; set chat_template to another") from None


def split(rows: Sequence[TrainingRow], share: float, seed: int) -> tuple[list[TrainingRow], list[TrainingRow]]:
    """Rows to train on and rows held out, both in order.

    Each source is drawn for itself, by a hash of its name: the paraphrases of a query and its answers stay on one side,
    and a source stays on its side whatever else is in the set (as in rounds).
    """
    held = {source for source in {row.source for row in rows} if _fraction(seed, source) < share}
    return [row for row in rows if row.source not in held], [row for row in rows if row.source in held]


def _fraction(*parts: object) -> float:
    """A number in [0, 1) that depends on the parts alone."""
    digest = hashlib.sha256("/".join(map(str, parts)).encode("utf-8", "replace")).digest()
    return int.from_bytes(digest[:8]) / 2**64


# --- the order of rows ------------------------------------------------------------------------------------------------


def plan_batches(
    lengths: Sequence[int], *, epochs: int, batch: int, seed: int, grouped: bool, least: int = 0
) -> list[list[int]]:
    """The batches of all epochs, each a list of row numbers, an epoch after the other: the same for any machine.

    Args:
        lengths: tokens of each row.
        batch: rows a batch, over all processes; the last one of an epoch may have fewer.
        grouped: rows of a batch are of like length (sorted within pools of `POOL` batches, the batches shuffled).
        least: where the epochs come to fewer steps, more epochs follow, and the last one ends at this step.
    """
    each = math.ceil(len(lengths) / batch)
    wanted = max(epochs * each, least)
    steps: list[list[int]] = []
    for epoch in range(math.ceil(wanted / each)):
        rng = random.Random(f"{seed}/{epoch}")
        order = rng.sample(range(len(lengths)), len(lengths))
        if grouped:
            pools = [order[at : at + POOL * batch] for at in range(0, len(order), POOL * batch)]
            order = [row for pool in pools for row in sorted(pool, key=lambda row: lengths[row])]
        batches = [order[at : at + batch] for at in range(0, len(order), batch)]
        rng.shuffle(batches)
        steps += batches
    return steps[:wanted]


def deal(batch: Sequence[int], lengths: Sequence[int], parts: int) -> list[list[int]]:
    """A batch in parts of like length and almost equal size, the longest first; parts are empty where rows are few."""
    order = sorted(batch, key=lambda row: -lengths[row])
    size, over = divmod(len(order), parts)
    starts = [part * size + min(part, over) for part in range(parts + 1)]
    return [order[start:end] for start, end in itertools.pairwise(starts)]


def accumulation(
    steps: Iterable[Sequence[int]], lengths: Sequence[int], *, processes: int, tokens: int, padded: bool = True
) -> int:
    """Into how many parts each process splits its share of a batch, so that none holds over `tokens` tokens.

    A row that is longer by itself is a part of its own. `padded`: rows are padded to the longest of their part.
    """
    parts = 1
    for batch in steps:
        while parts * processes < len(batch) and any(
            (len(one) * lengths[one[0]] if padded else sum(lengths[row] for row in one)) > tokens
            for one in deal(batch, lengths, parts * processes)
            if len(one) > 1
        ):
            parts += 1
    return parts


# --- continual learning -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Round:
    """What one round of continual learning trains on.

    Attributes:
        number: from 0.
        tools: its batch.
        examples: of its batch, then the replayed ones, batch after batch; fine-tuning shuffles.
        replayed: how many of them are replayed.
        general: tasks in normal mode.
    """

    number: int
    tools: tuple[str, ...]
    examples: tuple[Example, ...]
    replayed: int
    general: tuple[GeneralTask, ...]


def rounds(
    batches: Sequence[Sequence[str]],
    examples: Sequence[Example],
    *,
    replay: float,
    general: Sequence[GeneralTask] = (),
    seed: int = 0,
) -> list[Round]:
    """The training sets of continual learning; round i is to start from the model of round i - 1.

    A round trains on its batch, a share `replay` of every earlier batch (at least one example, unless the share is 0)
    and all `general` tasks. The draw from a batch is seeded by its number, as in the release, so that every later round
    replays the same examples; here by `seed` as well.

    Raises:
        UserError: a share outside 0 to 1, a tool in two batches or in none, a batch without examples.
    """
    if not 0 <= replay <= 1:
        raise UserError(f"replay: {replay:g} is not a share; give a number from 0 to 1")
    number_of: dict[str, int] = {}
    for number, tools in enumerate(batches):
        for tool in tools:
            if tool in number_of:
                raise UserError(f"batches: '{tool}' stands there twice (batches {number_of[tool]} and {number})")
            number_of[tool] = number
    own: list[list[Example]] = [[] for _ in batches]
    for one in examples:
        if one.tool not in number_of:
            raise UserError(f"batches: examples of '{one.tool}', which is in no batch")
        own[number_of[one.tool]].append(one)
    kept = []
    for number, batch in enumerate(own):
        if not batch:
            raise UserError(f"batches: batch {number} has no examples ({', '.join(batches[number]) or 'no tools'})")
        count = max(1, round(replay * len(batch))) if replay else 0
        chosen = random.Random(f"{seed}/{number}").sample(range(len(batch)), count)
        kept.append([batch[place] for place in sorted(chosen)])
    found = []
    for number, batch in enumerate(own):
        again = [one for earlier in kept[:number] for one in earlier]
        found.append(Round(number, tuple(batches[number]), (*batch, *again), len(again), tuple(general)))
    return found
