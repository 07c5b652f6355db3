"""Prompts and tables that are the same tomorrow: templates that write the date, words that pandas takes for missing."""

import asyncio
import datetime

import pandas as pd
import pytest
from tiny import TEMPLATE, make_model

from ste_core.core import store
from ste_core.models import chat_template, reasoning

#: how published templates ask for the day
DATED = {
    # locuslab/open-unlearning#88: Llama 3.2
    "llama": "{%- if not date_string is defined %}{%- if strftime_now is defined %}{%- set date_string = "
             "strftime_now('%d %b %Y') %}{%- else %}{%- set date_string = '26 Jul 2024' %}{%- endif %}{%- endif %}"
             "Today Date: {{ date_string }}\n" + TEMPLATE,
    # oobabooga/textgen PR#6692: Granite
    "granite": "{%- set day = strftime_now('%B %d, %Y') %}Today's Date: {{ day }}.\n" + TEMPLATE,
    # EricLBuehler/mistral.rs PR#1132: Mistral Small asks twice
    "mistral": "{%- set today = strftime_now('%Y-%m-%d') %}The date is {{ today }} ({{ strftime_now('%A') }}).\n"
               + TEMPLATE,
    # gpt-oss
    "harmony": "Current date: {{ strftime_now('%Y-%m-%d') }}\n" + TEMPLATE,
}  # fmt: skip
SAID = [{"role": "user", "content": "hello"}]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return make_model(tmp_path_factory.mktemp("models") / "tiny", "llama", layers=2)


@pytest.fixture(scope="module")
def tokenizer(folder):
    return pytest.importorskip("transformers").AutoTokenizer.from_pretrained(folder)


@pytest.fixture
def another_day(monkeypatch):
    """Sets the clock that transformers shows to templates."""
    utils = pytest.importorskip("transformers.utils.chat_template_utils")

    def at(year):
        class Clock(datetime.datetime):
            @classmethod
            def now(cls, tz=None):
                return datetime.datetime(year, 3, 1)

        monkeypatch.setattr(utils, "datetime", Clock)

    return at


@pytest.mark.parametrize("kind", DATED)
def test_prompts_do_not_depend_on_the_day(kind, tokenizer, another_day):
    prompts = []
    for year in (2030, 2031):
        another_day(year)
        by_itself = tokenizer.apply_chat_template(
            SAID, chat_template=DATED[kind], tokenize=False, add_generation_prompt=True
        )
        assert str(year) in by_itself  # the clock is the one that templates see
        prompts.append(chat_template.render(tokenizer, SAID, template=DATED[kind]))
    assert prompts[0] == prompts[1] and "2024" in prompts[0] and prompts[0].endswith("<|assistant|>")


def test_a_local_model_says_so_and_its_identity_tells_the_day(folder, capfd, monkeypatch):
    local = pytest.importorskip("ste_core.models.local")
    plain = local.LocalChat.load(folder)
    assert "date" not in capfd.readouterr().err
    dated = local.LocalChat.load(folder, chat_template=DATED["granite"])
    assert "2024-07-26" in capfd.readouterr().err
    before = dated.identity
    assert before != plain.identity
    for module in (chat_template, local):
        monkeypatch.setattr(module, "DAY", datetime.datetime(2025, 1, 1))
    assert local.LocalChat.load(folder, chat_template=DATED["granite"]).identity != before
    assert local.LocalChat.load(folder).identity == plain.identity


def test_a_local_models_thinking_is_no_answer(folder):
    """The prompt opens the block (DeepSeek-R1, Qwen3-Thinking): what is cut before its end is thinking, all of it."""
    local = pytest.importorskip("ste_core.models.local")
    plain = asyncio.run(local.LocalChat.load(folder).complete(SAID, temperature=0, max_tokens=5))
    assert plain.text and not plain.choices[0].reasoning
    thinking = TEMPLATE.replace("<|assistant|>", "<|assistant|><think>\\n")
    chat = local.LocalChat.load(folder, chat_template=thinking.replace("\\n", "\n"))
    reply = asyncio.run(chat.complete(SAID, temperature=0, max_tokens=5)).choices[0]
    assert reply.text == "" and reply.reasoning and reply.missing == "holds only reasoning and was cut at max_tokens"
    off = TEMPLATE.replace("<|assistant|>", "<|assistant|><think>\n\n</think>\n\n")
    other = local.LocalChat.load(folder, chat_template=off)
    assert not asyncio.run(other.complete(SAID, max_tokens=5)).choices[0].reasoning


def test_where_a_prompt_opens_the_thinking():
    assert reasoning.opened("<|Assistant|><think>\n") == "<think>"
    assert reasoning.opened("[THINK]") == "[THINK]"
    assert reasoning.opened("What is <think> for?\n<|assistant|>") == ""


#: words that pandas takes for missing: pandas-dev/pandas#10647 ("NA"), #24681 ("n/a"), #48712 ("null"), #55032
WORDS = ["NA", "n/a", "N/A", "null", "NULL", "None", "nan", "NaN", "<NA>", "#N/A", "-nan"]


def test_tools_may_have_any_of_the_names_that_pandas_takes_for_missing(tmp_path):
    frame = pd.DataFrame({"tool": WORDS, "output": WORDS[::-1], "value": [0.5, None] * 5 + [1.0]})
    read = store.write_table(frame, tmp_path / "t.csv")
    assert read["tool"].tolist() == WORDS and read["output"].tolist() == WORDS[::-1]
    assert read["value"].isna().sum() == 5 and read["value"].dtype == float
    assert read.groupby("tool").size().sum() == len(WORDS)


@pytest.mark.parametrize("names", [["007", "8"], ["1e5", "2e5"], ["True", "False"], ["inf", "-inf"]])
def test_names_stay_text(tmp_path, names):
    read = store.write_table(pd.DataFrame({"tool": names, "value": [1, 2]}), tmp_path / "t.csv")
    assert read["tool"].tolist() == names and read["value"].tolist() == [1, 2]


def test_an_empty_field_is_missing(tmp_path):
    read = store.write_table(pd.DataFrame({"tool": ["a", None], "p": [None, 0.25]}), tmp_path / "t.csv")
    assert read["tool"].isna().tolist() == [False, True] and read["p"].isna().tolist() == [True, False]
