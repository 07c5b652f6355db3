"""Models in this process: the same text in any company, sampling, stop strings, scores, adapters, errors."""

import asyncio
import itertools
import math
import os
import re
import shutil
import subprocess
import sys
import threading
import time
from collections import Counter

import pytest
from support import ROOT
from tiny import conversation, make_model

from ste_core.core.errors import UserError
from ste_core.models.base import Budget, BudgetSpent, gather
from ste_core.models.local import LocalChat

torch = pytest.importorskip("torch")

from ste_core.models import decoding, prefix_cache, sampling  # noqa: E402 (need torch)

KINDS = ("lfm2", "llama", "mistral")


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    return {kind: make_model(tmp_path_factory.mktemp(kind), kind) for kind in KINDS}


@pytest.fixture
def model(models):
    return LocalChat.load(models["lfm2"], batch_size=64)


def ask(model, numbers, *, callers=1_000, **options):
    """The completions of conversations, at most `callers` at a time."""

    async def all_of_them():
        slots = asyncio.Semaphore(callers)

        async def one(number):
            async with slots:
                return await model.complete(conversation(number), **options)

        return await gather([one(number) for number in numbers])

    return asyncio.run(all_of_them())


def texts(completions):
    return [completion.text for completion in completions]


def plain_row(prompt):
    return decoding.AnswerRow(prompt, sampling.Sampling(0.0), (0, 0))


def read(decoder, prompts):
    return decoder.read([plain_row(prompt) for prompt in prompts], 8_192)


# --- the same text in any company ---


def test_500_sampled_texts_are_the_same_at_batch_1_and_64_and_at_1_and_8_callers(models):
    options = {"temperature": 1.0, "max_tokens": 20, "seed": 3, "stop": ["tool"]}
    alone = ask(LocalChat.load(models["lfm2"], batch_size=1), range(500), callers=1, **options)
    batch = ask(LocalChat.load(models["lfm2"], batch_size=64), range(500), **options)
    eight = ask(LocalChat.load(models["lfm2"], batch_size=64), range(500), callers=8, **options)
    assert texts(alone) == texts(batch) == texts(eight)
    assert len(set(texts(alone))) > 450
    assert Counter(one.finish_reason for one in alone).keys() == {"stop", "length"}
    for one, other in zip(alone, batch, strict=True):
        assert one.choices[0].logprobs == pytest.approx(other.choices[0].logprobs, abs=1e-4)


def test_rounding_does_not_reach_the_text(models, monkeypatch):
    """Batches are made to round 50 times worse than they do; without the settling of ties, texts change."""
    forward = decoding.Decoder._forward

    def rough(self, ids, mask=None, cache=None, keep=1):
        logits = forward(self, ids, mask, cache, keep)
        if cache is not None:  # another error at each size of batch and cache
            logits = logits + 4e-4 * torch.sin(1e4 * logits + 1e3 * ids.shape[0] + mask.shape[1])
        return logits

    monkeypatch.setattr(decoding.Decoder, "_forward", rough)

    def differing(requests):
        few, many = (
            texts(ask(LocalChat.load(models["llama"], batch_size=size), range(requests), max_tokens=30, seed=1))
            for size in (4, 64)
        )
        return sum(one != other for one, other in zip(few, many, strict=True))

    assert differing(300) == 0
    monkeypatch.setattr(decoding, "TIE", 0.0)
    monkeypatch.setattr(sampling, "TIE", 0.0)
    assert differing(300) > 0


@pytest.mark.parametrize("kind", KINDS)
def test_left_padding_equals_no_padding(models, kind):
    decoder = LocalChat.load(models[kind])._worker._decoder
    prompts = [list(range(10, 10 + length)) for length in (3, 90, 41, 1, 17)]
    with torch.inference_mode():
        together = read(decoder, prompts)
        prompts = [row.prompt for row in together.rows]
        singles = [read(decoder, [prompt]) for prompt in prompts]
        for token in range(60, 100):
            for number, single in enumerate(singles):
                assert torch.allclose(together.logits[number], single.logits[0], atol=1e-3)
            for batch in (together, *singles):
                for row in batch.rows:
                    row.tokens.append(token)
                decoder.advance(batch)


def made_up_prompts():
    """Prompts that share beginnings: nearly all of them 40 tokens, some more, two of them all but the last."""
    head = [7 + at * 31 % 90 for at in range(40)]
    tools = [[11 + (at * 7 + tool) % 80 for at in range(50 + 9 * tool)] for tool in range(3)]
    prompts = [head + tools[tool] + [13 + tool + number] * (3 + number) for tool in range(3) for number in range(3)]
    return [*prompts, head, head + tools[1], [*prompts[4][:-1], 99], list(range(20, 120)), prompts[0]]


@pytest.mark.parametrize("kind", ["lfm2", "llama"])
def test_what_prompts_share_is_read_once_and_equals_reading_it_all(models, kind, monkeypatch):
    seen = []
    forward = decoding.Decoder._forward

    def counting(self, ids, *args, **kwargs):
        seen.append(ids.shape[0] * ids.shape[1])
        return forward(self, ids, *args, **kwargs)

    def texts_read(decoder, prompts):
        seen.clear()
        batch = read(decoder, prompts)
        return batch, sum(seen)

    monkeypatch.setattr(decoding.Decoder, "_forward", counting)
    first = made_up_prompts()
    longer = [one + [11 + (at * 7 + number) % 80 for at in range(2 + 20 * number)] for number, one in enumerate(first)]
    decoder, plain = (LocalChat.load(models[kind])._worker._decoder for _ in range(2))
    plain._cache = None
    with torch.inference_mode():
        for prompts, most in ((first, 0.5), (longer, 0.85), (first, 0.15)):
            shared, tokens = texts_read(decoder, prompts)
            whole, all_tokens = texts_read(plain, prompts)
            assert tokens < most * sum(map(len, prompts)) and all_tokens >= sum(map(len, prompts))
            order = [whole.rows.index(row) for row in sorted(whole.rows, key=lambda row: row.prompt)]
            other = [shared.rows.index(row) for row in sorted(shared.rows, key=lambda row: row.prompt)]
            for token in range(60, 70):
                assert torch.allclose(shared.logits[other], whole.logits[order], atol=1e-4)
                for batch in (shared, whole):
                    for row in batch.rows:
                        row.tokens.append(token)
                    batch_decoder = decoder if batch is shared else plain
                    batch_decoder.advance(batch)


def test_the_prefix_cache_stays_in_its_bounds():
    tree = prefix_cache.PrefixCache(kept=40_000)
    for number in range(200):
        prompt = [number % 3, number % 7, *range(number % 40), 500 + number]
        known = tree.match(prompt)
        states = torch.arange(known.length, len(prompt), dtype=torch.float32)[None, None, :, None].expand(1, 2, -1, 4)
        tree.insert(prompt, known, [(states.contiguous(), states.contiguous())])
        again = tree.match(prompt)
        assert again.length == len(prompt)
        target = torch.zeros(1, 2, len(prompt), 4)
        again.copy(0, 1, 0, target)
        assert (target[0, 0, :, 0] == torch.arange(len(prompt))).all(), "cut and evicted parts still make the whole"
        assert tree._bytes == sum(node.nbytes for node in tree._nodes()) <= 40_000


def test_conversations_that_go_on_have_the_same_text_whatever_is_kept(models, monkeypatch):
    """Eight conversations of six turns, imagined beside each other; some requests are asked beside the conversation."""
    forward = decoding.Decoder._forward

    def talk(kind, kept):
        model, read = LocalChat.load(models[kind]), []
        model._worker._decoder._cache._kept = kept

        def counting(self, ids, *args, **kwargs):
            read.append(ids.shape[0] * ids.shape[1])
            return forward(self, ids, *args, **kwargs)

        monkeypatch.setattr(decoding.Decoder, "_forward", counting)

        async def one(number):
            messages, said = list(conversation(number)), []
            messages[0] = {"role": messages[0]["role"], "content": messages[0]["content"] + " and more of it" * 20}
            for turn in range(6):
                aside = [*messages, {"role": "user", "content": f"aside {turn}"}]
                said += texts([await model.complete(aside, max_tokens=8, seed=number)])
                messages.append({"role": "user", "content": f"turn {turn} of {number}"})
                said += texts([await model.complete(messages, max_tokens=12, seed=number)])
                messages.append({"role": "assistant", "content": said[-1]})
            return said

        async def all_of_them():
            return await gather([one(number) for number in range(8)])

        return asyncio.run(all_of_them()), sum(read)

    for kind in ("lfm2", "llama"):
        none, little, plenty = talk(kind, 0), talk(kind, 2**20), talk(kind, 2**29)
        assert none[1] > plenty[1] * 1.5 and none[1] >= little[1] >= plenty[1]
        assert none[0] == plenty[0] == little[0]


@pytest.mark.parametrize("kind", KINDS)
def test_rows_that_come_and_go_keep_their_text(models, kind):
    """Requests of many lengths arrive one by one while others are under way."""
    model = LocalChat.load(models[kind], batch_size=5, batch_tokens=200)

    async def staggered():
        async def one(number):
            await asyncio.sleep(0.01 * number)
            return await model.complete(conversation(number), max_tokens=5 + number * 11 % 50, seed=number)

        return await gather([one(number) for number in range(30)])

    async def in_turn():
        return [
            await model.complete(conversation(number), max_tokens=5 + number * 11 % 50, seed=number)
            for number in range(30)
        ]

    assert texts(asyncio.run(staggered())) == texts(asyncio.run(in_turn()))


def test_tokens_are_written_in_place_and_rows_take_free_places(models):
    decoder = LocalChat.load(models["lfm2"])._worker._decoder

    def rows(*lengths):
        return [plain_row(list(range(10, 10 + length))) for length in lengths]

    def step(batch, token=60):
        for row in batch.here:
            row.tokens.append(token)
        decoder.advance(batch)
        return next(layer.keys for layer in batch.cache.layers if isinstance(layer, decoding.Roomy)).data_ptr()

    with torch.inference_mode():
        batch = decoder.read(rows(30, 41, 17, 41, 25), 8_192)
        assert len({step(batch) for _ in range(decoding.ROOM)}) == 1
        place = step(batch)
        batch.keep([0, 1, 3, 4])
        assert batch.rows[2] is None and step(batch) == place
        (late,) = rows(20)
        batch.join(decoder.read([late], 8_192))
        assert batch.rows[2] is late and len(batch.rows) == 5 and step(batch) == place
        assert torch.allclose(
            batch.logits[2], decoder._forward(torch.tensor([late.prompt + late.tokens]))[0, -1], atol=1e-3
        )
        batch.join(decoder.read(rows(300, 3), 8_192))  # wider than the batch
        batch.keep([0, 2, 5, 6])  # and so few that the gaps are closed
        step(batch)
        assert sorted(len(row.prompt) for row in batch.rows) == [3, 20, 30, 300]
        for number, row in enumerate(batch.rows):
            alone = decoder._forward(torch.tensor([row.prompt + row.tokens]))[0, -1]
            assert torch.allclose(batch.logits[number], alone, atol=1e-3)


@pytest.mark.parametrize("kind", KINDS)
def test_greedy_is_what_transformers_generates(models, kind):
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(models[kind])
    reference = AutoModelForCausalLM.from_pretrained(models[kind])
    mine = ask(LocalChat.load(models[kind]), range(10), temperature=0.0, max_tokens=30)
    for number, one in enumerate(mine):
        prompt = tokenizer.apply_chat_template(conversation(number), add_generation_prompt=True, return_tensors="pt")
        spare = list(range(len(tokenizer), reference.config.vocab_size))  # no tokens of the tokenizer's
        out = reference.generate(**prompt, max_new_tokens=30, do_sample=False, suppress_tokens=spare)
        assert one.text == tokenizer.decode([token for token in out[0, prompt["input_ids"].shape[1] :] if token > 2])


# --- the same company in every run ---


def test_what_is_asked_at_once_begins_in_one_batch_however_long_it_takes_to_prepare(models, monkeypatch):
    """In half precision a text depends on its batch: it must not depend on when the thread looked."""
    model, first = LocalChat.load(models["llama"], batch_size=64), []
    ids, read = model._ids, decoding.Decoder.read

    def slowly(text):
        time.sleep(0.01)
        return ids(text)

    def seen(self, rows, most):
        first.append(len(rows))
        return read(self, rows, most)

    monkeypatch.setattr(model, "_ids", slowly)
    monkeypatch.setattr(decoding.Decoder, "read", seen)
    for _ in range(2):  # the second time the thread has rested
        first.clear()
        ask(model, range(20), max_tokens=3, temperature=0.0)
        assert first[0] == 20


# --- speed: what made real models slow, each seen to be gone ---


def test_the_logits_of_several_rows_are_computed_from_one_piece(models):
    """A view with gaps is multiplied row by row: 82 s instead of 0.07 for 37 rows of 152,000 tokens in bfloat16."""
    model, seen = LocalChat.load(models["llama"], batch_size=8), []
    model._worker._decoder.model.get_output_embeddings().register_forward_hook(
        lambda module, given, made: seen.append((given[0].shape[0], given[0].is_contiguous()))
    )
    decoding.Decoder(model._worker._decoder.model, 100)  # a second one adds no second hook
    assert len(model._worker._decoder.model.get_output_embeddings()._forward_pre_hooks) == 1
    ask(model, range(6), max_tokens=3)
    assert {contiguous for _, contiguous in seen} == {True} and max(rows for rows, _ in seen) > 1


def test_heads_share_keys_and_values_during_a_forward_pass_only(models, monkeypatch):
    from transformers.integrations import sdpa_attention

    model, copied = LocalChat.load(models["llama"], batch_size=8), []
    repeat = sdpa_attention.repeat_kv
    monkeypatch.setattr(sdpa_attention, "repeat_kv", lambda *given: copied.append(1) or repeat(*given))
    before = texts(ask(model, range(6), max_tokens=9, seed=1))
    assert not copied and decoding._GROUPED not in os.environ
    monkeypatch.setenv(decoding._GROUPED, "0")
    with pytest.raises(IndexError):
        model._worker._decoder._forward(torch.tensor([[10**6]]))  # no such token
    assert os.environ[decoding._GROUPED] == "0"
    monkeypatch.setattr(decoding, "_GROUPED", "OTHER")
    assert texts(ask(LocalChat.load(models["llama"], batch_size=8), range(6), max_tokens=9, seed=1)) == before
    assert copied


def test_rows_join_when_several_can(models, monkeypatch):
    """As rows end one by one, others wait until there is room for some: reading one takes hardly less than eight."""
    model, read = LocalChat.load(models["llama"], batch_size=16), []
    whole = decoding.Decoder.read
    monkeypatch.setattr(
        decoding.Decoder, "read", lambda self, rows, tokens: read.append(len(rows)) or whole(self, rows, tokens)
    )

    async def all_of_them():
        return await gather([model.complete(conversation(one), max_tokens=5 + one, seed=one) for one in range(48)])

    assert len(asyncio.run(all_of_them())) == 48
    assert sum(read) == 48 and len(read) <= 20, read  # but for the first, each has at least an eighth of the batch


# --- sampling ---


def test_samples_follow_the_softmax_at_their_temperature(model):
    (first,) = ask(model, [1], temperature=0.5, max_tokens=1, seed=0, n=4_000)
    counts = Counter(choice.text for choice in first.choices)
    # log-probabilities are told at temperature 1: p(0.5) is proportional to p^2
    told = {choice.text: math.exp(choice.logprobs[0]) for choice in first.choices if choice.logprobs}
    decoder = model._worker._decoder
    prompt = model._ids(model._render(conversation(1)))
    with torch.inference_mode():
        whole = decoder._forward(torch.tensor([prompt]))[0, -1].softmax(-1).pow(2).sum().item()
    for text, p in told.items():
        expected = p * p / whole * 4_000
        if expected > 20 and text and "\ufffd" not in text:  # no text, or bytes of one: several tokens
            assert abs(counts[text] - expected) < 5 * math.sqrt(expected), text


def test_seeds_prompts_and_choices_are_independent_and_repeatable(model):
    (three,) = ask(model, [1], seed=7, max_tokens=15, n=3)
    (one,) = ask(model, [1], seed=7, max_tokens=15)
    assert three.choices[0].text == one.text and len({choice.text for choice in three.choices}) == 3
    assert three.prompt_tokens == one.prompt_tokens
    assert three.completion_tokens == sum(len(choice.logprobs) for choice in three.choices)
    assert ask(model, [1], seed=8, max_tokens=15)[0].text != one.text
    assert ask(model, [1], seed=-1, max_tokens=15)[0].text != one.text
    fresh = ask(model, [1, 1], max_tokens=15)
    assert fresh[0].text != fresh[1].text
    many = ask(model, range(200), seed=7, max_tokens=1, temperature=50.0)  # nearly uniform: noise decides
    assert len(set(texts(many))) > 80


def test_each_request_keeps_its_own_temperature_length_and_stop(model):
    settings = list(itertools.product((0.0, 0.7, 1.5), (1, 9, 30), ((), ("a",), ("tool", "e"))))

    async def one(setting):
        temperature, length, stop = setting
        return await model.complete(conversation(2), temperature=temperature, max_tokens=length, stop=stop, seed=4)

    async def together():
        return await gather([one(setting) for setting in settings])

    mixed = asyncio.run(together())
    assert mixed == [pytest.approx(asyncio.run(one(setting))) for setting in settings] or texts(mixed) == texts(
        asyncio.run(one(setting)) for setting in settings
    )
    for completion, (_, length, stop) in zip(mixed, settings, strict=True):
        assert completion.completion_tokens <= length and not any(word in completion.text for word in stop)


def test_text_ends_before_the_first_stop_string(model):
    options = {"seed": 2, "max_tokens": 60}
    whole = ask(model, range(40), **options)
    for number, one in enumerate(whole):
        if len(one.text) < 12 or "\ufffd" in one.text:
            continue
        stop = [one.text[8:11], one.text[5:9]]  # inside tokens, across tokens; the second comes first
        (cut,) = ask(model, [number], stop=stop, **options)
        assert cut.text == one.text[: min(one.text.find(part) for part in stop)] and cut.finish_reason == "stop"
        assert cut.completion_tokens <= one.completion_tokens


# --- scores ---


FORM = r"(?:Action: (?:add|look_up)\nAction Input: \{\"days\": -?[0-9]{1,3}\}|Final Answer: [a-f]{1,8})"


@pytest.mark.parametrize("kind", KINDS)
def test_an_answer_held_to_a_form_has_it_in_any_company(models, kind):
    options = {"temperature": 1.0, "max_tokens": 120, "seed": 4, "form": FORM}
    alone = texts(ask(LocalChat.load(models[kind], batch_size=1), range(12), **options))
    mixed = LocalChat.load(models[kind], batch_size=32)

    async def together():
        held = [mixed.complete(conversation(number), **options) for number in range(12)]
        free = [mixed.complete(conversation(number), max_tokens=30, seed=1) for number in range(12, 30)]
        return await gather([*held, *free])

    assert texts(asyncio.run(together())[:12]) == alone
    assert all(re.fullmatch(FORM, one) for one in alone) and len(set(alone)) > 6
    assert any(one.startswith("Action") for one in alone) and any(one.startswith("Final") for one in alone)


def test_a_form_only_takes_choices_away(model):
    """What the model would have said anyway it still says, and a held sample is the softmax over what is left."""
    free = ask(model, range(6), temperature=0.0, max_tokens=12)
    held = ask(model, range(6), temperature=0.0, max_tokens=12, form=r"[\s\S]*")
    told = [(one, other) for one, other in zip(texts(free), texts(held), strict=True) if "\ufffd" not in one]
    assert told and all(one == other for one, other in told)
    asked = [{"role": "user", "content": "yes or no?"}]

    async def sampled(form):
        replies = await gather(
            [model.complete(asked, temperature=1.0, max_tokens=8, seed=n, form=form) for n in range(400)]
        )
        return Counter(reply.text for reply in replies)

    counts = asyncio.run(sampled("[ab]"))
    a, b = (math.exp(one) for one in asyncio.run(model.score(asked, ["a", "b"])))
    assert set(counts) == {"a", "b"} and abs(counts["a"] / 400 - a / (a + b)) < 0.1


def test_a_form_that_is_none_is_one_line(model):
    with pytest.raises(UserError, match="form: not a regular expression"):
        ask(model, [1], form="(")


def test_scores_are_the_models_log_probabilities(model):
    asked = ["Yes", "No", "no tool", " the weather in the city"]
    scores = asyncio.run(model.score(conversation(1), asked))
    tokenizer, network = model._tokenizer, model._model
    prompt = model._ids(model._render(conversation(1)))
    for text, score in zip(asked, scores, strict=True):
        added = tokenizer(text, add_special_tokens=False)["input_ids"]
        with torch.inference_mode():
            logits = network(torch.tensor([prompt + added])).logits[0, :, : len(tokenizer)].log_softmax(-1)
        wanted = sum(logits[len(prompt) - 1 + at, token].item() for at, token in enumerate(added))
        assert score == pytest.approx(wanted, abs=1e-4)

    async def mixed():
        work = [model.score(conversation(1), asked) for _ in range(5)]
        return await gather([*work, *(model.complete(conversation(k), max_tokens=5, seed=1) for k in range(5))])

    assert asyncio.run(mixed())[:5] == [scores] * 5


# --- models ---


def test_identity_follows_weights_tokenizer_and_template_not_the_path(models, tmp_path):
    first = LocalChat.load(models["llama"]).identity
    shutil.copytree(models["llama"], tmp_path / "moved")
    assert LocalChat.load(tmp_path / "moved").identity == first == LocalChat.load(models["llama"], name="x").identity
    others = {
        LocalChat.load(make_model(tmp_path / "other", "llama", seed=1)).identity,
        LocalChat.load(models["llama"], chat_template="{{ messages[0].content }}").identity,
        LocalChat.load(models["llama"], dtype="bfloat16").identity,
    }
    assert first not in others and len(others) == 3


def test_adapters(models, tmp_path):
    peft = pytest.importorskip("peft")
    from transformers import AutoModelForCausalLM

    tuned = peft.get_peft_model(
        AutoModelForCausalLM.from_pretrained(models["llama"]),
        peft.LoraConfig(r=4, target_modules=["q_proj", "v_proj"], task_type="CAUSAL_LM"),
    )
    torch.manual_seed(1)
    for name, parameter in tuned.named_parameters():
        if "lora" in name:
            torch.nn.init.normal_(parameter, std=0.3)
    tuned.save_pretrained(tmp_path / "adapter")
    base = LocalChat.load(models["llama"])
    adapted = LocalChat.load(models["llama"], adapter=tmp_path / "adapter")
    assert adapted.name == f"{models['llama'].name}+adapter" and adapted.identity != base.identity
    options = {"seed": 1, "max_tokens": 20}
    assert texts(ask(adapted, range(5), **options)) != texts(ask(base, range(5), **options))
    merged = LocalChat(tuned.merge_and_unload(), base._tokenizer, name="merged")
    assert texts(ask(adapted, range(5), **options)) == texts(ask(merged, range(5), **options))
    with pytest.raises(UserError, match=r"with adapter .*llama\d*: cannot be loaded"):
        LocalChat.load(models["llama"], adapter=models["llama"])


def test_bfloat16_runs(models):
    half = LocalChat.load(models["lfm2"], dtype="bfloat16")
    assert all(one.text for one in ask(half, range(8), seed=1, max_tokens=10))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")
def test_texts_on_a_gpu_do_not_depend_on_the_batch(models):
    options = {"seed": 3, "max_tokens": 20}
    alone = ask(LocalChat.load(models["lfm2"], device="cuda", batch_size=1), range(100), **options)
    assert texts(alone) == texts(ask(LocalChat.load(models["lfm2"], device="cuda"), range(100), **options))


# --- what can go wrong ---


def test_mistakes_are_one_line(models, tmp_path, monkeypatch):
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    model = LocalChat.load(models["lfm2"])
    with pytest.raises(UserError, match=r"\d+ prompt tokens and 2000 to answer exceed its context of 1024$"):
        ask(model, [1], max_tokens=2_000)
    refusing = LocalChat.load(models["lfm2"], chat_template="{{ raise_exception('no system messages') }}")
    with pytest.raises(UserError, match=r"refuses the conversation: no system messages$"):
        ask(refusing, [1])
    for missing in (tmp_path / "nowhere", f"{tmp_path}/nowhere", "tests/nowhere"):
        with pytest.raises(UserError, match=r"nowhere: cannot be loaded: no such folder$"):
            LocalChat.load(missing)
    damaged = shutil.copytree(models["lfm2"], tmp_path / "damaged")
    weights = damaged / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(UserError, match="damaged: cannot be loaded") as raised:
        LocalChat.load(damaged)
    assert "\n" not in str(raised.value)
    bare = shutil.copytree(models["lfm2"], tmp_path / "bare")
    (bare / "chat_template.jinja").unlink()
    with pytest.raises(UserError, match="no chat template"):
        LocalChat.load(bare)


def test_a_budget_holds_and_its_remainder_is_used(model, models):
    budget = Budget(tokens=2_000)
    model = LocalChat.load(models["lfm2"], budget=budget, batch_size=8)
    done = []

    async def one(number):
        done.append(await model.complete(conversation(number), max_tokens=30, seed=1))

    async def all_of_them():
        await gather([one(number) for number in range(100)])

    with pytest.raises(BudgetSpent, match=r"budget of 2,000 tokens is spent"):
        asyncio.run(all_of_them())
    assert budget.used_tokens == sum(one.prompt_tokens + one.completion_tokens for one in done) <= 2_000
    assert budget.used_tokens > 1_000 and not budget._held


def test_a_cancelled_wait_frees_its_place(models):
    budget = Budget(requests=1_000)
    model = LocalChat.load(models["lfm2"], batch_size=2, budget=budget)

    async def main():
        waits = [asyncio.create_task(model.complete(conversation(k), max_tokens=900, seed=1)) for k in range(4)]
        await asyncio.sleep(0.2)
        for wait in waits:
            wait.cancel()
        await asyncio.gather(*waits, return_exceptions=True)
        return await asyncio.wait_for(model.complete(conversation(1), max_tokens=3, seed=1), 20)

    assert asyncio.run(main()).completion_tokens <= 3 and not budget._held


def test_a_failure_fails_its_batch_and_the_next_one_works(models, monkeypatch):
    model = LocalChat.load(models["lfm2"])
    advance = decoding.Decoder.advance
    failures = [torch.OutOfMemoryError("CUDA out of memory"), ValueError("odd")]

    def failing(self, batch):
        if failures:
            raise failures.pop(0)
        advance(self, batch)

    monkeypatch.setattr(decoding.Decoder, "advance", failing)
    with pytest.raises(UserError, match="out of memory; use a smaller batch_size"):
        ask(model, range(3), seed=1)
    with pytest.raises(ValueError, match="odd"):
        asyncio.run(model.complete(conversation(1), seed=1))
    assert ask(model, range(3), seed=1, max_tokens=5)


def test_event_loops_and_threads_share_a_model(model):
    found = []
    threads = [
        threading.Thread(target=lambda: found.append(texts(ask(model, range(20), seed=1, max_tokens=10))))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [texts(ask(model, range(20), seed=1, max_tokens=10))] * 4


def test_the_package_works_without_torch():
    code = (
        "import ste_core.models.base, ste_core.models.openai, ste_core.models.cache, ste_core.scoring.score, sys\n"
        "assert not {'torch', 'transformers'} & sys.modules.keys()\n"
        "sys.modules['torch'] = None\n"
        "from ste_core.models.local import LocalChat\n"
        "from ste_core.core.errors import UserError\n"
        "try: LocalChat.load('x')\n"
        "except UserError as error: print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.stdout == "model x: needs the package torch: pip install torch\n", done.stderr
