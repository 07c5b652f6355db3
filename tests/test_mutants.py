"""Replies that no server should send: mutants of good ones, through the served model and a whole exploration.

Fields are missing, of another type, doubled, huge or nested; bytes are cut, doubled or changed; statuses and envelopes
change. Nothing but a `UserError` is raised, nothing is said that no reply holds, no trial is lost or made up, and a
budget is exceeded by one reply at most. `--mutants 20000` tries all of them; 300 by default, the same each time.
"""

import asyncio
import copy
import json
import random

import pytest
from support import WORDS_OF_THINKING, ChatServer

from ste_core.core.config import load
from ste_core.core.errors import UserError
from ste_core.models.base import Budget, BudgetSpent, gather
from ste_core.models.openai import OpenAIChat
from ste_core.pipeline.explore_run import explore, read_trials
from ste_core.tools.functions import FunctionToolbox

CALL = 'Thought: easy\nAction: double\nAction Input: {"number": 7}'
ODD = (
    None,
    True,
    -1,
    7,
    100_000,
    2**63,
    1e300,
    "",
    "x",
    "\ud800",
    [],
    {},
    [None],
    [[]],
    {"a": {"a": []}},
    ["x"],
    {"x": 1},
)


def good(said: str) -> list[dict]:
    """Good replies of several servers that say the same."""
    thought = WORDS_OF_THINKING
    messages = [
        {"role": "assistant", "content": said},
        {"role": "assistant", "content": f"<think>{thought}</think>\n\n{said}"},
        {"role": "assistant", "content": said, "reasoning_content": thought, "tool_calls": None, "refusal": None},
        {"role": "assistant", "content": [{"type": "thinking", "thinking": [{"type": "text", "text": thought}]},
                                          {"type": "text", "text": said}]},
        {"role": "assistant", "content": None, "reasoning": thought, "tool_calls": [
            {"id": "a", "type": "function", "function": {"name": "double", "arguments": '{"number": 7}'}}]},
    ]  # fmt: skip
    return [
        {"id": "x", "choices": [{"index": 0, "message": message, "finish_reason": "stop", "logprobs": None}],
         "usage": {"prompt_tokens": 50, "completion_tokens": 12, "total_tokens": 62}}
        for message in messages
    ]  # fmt: skip


def places(value, path=()):
    """Every place in a JSON value, by its path."""
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, one in inside:
        yield (*path, key)
        yield from places(one, (*path, key))


def mutate(value: dict, rng: random.Random) -> tuple[int, bytes]:
    """A status and a body that is no longer what it was."""
    value, status = copy.deepcopy(value), 200
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        *where, key = rng.choice(list(places(value)) or [("choices",)])
        holder = value
        for one in where:
            holder = holder[one]
        kind, large = rng.randrange(8), len(json.dumps(value)) > 20_000  # twice as much of it would fill the memory
        if kind == 0 and key in (holder if isinstance(holder, dict) else range(len(holder))):
            del holder[key]
        elif kind in (1, 2):
            holder[key] = copy.deepcopy(rng.choice(ODD))
        elif kind == 3:
            holder[key] = [copy.deepcopy(holder[key])] * (2 if large else rng.choice((1, 2, 500)))
        elif kind == 4 and isinstance(holder[key], str):
            holder[key] *= 2 if large else rng.choice((2, 2_000))
        elif kind == 5:
            for _ in range(rng.choice((3, 60))):
                holder[key] = {rng.choice(("content", "text", "message", "error")): holder[key]}
        elif kind == 6:
            value["error"] = rng.choice(("failed", {"message": "failed", "code": rng.choice((400, 429, 500, "x"))}, {}))
        elif kind == 7 and isinstance(holder, dict):
            holder["finish_reason"] = rng.choice(("length", "error", "content_filter", "odd", 7, None))
        if not isinstance(value, dict) or not value:
            break
    body = json.dumps(value).encode()
    kind = rng.randrange(12)
    if kind == 0:
        body = body[: rng.randrange(len(body))]
    elif kind == 1:
        body = body + body
    elif kind == 2:
        at = rng.randrange(len(body))
        body = body[:at] + bytes(rng.randrange(256) for _ in range(rng.randrange(1, 9))) + body[at + 3 :]
    elif kind == 3:
        none = (b"", b"null", b"[" * 100_000, b"<html>no</html>", b"data: {}\n\n", b'{"detail": "no"}', b"\xff")
        body = rng.choice(none)
    elif kind == 4:
        status = rng.choice((400, 401, 404, 413, 422, 429, 500, 503))
    return status, body


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.setattr("ste_core.models.openai.random.uniform", lambda low, high: 0.0)


def test_mutants_are_answers_or_one_line(request, capsys):
    """Whatever comes, there is a completion or a `UserError`; nothing is said that the reply does not hold, and nothing
    of the thinking is said."""
    count = request.config.getoption("--mutants")
    answers = failures = 0

    def mutant(number):
        rng = random.Random(f"20 {number}")
        return mutate(rng.choice(good(f"{CALL} {number}")), rng)

    with ChatServer(lambda asked: mutant(int(asked["messages"][0]["content"]))) as server:

        def model():
            return OpenAIChat("m", base_url=server.url, retries=0, concurrency=8, timeout=20)

        asking = model()

        async def one(number):
            nonlocal answers, failures, asking
            try:
                done = await asking.complete([{"role": "user", "content": str(number)}], max_tokens=64, stop=["Obs:"])
            except UserError as error:
                failures += 1
                assert "\n" not in str(error) and len(str(error)) < 900
                return
            answers += 1
            (choice,) = done.choices
            assert len(choice.text) <= 64 * 32 and WORDS_OF_THINKING not in choice.text
            body = mutant(number)[1].decode("utf-8", "replace")
            said = json.dumps(choice.text)[1:-1]  # perhaps put together from parts
            assert said[:19] in body or said[-19:] in body or (said[:1] in body and said[1:20] in body)
            assert all(json.dumps(call.name)[1:-1][:40] in body for call in choice.tool_calls)  # long ones are cut
            assert 0 <= done.prompt_tokens <= 4_000_000 and 0 <= done.completion_tokens <= 4_000_000

        async def batch(start):
            nonlocal asking
            asking = model()
            server.sent.clear()
            await gather([one(number) for number in range(start, min(start + 200, count))])

        for start in range(0, count, 200):  # a model that has learnt of no refusal, and whose connections end
            asyncio.run(batch(start))
    assert answers + failures == count and answers > count / 4 and failures > count / 10
    capsys.readouterr()


@pytest.mark.parametrize("limit", [{"tokens": 60_000}, {"money": 1.5}, {"requests": 40}], ids=str)
def test_a_budget_is_exceeded_by_one_reply_at_most(limit):
    """Counts are mutated most of all here: some replies claim 100,000 tokens."""
    rng = random.Random(21)

    def answer(asked):
        value = rng.choice(good(CALL))
        value["usage"][rng.choice(list(value["usage"]))] = rng.choice((12, 12, 12, 500, 100_000, 2**40, None, "9"))
        return mutate(value, rng) if rng.random() < 0.5 else (200, json.dumps(value).encode())

    for _ in range(2):
        budget = Budget(**limit)
        with ChatServer(answer) as server:
            model = OpenAIChat(
                "m", base_url=server.url, retries=1, concurrency=8, budget=budget, prices=(1.0, 20.0), timeout=20
            )

            async def one(number, model=model):
                try:
                    await model.complete([{"role": "user", "content": f"{number}"}], max_tokens=64)
                except BudgetSpent:
                    raise
                except UserError:
                    pass

            with pytest.raises(BudgetSpent):
                asyncio.run(gather_all(one, 300))
        one_reply = 101_000
        assert budget.tokens is None or budget.used_tokens <= budget.tokens + one_reply
        assert budget.money is None or budget.cost <= budget.money + one_reply * 20 / 1e6
        assert budget.requests is None or budget.used_requests <= budget.requests


async def gather_all(one, count):
    return await gather([one(number) for number in range(count)])


def test_an_exploration_among_mutants_keeps_every_trial(tmp_path, monkeypatch, capsys):
    """Half of all replies are mutants: each trial is there once, none more, its calls and answers the model's."""
    rng = random.Random(22)

    def double(number: int) -> int:
        """Twice a number."""
        return 2 * number

    def answer(asked):
        last = asked["messages"][-1]["content"]
        said = f"What is twice {rng.randrange(10**6)}?"
        if last.startswith("Observation:"):
            said = "Final Answer: it is 14."
        elif "Action Input:" in last:
            said = CALL
        elif "Yes or No" in last:
            said = "Yes"
        value = good(said)[rng.randrange(4 if said != CALL else 5)]
        return mutate(value, rng) if rng.random() < 0.5 else (200, json.dumps(value).encode())

    monkeypatch.setenv("STE_RESULTS", str(tmp_path / "results"))
    with ChatServer(answer) as server:
        path = tmp_path / "mutants.yaml"
        content = {
            "name": "mutants", "world": {"functions": "json"},
            "exploration": {"model": "m", "episodes": 5, "trials": 4},
            "models": {"m": {"kind": "openai", "model": "m", "base_url": server.url, "prompts": "small"}},
        }  # fmt: skip
        path.write_text(json.dumps(content), encoding="utf-8")
        at = load(path)
        for _ in range(40):  # it may stop in one line, where six replies in a row were of no use, and then goes on
            try:
                explore(at, toolbox=FunctionToolbox([double]))
                break
            except UserError as error:
                assert "\n" not in str(error)
    trials = read_trials(at, "full", 0)
    assert [(one.episode, one.trial) for one in trials] == [divmod(number, 4) for number in range(20)]
    for trial in trials:
        assert WORDS_OF_THINKING not in trial.model_dump_json()
        assert all(step.call is None or step.call.arguments.keys() <= {"number"} for step in trial.steps)
        assert not trial.query or trial.query.startswith("What is twice")
    assert sum(bool(trial.answer) for trial in trials) > 5
    capsys.readouterr()
