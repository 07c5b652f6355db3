"""Tokenizer, model, training and the checkpoint of the small language model."""

import multiprocessing
import unicodedata
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedTokenizerFast

from microworld.language import corpus, exam, forward, generation, model, tokenizer
from microworld.language.trainer import Options, Trainer
from ste_core.core import prompting

ODD = (
    "", " ", "▁", "a▁b ▁ c", "\ue000", "\ue000\ue001\ue002", "Grüße an Zoë!", "東京 x  y\tend_", "a__b c",
    "FooBar 12345 3.14",
    "e\u0301a b", "\r\n x\x00", " lead and trail ", "👍🏽 ok", '{"a": "b", "c": [1, -2.5]}', "<|end|x", "عربى 12 עברית",
)  # fmt: skip


@pytest.fixture(scope="module")
def made() -> PreTrainedTokenizerFast:
    return tokenizer.build()


def same(made: PreTrainedTokenizerFast, text: str) -> bool:
    return made.decode(made(text, add_special_tokens=False)["input_ids"]) == text


def test_round_trip_of_odd_texts(made: PreTrainedTokenizerFast) -> None:
    assert [text for text in ODD if not same(made, text)] == []


def test_round_trip_of_the_corpus(made: PreTrainedTokenizerFast) -> None:
    texts = [turn.content for number in range(1000) for turn in corpus.example(2, number, 1e9).turns]
    assert len(texts) > 3000
    assert [text for text in texts if not same(made, text)] == []


@given(
    st.lists(st.one_of(st.text(max_size=12), st.sampled_from(("▁", " ", "lamp", "_", '": "', "\ue000")))).map("".join)
)
@settings(max_examples=1500, deadline=None)
def test_round_trip_of_any_text(text: str) -> None:
    if any(token in text for token in tokenizer.SPECIAL):
        return
    assert same(_shared(), text), [unicodedata.name(one, hex(ord(one))) for one in text]


_MADE: list[PreTrainedTokenizerFast] = []


def _shared() -> PreTrainedTokenizerFast:
    if not _MADE:
        _MADE.append(tokenizer.build())
    return _MADE[0]


def test_instructions_cost_little(made: PreTrainedTokenizerFast) -> None:
    bare = prompting.ask_call("x", ["y"])
    assert len(made.apply_chat_template(bare, tokenize=True, return_dict=True)["input_ids"]) < 12
    assert made("▁city")["input_ids"] != made("city")["input_ids"]
    value = made('{"city": "Paris"}')["input_ids"]
    assert set(made("in Paris")["input_ids"]) & set(value)  # a value is the same token in a query and in JSON


def test_encoding_is_the_chat_template(made: PreTrainedTokenizerFast) -> None:
    for number in range(60):
        one = corpus.example(1, number, 1e9)
        ids, weights = model.encode(made, one)
        messages = [{"role": turn.role, "content": turn.content} for turn in one.turns]
        assert ids == made.apply_chat_template(messages, tokenize=True, return_dict=True)["input_ids"]
        assert len(weights) == len(ids) and any(weights)
        prompt = made.apply_chat_template(messages[:-1], tokenize=True, add_generation_prompt=True, return_dict=True)[
            "input_ids"
        ]
        assert ids[: len(prompt)] == prompt


@pytest.mark.parametrize("layers", [2, 3])
def test_the_forward_pass_for_training_is_the_models_own(made: PreTrainedTokenizerFast, layers: int) -> None:
    network = model.build(len(made), hidden=64, layers=layers, inner=96).eval()
    for parameter in network.parameters():  # norms are ones at first: a forgotten one would not show
        torch.nn.init.normal_(parameter, std=0.3)
    ids = torch.randint(0, len(made), (3, 50), generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        ours = forward.Forward(network, torch.float32)(ids)
        theirs = network.model(input_ids=ids).last_hidden_state
    assert torch.allclose(ours, theirs, atol=1e-4, rtol=1e-4)


def test_a_compiled_step_is_a_plain_step(tmp_path: Path) -> None:
    if not forward.can_compile():
        pytest.skip("no C++ compiler")
    plain = Trainer(options(tmp_path / "plain", max_steps=3), 0).run()
    # in a process of its own, as in use: torch's compiler wants to import setuptools before any other has distutils
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        fused = pool.submit(losses, options(tmp_path / "fused", max_steps=3, compile=True)).result()
    assert fused == pytest.approx(plain, rel=5e-3)


def losses(training: Options) -> list[float]:
    return Trainer(training, 0).run()


def options(folder: Path, **changes: object) -> Options:
    small = {
        "processes": 1,
        "step_tokens": 600,
        "hidden": 64,
        "layers": 2,
        "inner": 64,
        "exam": False,
        "tokens": 40_000,
    }
    return Options(out=folder / "out", work=folder / "work", **{**small, **changes})  # type: ignore[arg-type]


def test_a_run_of_20_steps_resumes_to_the_same_losses(tmp_path: Path) -> None:
    torch.set_num_threads(1)
    whole = Trainer(options(tmp_path / "whole", max_steps=20), 0).run()
    first = Trainer(options(tmp_path / "parts", max_steps=11), 0).run()
    rest = Trainer(options(tmp_path / "parts", max_steps=20, resume=True), 0).run()
    assert len(whole) == 20
    assert [*first, *rest] == pytest.approx(whole, rel=1e-5)
    assert whole[-1] < whole[0]


def test_a_run_told_to_stop_saves_first(tmp_path: Path) -> None:
    trainer = Trainer(options(tmp_path), 0)
    trainer.stop()
    assert len(trainer.run()) == 25
    assert (tmp_path / "work" / "state.pt").exists()


def test_what_training_leaves_loads_and_speaks(tmp_path: Path) -> None:
    Trainer(options(tmp_path, max_steps=2), 0).run()
    speaker = generation.load(tmp_path / "out")
    asked = [[prompting.user("Copy: red lamp")], prompting.general("What is 2 + 3?")]
    once = generation.replies(speaker, asked, max_tokens=5)
    assert once == generation.replies(speaker, asked, max_tokens=5)
    assert {"state.pt"} == {file.name for file in (tmp_path / "work").iterdir()}
    assert "loss" in (tmp_path / "out" / "learning_curve.csv").read_text(encoding="utf-8")


# --- the checkpoint in the repository ---------------------------------------------------------------------------------

FOLDER = model.CHECKPOINT
present = pytest.mark.skipif(not (FOLDER / "config.json").exists(), reason="no checkpoint in this checkout")


@present
def test_checkpoint_is_small_and_loads() -> None:
    assert sum(file.stat().st_size for file in FOLDER.rglob("*")) <= 16 * 2**20
    network = AutoModelForCausalLM.from_pretrained(FOLDER, dtype="auto")
    assert 3e6 <= sum(p.numel() for p in network.parameters()) <= 8e6
    assert network.dtype == torch.bfloat16
    loaded = AutoTokenizer.from_pretrained(FOLDER)
    rendered = loaded.apply_chat_template([prompting.user("Hi")], tokenize=False, add_generation_prompt=True)
    assert rendered == "<|user|>Hi<|end|><|assistant|>"
    assert all(same(loaded, text) for text in ODD)
    assert len(loaded) == network.config.vocab_size


@present
def test_checkpoint_speaks_the_format() -> None:
    speaker = generation.load(FOLDER)
    items = exam.make("test", 20, lambda rng: corpus.zero_shot(rng, "heldout", 2, stated=1.0))
    replies = exam.ask(speaker, items, max_tokens=48)
    assert (
        sum(
            reply.startswith("Thought: ") and "\nAction: " in reply and "\nAction Input: {" in reply
            for reply in replies
        )
        >= 18
    )
