"""Calls in a model's own format: told in it, read from it, learnt in it; in process and behind a server."""

import asyncio
import json
import re
import threading

import pytest
from tiny import make_model

from ste_core.core import prompting, react
from ste_core.core.config import Finetuning, LocalModel, ServedModel
from ste_core.core.errors import UserError
from ste_core.core.records import Call, Example, TestItem, Tool
from ste_core.models import native
from ste_core.models.base import Choice, Completion, ToolCall

torch = pytest.importorskip("torch")

from ste_core.method import finetune, predict  # noqa: E402 (need torch)
from ste_core.models.local import LocalChat  # noqa: E402

HERMES = (
    "{% if tools %}<|system|>Tools:\n{% for tool in tools %}{{ tool | tojson }}\n{% endfor %}<|end|>{% endif %}"
    "{% for m in messages %}<|{{ 'user' if m.role == 'tool' else m.role }}|>"
    "{% if m.role == 'tool' %}<tool_response>{{ m.content }}</tool_response>{% else %}{{ m.content }}{% endif %}"
    '{% for call in m.tool_calls or [] %}<tool_call>\n{"name": "{{ call.function.name }}", "arguments": '
    "{{ call.function.arguments | tojson }}}\n</tool_call>{% endfor %}<|end|>{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
LLAMA = (
    "{% for m in messages %}<|{{ 'user' if m.role == 'tool' else m.role }}|>{{ m.content }}"
    '{% for call in m.tool_calls or [] %}{"name": "{{ call.function.name }}", "parameters": '
    "{{ call.function.arguments | tojson }}}{% endfor %}<|end|>{% endfor %}{% if tools %}{% endif %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
PYTHONIC = (
    "{% for m in messages %}<|{{ 'user' if m.role == 'tool' else m.role }}|>{{ m.content }}"
    "{% for call in m.tool_calls or [] %}[{{ call.function.name }}({% for k, v in call.function.arguments.items() %}"
    "{{ k }}={{ v | tojson }}{% endfor %})]{% endfor %}<|end|>{% endfor %}{% if tools %}{% endif %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
CITY = Tool(
    name="weather", description="Weather of a city",
    parameters={
        "type": "object", "required": ["city"],
        "properties": {"city": {"type": "string"}, "day": {"type": "integer"}},
    },
)  # fmt: skip
PRICE = Tool(name="price", description="Price of a thing")
TOOLS = {"weather": CITY, "price": PRICE}


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Tiny models, by the format their template writes calls in."""
    made = {}
    for name, template in (("hermes", HERMES), ("llama", LLAMA), ("pythonic", PYTHONIC), ("none", None)):
        made[name] = make_model(tmp_path_factory.mktemp(name), "llama", hidden=64)
        if template is not None:
            from transformers import AutoTokenizer

            tokenizer = AutoTokenizer.from_pretrained(made[name])
            tokenizer.chat_template = template
            tokenizer.save_pretrained(made[name])
    return made


def test_a_conversation_is_told_in_the_protocols_fields_and_nothing_is_lost():
    said = [
        prompting.user("Weather in Rome?"),
        prompting.assistant('Thought: I look.\nAction: weather\nAction Input: {"city": "Rom"}'),
        prompting.user("Observation: Error: no such city"),
        prompting.assistant('Action: weather\nAction Input: {"city": "Rome"}'),
        prompting.user("Observation: sunny"),
        prompting.user("Another request"),
        prompting.assistant("It is sunny."),
        prompting.assistant("Action: weather\nAction Input: {broken"),
        prompting.user("Observation: Error: not JSON"),
    ]
    told = native.as_native(said)
    assert [one["role"] for one in told] == [
        "user", "assistant", "tool", "assistant", "tool", "user", "assistant", "assistant", "user",
    ]  # fmt: skip
    first, second = told[1]["tool_calls"][0], told[3]["tool_calls"][0]
    assert first["function"] == {"name": "weather", "arguments": {"city": "Rom"}} and told[1]["content"] == "I look."
    assert told[2]["content"] == "Error: no such city" and told[2]["tool_call_id"] == first["id"] != second["id"]
    assert re.fullmatch("[a-zA-Z0-9]{9}", first["id"])  # Mistral's template refuses other ids
    assert told[5:] == said[5:]


@pytest.mark.parametrize(
    ("kind", "frame"),
    [
        ("hermes", ('<tool_call>\n{"name": "', '", "arguments": ', "}\n</tool_call>")),
        ("llama", ('{"name": "', '", "parameters": ', "}")),
        ("pythonic", None),
        ("none", None),
    ],
)
def test_how_a_template_writes_a_call_is_found_out(folders, kind, frame):
    assert LocalChat.load(folders[kind]).call_frame() == frame


@pytest.mark.parametrize("kind", ["hermes", "llama"])
def test_a_constrained_reply_is_a_documented_call_in_the_models_format(folders, kind):
    model = native.NativeChat(LocalChat.load(folders[kind], threads=1))
    tools = [native.described(one) for one in TOOLS.values()]
    form = model.form(list(TOOLS.values()))

    async def asked():
        return [
            await model.complete([prompting.user(f"{n}?")], tools=tools, form=form, seed=n, max_tokens=200)
            for n in range(6)
        ]

    for reply in asyncio.run(asked()):
        parsed = react.parse(reply.text, TOOLS)
        assert reply.finish_reason == "length" or (parsed.kind == "call" and set(parsed.arguments) <= {"city", "day"})


@pytest.mark.parametrize("kind", ["pythonic", "none"])
def test_what_cannot_be_constrained_is_one_line(folders, kind):
    with pytest.raises(UserError, match="its own tool format cannot be constrained here; set constrained: false"):
        native.NativeChat(LocalChat.load(folders[kind])).form([CITY])


def test_a_template_without_a_place_for_tools_is_one_line(folders):
    model = native.NativeChat(LocalChat.load(folders["none"]))
    with pytest.raises(UserError, match="has no place for tools; set tool_format: react"):
        asyncio.run(model.complete([prompting.user("Hi")], tools=[native.described(CITY)]))


class Scripted:
    """Answers with what it is given, and notes what it was asked."""

    name = identity = "scripted"

    def __init__(self, *choices):
        self.choices = choices
        self.asked = []

    async def complete(self, messages, **options):
        self.asked.append((messages, options))
        return Completion(self.choices, 1, 1)


ROME = 'Action: weather\nAction Input: {"city": "Rome"}'
CUT = '<tool_call>{"name": "weather", "arguments": {"city": '


@pytest.mark.parametrize(
    ("choice", "text"),
    [
        (Choice("", "tool_calls", tool_calls=(ToolCall("weather", {"city": "Rome"}),)), ROME),
        (Choice('<tool_call>{"name": "weather", "arguments": {"city": "Rome"}}', "stop"), ROME),
        (Choice('Let me see.\n[TOOL_CALLS]weather{"city": "Rome"}', "stop"), f"Thought: Let me see.\n{ROME}"),
        (Choice(CUT, "length"), CUT),
        (Choice("It is sunny.", "stop"), "It is sunny."),
    ],
)
def test_replies_come_back_as_react_text_and_what_cannot_be_read_stays(choice, text):
    inner = Scripted(choice)
    reply = asyncio.run(
        native.NativeChat(inner).complete([prompting.user("?")], tools=[native.described(CITY)], stop=["Observation:"])
    )
    assert reply.text == text and reply.finish_reason == choice.finish_reason
    assert inner.asked[0][1] == {"tools": [native.described(CITY)], "stop": []}


def test_text_alone_is_asked_for_as_it_is():
    inner = Scripted(Choice('{"name": "weather", "arguments": {}}', "stop"))
    reply = asyncio.run(native.NativeChat(inner).complete([prompting.user("Yes or No?")], stop=["\n"]))
    assert reply.text == '{"name": "weather", "arguments": {}}' and inner.asked[0][1] == {"stop": ["\n"]}


def test_demonstrations_are_turns_and_documentation_is_not_in_the_text():
    near = [("Weather in Oslo?", Call(tool="weather", arguments={"city": "Oslo"}))]
    asked = prompting.ask_call("Weather in Rome?", [CITY.documentation()], near, "native")
    assert [one["role"] for one in asked] == ["user", "assistant", "user"]
    assert "API:" not in json.dumps(asked) and asked[-1]["content"] == "Weather in Rome?"


@pytest.fixture(scope="module")
def learnt(folders, tmp_path_factory):
    """A model that has learnt three calls in its own format by heart."""
    examples = [
        Example(tool=tool, episode=0, trial=n, paraphrase=0, query=query, call=Call(tool=tool, arguments=given),
                observation="", answer="")
        for n, (query, tool, given) in enumerate(
            [("weather Rome?", "weather", {"city": "Rome"}), ("price list?", "price", {}),
             ("weather day 3?", "weather", {"city": "Oslo", "day": 3})]
        )
    ]  # fmt: skip
    options = Finetuning(
        base=str(folders["hermes"]), tool_format="native", epochs=60, batch=3, learning_rate=5e-3, answer_rows=False,
        validation=0, threads=1, save_steps=1000,
    )  # fmt: skip
    folder = tmp_path_factory.mktemp("learnt") / "model"
    finetune.finetune(examples, options, folder, tools=TOOLS)
    return folder, examples


def predicted(model, examples, path):
    items = [TestItem(item=n, query=one.query, gold=one.call) for n, one in enumerate(examples)]
    made = asyncio.run(predict.predict(items, model, TOOLS, setting="tuned", path=path, style="native"))
    return [one.output for one in made]


def test_what_is_learnt_in_a_format_is_asked_for_in_it(learnt, tmp_path):
    folder, examples = learnt
    model = finetune.load_tuned(folder, threads=1)
    raw = asyncio.run(model.complete(prompting.tuned(examples[0].query), temperature=0))
    assert raw.text.startswith("<tool_call>")  # not ReAct text
    wanted = [react.render_call(one.call.tool, one.call.arguments) for one in examples]
    assert predicted(native.NativeChat(model), examples, tmp_path / "a.jsonl") == wanted


def test_a_served_model_gives_the_same_calls(learnt, tmp_path):
    import socket

    import uvicorn

    from ste_core.models.openai import OpenAIChat
    from ste_core.models.server import Server

    folder, examples = learnt
    model = finetune.load_tuned(folder, threads=1)
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(Server(model), log_level="warning", lifespan="off"))
    thread = threading.Thread(target=lambda: server.run(sockets=[listener]), daemon=True)
    thread.start()
    try:
        served = OpenAIChat(model.name, base_url=f"http://127.0.0.1:{listener.getsockname()[1]}/v1")
        wanted = [react.render_call(one.call.tool, one.call.arguments) for one in examples]
        assert predicted(native.NativeChat(served), examples, tmp_path / "b.jsonl") == wanted
        tools = [native.described(one) for one in TOOLS.values()]
        conversation = [
            prompting.user(examples[0].query), prompting.assistant(wanted[0]), prompting.user("Observation: sunny"),
            prompting.user(examples[1].query),
        ]  # fmt: skip

        async def both():
            return [
                await native.NativeChat(one).complete(conversation, tools=tools, temperature=0, max_tokens=40)
                for one in (model, served)
            ]

        here, there = asyncio.run(both())
        assert here.text == there.text
    finally:
        server.should_exit = True
        thread.join(timeout=20)


def test_a_template_without_calls_cannot_be_learnt_natively(folders, tmp_path):
    example = Example(
        tool="price", episode=0, trial=0, paraphrase=0, query="q", call=Call(tool="price", arguments={}),
        observation="", answer="",
    )  # fmt: skip
    options = Finetuning(base=str(folders["none"]), tool_format="native", answer_rows=False, validation=0, threads=1)
    with pytest.raises(UserError, match="no calls of its own; set react"):
        finetune.finetune([example], options, tmp_path / "out")


def test_the_format_is_a_key_of_a_model():
    assert LocalModel(kind="local", path="x", tool_format="native").style == "native"
    assert ServedModel(kind="openai", model="x").style == "instruct"
    with pytest.raises(ValueError, match="goes with prompts: instruct"):
        LocalModel(kind="local", path="x", tool_format="native", prompts="small")
