"""A tool's documentation rewritten by a model from trials of the tool.

>>> rewrites = await rewrite_documentation(trials, toolbox.tools, model)                        # doctest: +SKIP
>>> rewrites[0].revised(toolbox.tools["convert_currency"]).description                          # doctest: +SKIP
'Convert an amount of money, given three-letter currency codes.'

After DRAFT (rewriting documentation from trials), in one round: the model sees the documentation, the errors it met
and calls that ran, and writes the description and each argument's anew. Names, types and what is required stay as the
tool has them. A rewrite is *kept* if calls for held-out queries (`method.heldout`) run at least as often with it.
DSPy's authors dropped such rewriting because it lost; a rewrite that loses here is not shown.

A model's words may repeat what a tool said, so a tool whose documentation or results read like instructions to an agent
is not rewritten, nor is a rewrite taken that does (`core.untrusted`).
"""

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import Field

from ste_core.core import json_schema, prompting, react
from ste_core.core.config import Style
from ste_core.core.records import Call, Record, Tool, Trial
from ste_core.core.untrusted import instruction_in, one_line_of
from ste_core.method import tool_errors
from ste_core.models.base import ChatModel, gather, request_seed
from ste_core.models.replies import Replies, answer_or_refusal

#: calls that a request shows: so many errors, each once, and as many that ran
MANY = 5

#: characters of a result that a request shows
LONGEST_RESULT = 200

#: characters of a description, beside as many as the tool's own has, and of an argument's
LONGEST_DESCRIPTION, LONGEST_ARGUMENT = 300, 160


class Rewrite(Record):
    """What a model made of a tool's documentation.

    Attributes:
        description, arguments: its words; both empty where there is no rewrite, `fault` says why.
        raw: its reply.
        queries, ran, ran_before: held-out queries, and those whose call ran with the rewrite and without.
        kept: whether the rewrite is shown.
    """

    tool: str
    description: str = ""
    arguments: dict[str, str] = Field(default_factory=dict)
    fault: str = ""
    raw: str = ""
    writer: str = ""
    queries: int = 0
    ran: int = 0
    ran_before: int = 0
    kept: bool = False

    def revised(self, tool: Tool) -> Tool:
        """The tool under these words; without any, as it is."""
        if self.fault:
            return tool
        return documented(tool, self.description, self.arguments)

    def decided(self, before: Sequence[bool], after: Sequence[bool]) -> "Rewrite":
        """With what held-out queries say: kept if there were any, and at least as many calls run with it."""
        known = {"queries": len(before), "ran": sum(after), "ran_before": sum(before)}
        return self.model_copy(update=known | {"kept": not self.fault and bool(before) and sum(after) >= sum(before)})


def documented(tool: Tool, description: str, arguments: Mapping[str, str]) -> Tool:
    """A tool with other words: of the description, if there are any, and of some arguments."""
    schema: dict[str, Any] = dict(tool.parameters)
    properties = schema.get("properties")
    if isinstance(properties, dict):
        schema["properties"] = {
            name: {**part, "description": arguments[name]} if name in arguments and isinstance(part, dict) else part
            for name, part in properties.items()
        }
    return tool.model_copy(update={"description": description or tool.description, "parameters": schema})


async def rewrite_documentation(
    trials: Sequence[Trial], tools: Mapping[str, Tool], model: ChatModel, *, style: Style = "instruct", seed: int = 0,
    max_tokens: int = 256,
) -> list[Rewrite]:  # fmt: skip
    """A rewrite of each tool that was tried, in the tools' order, asked for greedily; whether it is kept is open.

    Raises:
        UserError: a failing model.
        BudgetSpent: the model's budget is used up.
    """
    counted = Replies("forms.max_tokens")

    async def ask(tool: Tool, own: Sequence[Trial]) -> Rewrite:
        shown = evidence(tool, own)
        fault = _untrusted(tool, own) or ("" if shown else "no call was made")
        if fault:
            return Rewrite(tool=tool.name, fault=fault, writer=model.name)
        reply = await answer_or_refusal(
            model, prompting.ask_rewrite(tool, shown, style), replies=counted, temperature=0.0, max_tokens=max_tokens,
            seed=request_seed(seed, "rewrite", tool.name),
        )  # fmt: skip
        raw = react.encodable(reply.text)
        return read_rewrite(raw, tool, cut=reply.finish_reason == "length").model_copy(update={"writer": model.name})

    by_tool = {name: [one for one in trials if one.tool == name] for name in tools}
    return await gather([ask(tools[name], own) for name, own in by_tool.items() if own])


def _untrusted(tool: Tool, trials: Sequence[Trial]) -> str:
    """Why nothing a model writes about this tool is taken; "" if nothing speaks against it."""
    told = [tool.documentation(), *(step.observation or "" for trial in trials for step in trial.steps)]
    family = next(filter(None, map(instruction_in, told)), None)
    return f"the tool {family}" if family else ""


def evidence(tool: Tool, trials: Sequence[Trial]) -> list[tuple[Call, str]]:
    """Calls with their results, as a request shows them: errors, each once, and calls that ran, as different as can be.

    Each in the order of the trials.
    """
    errors: list[tool_errors.ErrorRead] = []
    shown: list[tuple[Call, str]] = []
    ran: set[str] = set()
    for trial in sorted(trials, key=lambda one: (one.variant, one.seed, one.episode, one.trial)):
        for step in trial.steps:
            if step.call is None or step.call.tool != tool.name or step.ok is None:
                continue
            told = one_line_of(step.observation or "", LONGEST_RESULT)
            if step.ok:
                same = step.call.model_dump_json()
                if same in ran or len(ran) == MANY:
                    continue
                ran.add(same)
            else:
                read = tool_errors.read_error(step.observation or "", step.call, tool)
                if len(errors) == MANY or any(one.same(read) for one in errors):
                    continue
                errors.append(read)
            shown.append((step.call, told))
    return shown


def read_rewrite(reply: str, tool: Tool, *, cut: bool = False) -> Rewrite:
    """Read a reply: a line for the description and one for each argument, `name: text`; other lines count for nothing.

    >>> tool = Tool(name="t", parameters={"type": "object", "properties": {"city": {"type": "string"}}})
    >>> read_rewrite("Description: Weather.\\n- city (string): its English name", tool).arguments
    {'city': 'its English name'}
    """
    description, arguments = "", {}
    for line in reply.splitlines():
        name, colon, text = line.strip().lstrip("-* ").partition(":")
        name = name.replace("*", "").replace("`", "").split("(")[0].strip()
        text = one_line_of(text.replace("**", "").strip(), 1_000)
        if not colon or not text:
            continue
        if name.casefold() == "description":
            description = description or text
        elif name in tool.arguments:
            arguments.setdefault(name, text)
    made = Rewrite(tool=tool.name, description=description, arguments=arguments, raw=reply)
    fault = _fault(made, tool, cut)
    return Rewrite(tool=tool.name, raw=reply, fault=fault) if fault else made


def _fault(made: Rewrite, tool: Tool, cut: bool) -> str:
    if cut:
        return "cut off"
    if not made.description:
        return "no description"
    if len(made.description) > LONGEST_DESCRIPTION + len(tool.description):
        return "description too long"
    if any(len(text) > LONGEST_ARGUMENT for text in made.arguments.values()):
        return "an argument's text too long"
    if instruction_in(made.raw):
        return f"it {instruction_in(made.raw)}"
    if "://" in made.raw and "://" not in json_schema_text(tool):
        return "an address that the documentation does not have"
    before = {name: json_schema.resolve(part, tool.parameters).get("description") or "" for name, part in
              tool.arguments.items()}  # fmt: skip
    same = made.description == tool.description and all(before[name] == text for name, text in made.arguments.items())
    return "as it was" if same else ""


def json_schema_text(tool: Tool) -> str:
    """All that a tool says of itself."""
    return tool.model_dump_json()
