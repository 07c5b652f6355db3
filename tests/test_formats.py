"""Formats of others: round trips, foreign dumps, hostile files, and chat rows that the ecosystem takes."""

import itertools
import json
import string

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ste_core.core.errors import UserError
from ste_core.core.records import Call, Example, Step, Tool, Trial
from ste_core.release import formats
from ste_core.release.formats import chat_rows, from_data_dict, from_rows, read_values, to_data_dict, to_rows

PLACE = {"type": "object", "properties": {"city": {"type": "string"}}}
TOOLS = {
    "add": Tool(
        name="add",
        description="Sum of two numbers.",
        parameters={
            "type": "object",
            "properties": {"a": {"type": "number"}, "b": {"type": ["number", "null"], "default": None}},
            "required": ["a"],
        },
    ),
    "now": Tool(name="now", description="The time."),
    "Global Email V4%%send": Tool(
        name="Global Email V4%%send", parameters={"type": "object", "properties": {"place": PLACE}}
    ),
}

# --- strategies -------------------------------------------------------------------------------------------------------

texts = st.text(max_size=12)
plain = st.text(string.ascii_letters + " é%{}\"'\n", max_size=12)
values = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(10**20), 10**20),
        st.floats(allow_nan=False, allow_infinity=False, width=32),
        plain,
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(plain, inner, max_size=3)),
    max_leaves=6,
)
arguments = st.dictionaries(plain, values, max_size=3)
foreign = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5), st.just("\ud800"),
        st.sampled_from(["{}", '{"a": {"b": 1}', "Error: x"]),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.one_of(
                texts,
                st.sampled_from([
                    "item_list", "messages", "query", "chains", "finish", "parse_successful", "final_ans", "action",
                    "action_input", "observation", "parse_error_msg", "api_descriptions", "API_name_list", "role",
                ]),
            ),
            inner,
            max_size=5,
        ),
    ),
    max_leaves=12,
)  # fmt: skip


@st.composite
def explored(draw):
    """Trials as exploration leaves them; what the dump has no place for is as it comes back."""
    trials = []
    for tool in draw(st.sets(st.sampled_from(list(TOOLS)), max_size=3)):
        for episode in range(draw(st.integers(0, 2))):
            for number in range(draw(st.integers(1, 2))):
                steps = []
                for _ in range(draw(st.integers(0, 2))):
                    if draw(st.booleans()):
                        ok = draw(st.sampled_from([True, False]))
                        told = "Error: " + draw(plain) if not ok else "{" + draw(plain)
                        call = Call(tool=tool, arguments=draw(arguments))
                        steps.append(Step(output=draw(plain), call=call, observation=told, ok=ok))
                    else:
                        steps.append(Step(output=draw(plain), problem=draw(plain), observation="Error: " + draw(plain)))
                answer = draw(st.one_of(st.none(), plain))
                if answer is not None:
                    steps.append(Step(output=f"Final Answer: {answer}"))
                reflection = draw(st.sampled_from([None, "Yes.", "No, it failed.", "Perhaps"]))
                solved = None if reflection is None else reflection == "Yes."
                trials.append(
                    Trial(
                        tool=tool, variant="full", seed=3, episode=episode, trial=number, answer=answer, solved=solved,
                        query=f"query {episode}/{number} {draw(plain)}", steps=tuple(steps), reflection=reflection,
                    )
                )  # fmt: skip
    return trials


def key(one):
    return one.tool, one.episode, one.trial


# --- the dump: round trip ---------------------------------------------------------------------------------------------


@settings(max_examples=60, deadline=None)
@given(explored(), st.randoms(use_true_random=False))
def test_a_dump_comes_back_as_it_was(trials, rng):
    shuffled = list(trials)
    rng.shuffle(shuffled)
    dump = json.loads(json.dumps(to_data_dict(shuffled, TOOLS)))
    found = from_data_dict(dump, variant="full", seed=3)
    assert sorted(found.records, key=key) == sorted(trials, key=key) and found.aside == {}
    assert to_data_dict(found.records, TOOLS) == dump
    described = {one.tool for one in trials if one.steps}
    assert {name: tool.description for name, tool in found.tools.items()} == {
        name: TOOLS[name].documentation() for name in described
    }


def test_what_a_dump_cannot_hold():
    steps = (Step(output="A", call=Call(tool="add", arguments={"a": 1}), ok=True),)
    blind = Trial(
        tool="add", variant="no_feedback", seed=1, episode=4, trial=2, query="1?", steps=steps, memory=3, remembered=5,
        asked_again=1,
    )  # fmt: skip
    (back,) = from_data_dict(to_data_dict([blind], TOOLS), variant="no_feedback", seed=1).records
    lost = {"episode": 0, "trial": 0, "memory": 0, "remembered": 0, "asked_again": 0}
    assert back == blind.model_copy(update=lost | {"steps": (steps[0].model_copy(update={"ok": None}),)})
    answered = blind.model_copy(update={"answer": "It is 1."})  # a chain ends with the answer
    (back,) = from_data_dict(to_data_dict([answered], TOOLS)).records
    assert back.answer == "It is 1." and back.steps[1] == Step(output="Final Answer: It is 1.")
    unsolved = blind.model_copy(update={"solved": False, "steps": ()})
    assert from_data_dict(to_data_dict([unsolved], TOOLS)).records[0].solved is None


def test_a_dump_has_the_keys_of_the_release():
    steps = (
        Step(output="Hm.", problem="expected 'Action:'", observation="Error: expected 'Action :'"),
        Step(output="B", call=Call(tool="add", arguments={"a": {"b": "é"}}), observation="Error: no", ok=False),
        Step(output="C", call=Call(tool="add", arguments={"a": 1}), observation="1", ok=True),
        Step(output="Final Answer: 1"),
    )
    own = {
        "tool": "add",
        "variant": "full",
        "seed": 0,
        "episode": 0,
        "answer": "1",
        "reflection": "Yes",
        "solved": True,
    }
    trials = [Trial(query=f"q{number}", trial=number, steps=steps, **own) for number in range(2)]
    dump = to_data_dict(trials, TOOLS)
    assert list(dump) == ["add"] and len(dump["add"]) == 1 and set(dump["add"][0]) == {"item_list", "messages"}
    items, messages = dump["add"][0]["item_list"], dump["add"][0]["messages"]
    assert [set(item) for item in items] == [{"query", "chains"}] * 2
    common = {
        "API_name_list": ["add"],
        "api_descriptions": f"API_name: add\nDescription: {TOOLS['add'].documentation()}",
    }
    assert items[0]["chains"] == [
        common | {"parse_successful": False, "finish": False, "parse_error_msg": "expected 'Action:'",
                  "observation": "Error: expected 'Action :'"},
        common | {"parse_successful": True, "finish": False, "action": "add", "action_input": '{"a": {"b": "é"}}',
                  "observation": "Error: no"},
        common | {"parse_successful": True, "finish": False, "action": "add", "action_input": '{"a": 1}',
                  "observation": "1"},
        common | {"parse_successful": True, "finish": True, "final_ans": "1"},
    ]  # fmt: skip
    assert [one["role"] for one in messages] == ["user", "assistant"] * 12
    outputs = [one.output for one in steps]
    assert [one["content"] for one in messages[1::2]] == ["q0", *outputs, "Yes", "q1", *outputs, "Yes"]
    both = [*trials, trials[0].model_copy(update={"tool": "now"})]
    assert list(to_data_dict(both, dict(reversed(TOOLS.items())))) == ["now", "add"]


@pytest.mark.parametrize("change, said", [({"seed": 1}, "full/0, full/1"), ({"tool": "x\ny"}, "tool 'x\\ny'")])
def test_what_cannot_be_dumped_is_one_line(change, said):
    one = Trial(tool="add", variant="full", seed=0, episode=0, trial=0, query="q", steps=())
    with pytest.raises(UserError) as error:
        to_data_dict([one, one.model_copy(update={"trial": 1} | change)], TOOLS)
    assert said in str(error.value) and "\n" not in str(error.value)


# --- the dump: others' ------------------------------------------------------------------------------------------------


def release_like():
    """A dump as the release's code writes it (`STE/main.py`, `utils.py`), with made-up content and a fork's keys."""
    own = {
        "API_name_list": ["Numbers%%Get fact"],
        "api_descriptions": "API_name: Numbers%%Get fact\nDescription: Facts.",
    }
    first = [
        own | {"parse_successful": False, "finish": False, "parse_error_msg": "Please", "observation": "Please"},
        own | {"parse_successful": True, "finish": False, "action": "Numbers%%Get fact", "thought": "try",
               "action_input": '{"number": {"value": 7}', "observation": '{"error": "", "response": "7 is odd"}'},
        own | {"parse_successful": True, "finish": True, "final_ans": "7 is odd."},
    ]  # fmt: skip
    second = [
        own | {"parse_successful": True, "finish": False, "action": "Numbers%%Get fact", "action_input": "{number: 7}",
               "observation": '{"error": "bad number", "response": ""}'},
        own | {"parse_successful": True, "finish": False, "action": "Numbers%%Get fact", "action_input": "{}"},
    ]  # fmt: skip
    said = ["Is 7 odd?", "Hm.", "Thought: try\nAction: ...", "Final Answer: 7 is odd.", "Now I think Yes.",
            "And 8?", "Action: ...", "Action: again", "No."]  # fmt: skip
    messages = [{"role": "system", "content": "You are a helpful assistant."}]
    for text in said:
        messages += [{"role": "user", "content": "..."}, {"role": "assistant", "content": text}]
    items = [{"query": "Is 7 odd?", "chains": first, "judgment": "Yes."}, {"query": "And 8?", "chains": second}]
    return {"Numbers%%Get fact": [{"item_list": items, "messages": messages, "cost": {"usd": 0.1}}], "a/b": []}


def test_a_foreign_dump_is_read_and_what_is_unknown_kept_aside():
    found = from_data_dict(release_like(), variant="paper", seed=7, solved=lambda reply: "No" not in reply)
    first, second = found.records
    assert (first.tool, first.variant, first.seed, first.episode, first.trial) == (
        "Numbers%%Get fact",
        "paper",
        7,
        0,
        0,
    )
    assert first.answer == "7 is odd." and second.answer is None
    assert [one.output for one in first.steps] == ["Hm.", "Thought: try\nAction: ...", "Final Answer: 7 is odd."]
    assert first.steps[0].problem == first.steps[0].observation == "Please"
    assert first.steps[1].call == Call(tool="Numbers%%Get fact", arguments={"number": {"value": 7}})  # mended
    assert [one.ok for one in first.steps] == [None, True, None]
    assert second.steps[0].call is None and "not a JSON object" in second.steps[0].problem
    assert second.steps[1].call.arguments == {} and second.steps[1].ok is second.steps[1].observation is None
    assert (first.reflection, first.solved, second.reflection, second.solved) == (
        "Now I think Yes.",
        False,
        "No.",
        False,
    )
    at = "/Numbers%%Get fact/0/item_list"
    assert found.aside == {
        "/Numbers%%Get fact/0/cost": {"usd": 0.1},
        f"{at}/0/judgment": "Yes.",
        f"{at}/0/chains/1/thought": "try",
        f"{at}/1/chains/0/action": "Numbers%%Get fact",
        f"{at}/1/chains/0/action_input": "{number: 7}",
    }
    assert found.tools == {"Numbers%%Get fact": Tool(name="Numbers%%Get fact", description="Facts.")}
    assert not from_data_dict({"a/b": []}).records


def test_without_fitting_messages_replies_are_rendered():
    dump = release_like()
    dump["Numbers%%Get fact"][0]["messages"] = dump["Numbers%%Get fact"][0]["messages"][:-4]
    first, second = from_data_dict(dump).records
    assert first.steps[1].output == 'Action: Numbers%%Get fact\nAction Input: {"number": {"value": 7}'
    assert first.steps[2].output == "Final Answer: 7 is odd." and first.reflection is first.solved is None
    assert first.steps[0].output == "" and second.steps[1].output == "Action: Numbers%%Get fact\nAction Input: {}"
    del dump["Numbers%%Get fact"][0]["messages"]
    assert from_data_dict(dump).records == [first, second]


def test_missing_keys_are_all_named_in_one_line():
    dump = release_like()
    items = dump["Numbers%%Get fact"][0]["item_list"]
    del items[1]["query"], items[0]["chains"][2]["final_ans"], items[0]["chains"][1]["action"]
    del items[1]["chains"][0]["action"], items[1]["chains"][1]["finish"]
    with pytest.raises(UserError) as error:
        from_data_dict(dump, source="dump.json")
    at = "/Numbers%%Get fact/0/item_list"
    assert str(error.value) == (
        f"dump.json: missing keys: 'action' (2 times, first at {at}/0/chains/1), 'final_ans' (1 times, first at "
        f"{at}/0/chains/2), 'query' (1 times, first at {at}/1), 'finish' (1 times, first at {at}/1/chains/1)"
    )


@pytest.mark.parametrize(
    "value, said",
    [
        ([], "data_dict: /: Input should be a valid dictionary"),
        ({"a\nb": 5}, "data_dict: /a b: Input should be a valid list"),
        (
            {"a": [{"item_list": [{"query": 5, "chains": []}]}]},
            "/a/0/item_list/0/query: Input should be a valid string",
        ),
        ({"a": [{"item_list": [{"query": "", "chains": [7]}]}]}, "/a/0/item_list/0/chains/0: "),
        ({"a": [{"item_list": [], "x": float("nan")}]}, "not JSON"),
        ({"a": [{"item_list": [], "x": {1, 2}}]}, "not JSON"),
    ],
)
def test_what_is_no_dump_is_one_line(value, said):
    with pytest.raises(UserError) as error:
        from_data_dict(value)
    assert said in str(error.value) and "\n" not in str(error.value) and len(str(error.value)) < 600


@settings(max_examples=150, deadline=None)
@given(foreign)
def test_any_json_is_read_or_refused_in_one_line(value):
    for read in (from_data_dict, from_rows, lambda rows: from_rows(rows, results=False)):
        try:
            found = read(value)
        except UserError as error:
            assert "\n" not in str(error)
        else:
            assert all(json.loads(one.model_dump_json()) == one.model_dump(mode="json") for one in found.records)
            json.dumps(found.aside)


@settings(max_examples=100, deadline=None)
@given(foreign, st.data())
def test_a_dump_damaged_anywhere_is_read_or_refused(junk, data):
    value = release_like()
    rows = to_rows([example(), example(query="?")], TOOLS)
    for target, read in ((value, from_data_dict), (rows, from_rows)):
        node, keys = target, []
        while isinstance(node, dict | list) and node and (not keys or data.draw(st.booleans())):
            keys.append((node, data.draw(st.sampled_from(list(node) if isinstance(node, dict) else range(len(node))))))
            node = node[keys[-1][1]]
        holder, where = keys[-1]
        if data.draw(st.booleans()):
            holder[where] = junk
        else:
            del holder[where]
        try:
            found = read(target)
        except UserError as error:
            assert "\n" not in str(error)
        else:
            for one in found.records:
                assert type(one).model_validate_json(one.model_dump_json()) == one


def test_what_nests_too_deep_is_one_line_or_aside(tmp_path):
    for depth, place in itertools.product((200, 300, 900, 100_000), ('"item_list": [], "x"', '"item_list"')):
        deep = "[" * depth + "]" * depth
        (tmp_path / "deep.json").write_text('{"a": [{' + place + ": " + deep + "}]}")
        try:
            from_data_dict(read_values(tmp_path / "deep.json"))
        except UserError as error:
            assert "\n" not in str(error) and len(str(error)) < 600
        else:
            assert depth < 100_000 and "x" in place
    nested = '{"a":' * 400 + "1" + "}" * 400
    row = to_rows([example()], TOOLS)[0] | {"action_input": nested}
    assert from_rows([row]).records == [] and list(from_rows([row]).aside) == ["/0"]


# --- training rows ----------------------------------------------------------------------------------------------------


def example(tool="add", number=0, paraphrase=0, query="1 and 2?", call=None, observation="3", answer="It is 3."):
    call = Call(tool=tool, arguments={"a": 1, "b": 2} if call is None else call)
    return Example(
        tool=tool, episode=0, trial=number, paraphrase=paraphrase, query=query, call=call, observation=observation,
        answer=answer,
    )  # fmt: skip


def test_a_training_row_has_the_keys_of_the_release():
    assert to_rows([example(call={"a": {"b": "é"}})], TOOLS) == [
        {
            "query": "1 and 2?",
            "API_name_list": ["add"],
            "api_descriptions": f"API_name: add\nDescription: {TOOLS['add'].documentation()}",
            "action": "add",
            "action_input": '{"a": {"b": "é"}}',
            "observation": "3",
            "final_ans": "It is 3.",
        }
    ]
    with pytest.raises(UserError, match="tool 'other'"):
        to_rows([example("other")], TOOLS)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(list(TOOLS)), plain, arguments, plain, plain), max_size=6))
def test_training_rows_come_back_but_for_their_numbers(drawn):
    examples = [
        example(tool, query=query, call=given_arguments, observation=told, answer=answer)
        for tool, query, given_arguments, told, answer in drawn
    ]
    found = from_rows(json.loads(json.dumps(to_rows(examples, TOOLS))))
    numbers = {"trial": 0, "paraphrase": 0}
    assert [one.model_copy(update=numbers) for one in found.records] == examples and found.aside == {}
    keys = [(one.tool, one.trial, one.paraphrase) for one in found.records]
    assert len(set(keys)) == len(keys)
    assert to_rows(found.records, TOOLS) == to_rows(examples, TOOLS)


def test_rewordings_of_one_query_share_their_trial():
    rows = to_rows(
        [
            example(),
            example("now", call={}),
            example(call={"a": 5}),
            example(query="Sum of 1, 2?"),
            example(answer="3"),
        ],
        TOOLS,
    )
    found = [(one.tool, one.trial, one.paraphrase) for one in from_rows(rows).records]
    assert found == [("add", 0, 0), ("now", 0, 0), ("add", 1, 0), ("add", 0, 1), ("add", 2, 0)]
    batches = from_rows({"batch_0": rows[:2], "batch_1": rows[2:]})
    assert batches.records == from_rows(rows).records


def test_a_row_that_cannot_be_read_is_kept_aside_or_named():
    good, bad = to_rows([example(), example()], TOOLS)
    bad |= {"action_input": "{a: 1}", "note": "by hand"}
    found = from_rows([good | {"score": 3}, bad])
    assert len(found.records) == 1 and found.aside == {"/0/score": 3, "/1": bad}
    del good["final_ans"], bad["observation"]
    with pytest.raises(UserError) as error:
        from_rows([good, bad], source="rows.json")
    assert str(error.value) == (
        "rows.json: missing keys: 'final_ans' (1 times, first at /0), 'observation' (1 times, first at /1)"
    )
    assert from_rows([good], results=False).records == [example(answer="")]


@pytest.mark.release
def test_the_releases_test_items_read_as_rows_and_come_back(release_dir):
    value = read_values(release_dir / "llama-recipes" / "ft_datasets" / "tool_test.json")
    found = from_rows(value, results=False)
    rows = [row for own in value.values() for row in own]
    assert len(found.records) + len([place for place in found.aside if place.count("/") == 2]) == len(rows) == 750
    assert len(found.records) >= 749 and len(found.tools) == 50
    read = [
        row for api, own in value.items() for number, row in enumerate(own) if f"/{api}/{number}" not in found.aside
    ]
    again = to_rows(found.records, found.tools)
    for row, back in zip(read, again, strict=True):
        assert {key: back[key] for key in ("query", "action", "API_name_list")} == {
            key: row[key] for key in ("query", "action", "API_name_list")
        }
        assert row["api_descriptions"].split("Description: ", 1)[1].rstrip(".") in back["api_descriptions"]
        assert json.loads(back["action_input"]) == json.loads(row["action_input"])


# --- chat rows --------------------------------------------------------------------------------------------------------

TEMPLATE = """{% for tool in tools or [] %}{{ "<tool>" ~ (tool | tojson) ~ "</tool>" }}{% endfor %}
{% for message in messages %}{{ "<" ~ message.role ~ ">" ~ message.content }}
{%- for one in message.tool_calls or [] %}
{{- {"name": one.function.name, "arguments": one.function.arguments} | tojson }}
{%- endfor %}{{ "</" ~ message.role ~ ">" }}{% endfor %}"""

VARIED = [
    example(),
    example("now", call={}, observation="12:00", answer="Noon."),
    example("Global Email V4%%send", call={"place": {"city": "Sé", "zip": [1, "a", None]}}, observation="{}"),
    example(call={"a": "one", "b": 2.5}, observation="", answer=""),
]


def test_a_chat_row_is_a_conversation_with_a_tool_call():
    (row,) = chat_rows([example()], TOOLS)
    assert row == {
        "messages": [
            {"role": "user", "content": "1 and 2?"},
            {
                "role": "assistant",
                "content": "",
                "tool_calls": [
                    {"id": "call_0", "type": "function", "function": {"name": "add", "arguments": {"a": 1, "b": 2}}}
                ],
            },
            {"role": "tool", "tool_call_id": "call_0", "name": "add", "content": "3"},
            {"role": "assistant", "content": "It is 3."},
        ],
        "tools": [
            {
                "type": "function",
                "function": {
                    "name": "add",
                    "description": "Sum of two numbers.",
                    "parameters": TOOLS["add"].parameters,
                },
            }
        ],
    }
    assert [len(one["messages"]) for one in chat_rows(VARIED, TOOLS)] == [4, 4, 4, 2]  # no answer: it ends at the call
    listed = chat_rows(VARIED, TOOLS, listed="all")
    assert all([one["function"]["name"] for one in row["tools"]] == list(TOOLS) for row in listed)
    with pytest.raises(UserError, match="tool 'other'"):
        chat_rows([example("other")], TOOLS)


def test_chat_rows_fit_the_openai_clients_own_types():
    from openai.types.chat import ChatCompletionMessageParam, ChatCompletionToolParam
    from pydantic import TypeAdapter

    rows = chat_rows(VARIED, TOOLS, arguments="text")
    for row in rows:
        TypeAdapter(list[ChatCompletionMessageParam]).validate_python(row["messages"])
        TypeAdapter(list[ChatCompletionToolParam]).validate_python(row["tools"])
        written = row["messages"][1]["tool_calls"][0]["function"]["arguments"]
        assert isinstance(json.loads(written), dict)


def test_a_chat_template_of_transformers_takes_chat_rows():
    from transformers.utils.chat_template_utils import render_jinja_template

    for row, one in zip(chat_rows(VARIED, TOOLS), VARIED, strict=True):
        rendered, _ = render_jinja_template([row["messages"]], tools=row["tools"], chat_template=TEMPLATE)
        call = json.loads(rendered[0].split("<assistant>")[1].split("</assistant>")[0])
        assert call == {"name": one.tool, "arguments": one.call.arguments}
        assert json.loads(rendered[0].split("<tool>")[1].split("</tool>")[0]) == row["tools"][0]
        end = f"<tool>{one.observation}</tool><assistant>{one.answer}</assistant>" if one.answer else "</assistant>"
        assert f"<user>{one.query}</user>" in rendered[0] and rendered[0].endswith(end)


def shape(value):
    """The schema Arrow would infer of a value: keys and types; a list has that of its elements, all alike."""
    if isinstance(value, dict):
        return {name: shape(one) for name, one in value.items()}
    if isinstance(value, list):
        shapes = [shape(one) for one in value]
        assert all(one == shapes[0] for one in shapes)
        return shapes[:1]
    return type(value).__name__


def test_as_text_every_row_has_one_schema():
    rows = chat_rows(VARIED, TOOLS, arguments="text", schemas="text")
    for position, role in enumerate(("user", "assistant", "tool", "assistant")):
        shapes = [shape(row["messages"][position]) for row in rows if len(row["messages"]) > position]
        assert all(one == shapes[0] for one in shapes) and rows[0]["messages"][position]["role"] == role
    assert {type(row["tools"]) for row in rows} == {str}
    assert [json.loads(row["tools"]) for row in rows] == [row["tools"] for row in chat_rows(VARIED, TOOLS)]


@pytest.mark.parametrize("forms", [{}, {"arguments": "text", "schemas": "text"}, {"listed": "all"}])
def test_datasets_loads_chat_rows_unchanged(tmp_path, forms):
    datasets = pytest.importorskip("datasets")
    rows = chat_rows(VARIED, TOOLS, **forms)
    formats.write_rows(tmp_path / "chat.jsonl", rows)
    loaded = datasets.load_dataset(
        "json", data_files=str(tmp_path / "chat.jsonl"), split="train", cache_dir=str(tmp_path / "cache")
    )
    assert [without_none(row) for row in loaded] == [without_none(row) for row in rows]


def without_none(value):
    """What TRL makes of a row before a template sees it: keys that hold nothing are gone."""
    if isinstance(value, dict):
        return {name: without_none(one) for name, one in value.items() if one is not None}
    return [without_none(one) for one in value] if isinstance(value, list) else value


# --- files ------------------------------------------------------------------------------------------------------------


def test_rows_and_dumps_are_written_and_read(tmp_path):
    rows = to_rows(VARIED, TOOLS)
    formats.write_rows(tmp_path / "sub" / "rows.jsonl", rows)
    formats.write_json(tmp_path / "rows.json", rows)
    assert read_values(tmp_path / "sub" / "rows.jsonl") == read_values(tmp_path / "rows.json") == rows
    assert (tmp_path / "sub" / "rows.jsonl").read_bytes().count(b"\n") == len(rows)
    assert pd.read_json(tmp_path / "sub" / "rows.jsonl", lines=True)["action"].tolist() == [one.tool for one in VARIED]
    odd = to_rows([example(query="one\u2028line\r\x85?")], TOOLS)  # line ends that are none in JSON Lines
    formats.write_rows(tmp_path / "odd.jsonl", odd)
    assert read_values(tmp_path / "odd.jsonl") == odd


@pytest.mark.parametrize(
    "name, data, said",
    [
        ("none.json", None, "cannot be read: No such file"),
        ("a.json", b"", "a.json: not JSON"),
        ("a.json", b"{'a': 1}", "a.json: not JSON"),
        ("a.json", b"\xff\xfe\x00", "a.json: not JSON"),
        ("a.json", b"[" * 200_000, "a.json: not JSON"),
        ("a.json", b"1" * 5000, "a.json: not JSON"),
        ("a.jsonl", b'{"a": 1}\n\n{"a": ', "a.jsonl:3: not JSON"),
    ],
)
def test_a_file_that_is_not_json_is_one_line(tmp_path, name, data, said):
    if data is not None:
        (tmp_path / name).write_bytes(data)
    with pytest.raises(UserError) as error:
        read_values(tmp_path / name)
    assert said in str(error.value) and "\n" not in str(error.value)
