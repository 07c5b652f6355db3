"""A conversation as a model reads it: its chat template, on a day that never changes.

>>> asks_for_the_day("Today is {{ strftime_now('%d %b %Y') }}.")
True

Some templates (Llama 3, Granite, Mistral Small, gpt-oss) write today's date into each prompt. Then the same request is
another one tomorrow: what was begun yesterday does not go on as it would have, and what a model learned on one day is
not what it is asked on another. Here such a template is told `DAY` on every day. Who wants another date, or none, sets
a `chat_template` of their own.
"""

import datetime
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ste_core.core.records import Message

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

#: what templates are told of the day: the date that Llama 3's own template names where there is no clock
DAY = datetime.datetime(2024, 7, 26)


def asks_for_the_day(template: str) -> bool:
    """Whether a template writes the current day or time into its prompts."""
    return "strftime_now" in template


def documents_tools(template: str) -> bool:
    """Whether a template writes the documentation of tools into its prompts."""
    return re.search(r"\btools\b", template) is not None


def render(
    tokenizer: "PreTrainedTokenizerBase", messages: Sequence[Message], *, template: str | None = None,
    prompt: bool = True, tools: Sequence[dict[str, Any]] = (),
) -> str:  # fmt: skip
    """The text of a conversation.

    Args:
        template: instead of the tokenizer's own.
        prompt: whether the model's answer is to follow.
        tools: documented by the template, as the OpenAI protocol describes them.

    Raises:
        jinja2.TemplateError: the template refuses the conversation.
    """
    shown = tokenizer.get_chat_template(template)
    if asks_for_the_day(shown):
        shown = _on_the_day(shown)
    return tokenizer.apply_chat_template(
        list(messages), tools=list(tools) or None, chat_template=shown, tokenize=False, add_generation_prompt=prompt
    )


def _on_the_day(template: str) -> str:
    """The template with a clock that stands still. A function handed to `apply_chat_template` arrives there as text."""
    from transformers.utils import chat_template_utils

    marked = "{#- on a day that never changes -#}" + template
    chat_template_utils._compile_jinja_template(marked).globals["strftime_now"] = DAY.strftime  # it is kept by its text
    return marked
