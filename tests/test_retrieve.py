"""Demonstrations and candidate tools: the nearest, in a stable order, whatever the batch."""

import sys
from collections import Counter

import numpy as np
import pytest
from scipy.stats import chisquare
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.metrics.pairwise import cosine_similarity
from support import one_line
from tiny import make_model

from microworld import test_set
from microworld.tools import toolbox
from ste_core.core import config
from ste_core.core.errors import UserError
from ste_core.core.records import Call, Example, TestItem, Tool
from ste_core.method import retrieve
from ste_core.method.retrieve import Retriever, SentenceEncoder, Tfidf, candidates
from ste_core.pipeline import resources, stages


def example(query, tool="add", number=0, /, **arguments):
    return Example(
        tool=tool, episode=0, trial=number, paraphrase=0, query=query, call=Call(tool=tool, arguments=arguments),
        observation="1", answer="One.",
    )  # fmt: skip


@pytest.fixture(scope="module")
def items():
    return test_set.load("test")


@pytest.fixture(scope="module")
def tools():
    return toolbox().tools


@pytest.fixture(scope="module")
def explored():
    """Examples as exploration might leave them: the development queries, some of them several times."""
    made = [example(one.query, one.gold.tool, one.item, **one.gold.arguments) for one in test_set.load("dev")]
    return [*made, *made[::3]]


# --- demonstrations ---


def test_the_nearest_come_first_and_none_twice():
    texts = ["rain in Oslo tomorrow", "rain in Rome", "seven times eight", "rain in Oslo"]
    retriever = Retriever([example(text) for text in [*texts, *texts]])
    found = [one.query for one in retriever.nearest(["rain in Oslo"], 8)[0]]
    assert found[:2] == ["rain in Oslo", "rain in Oslo tomorrow"] and found[-1] == "seven times eight"
    assert sorted(found) == sorted(texts)


def test_of_one_query_with_several_calls_the_first_stays():
    shared = [example("what is it", "add", 0, a=1), example("other"), example("what is it", "add", 2, a=2)]
    retriever = Retriever(shared)
    assert retriever.examples == shared[:2]
    assert retriever.nearest(["what is it"], 1) == [[shared[0]]]


def test_many_queries_find_what_each_finds_alone_and_what_plain_cosine_finds(items, explored):
    queries = [item.query for item in items]
    retriever = Retriever(explored)
    found = retriever.nearest(queries, 8)
    assert len(queries) > 2 * retrieve.CHUNK and {len(row) for row in found} == {8}
    for number in range(0, len(queries), 25):
        assert retriever.nearest([queries[number]], 8) == [found[number]]
    texts = [one.query for one in retriever.examples]
    vectors = TfidfVectorizer(sublinear_tf=True, token_pattern=r"(?u)[^\W_]+").fit(texts)
    nearness = cosine_similarity(vectors.transform(queries), vectors.transform(texts))
    place = {text: number for number, text in enumerate(texts)}
    for row, values in zip(found, nearness, strict=True):
        chosen = [values[place[one.query]] for one in row]
        assert chosen == pytest.approx(sorted(values, reverse=True)[:8], abs=1e-5)


def test_ties_keep_the_order_of_the_examples():
    made = [example(f"alpha {word}") for word in ("one", "two", "three", "four", "five", "six")]
    assert Retriever(made).nearest(["alpha"], 4) == [made[:4]]
    assert Retriever(made[::-1]).nearest(["alpha"], 4) == [made[::-1][:4]]
    assert Retriever(made).nearest(["nothing in common"], 3) == [made[:3]]


def test_nothing_to_find_is_no_error():
    assert Retriever([]).nearest(["a", "b"]) == [[], []]
    assert Retriever([example("a")]).nearest([]) == []
    assert Retriever([example("a")]).nearest(["a"], 0) == [[]]


def test_texts_without_a_word_are_near_to_nothing():
    made = [example("???"), example("!!!")]
    assert Retriever(made).nearest(["what", "", "???"], 2) == [made, made, made]
    mixed = [example("???"), example("sum of three")]
    assert Retriever(mixed).nearest(["sum", "東京"], 1) == [[mixed[1]], [mixed[0]]]


def test_characters_reach_other_forms_of_a_word():
    made = [example("nothing else here"), example("translations of words")]
    assert Retriever(made, Tfidf()).nearest(["translating"], 1)[0] == [made[0]]  # no word in common: the first
    assert Retriever(made, Tfidf((3, 5))).nearest(["translating"], 1)[0] == [made[1]]


# --- an encoder of sentences ---


def test_a_missing_package_is_one_line_with_the_way_out(monkeypatch):
    monkeypatch.setitem(sys.modules, "sentence_transformers", None)
    with pytest.raises(UserError, match=r"pip install sentence-transformers") as caught:
        Retriever([example("a")], SentenceEncoder()).nearest(["a"])
    one_line(str(caught.value))


def test_any_sentence_transformers_model_by_path(tmp_path):
    library = pytest.importorskip("sentence_transformers")
    from sentence_transformers.sentence_transformer import modules

    inside = modules.Transformer(str(make_model(tmp_path / "inside", "llama")))
    pooling = modules.Pooling(inside.get_embedding_dimension())
    library.SentenceTransformer(modules=[inside, pooling], device="cpu").save(str(tmp_path / "model"))
    encoder = SentenceEncoder(str(tmp_path / "model"), device="cpu", batch_size=2)
    made = [example(f"the {word} of a tool") for word in ("city", "price", "date", "call", "query")]
    assert [row[0] for row in Retriever(made, encoder).nearest([one.query for one in made], 3)] == made
    assert np.linalg.norm(encoder.fit([])(["the city", "price"]), axis=1) == pytest.approx([1, 1], abs=1e-5)
    (tmp_path / "empty").mkdir()
    for wrong in ("none", "empty"):
        with pytest.raises(UserError, match=r"cannot be loaded") as caught:
            SentenceEncoder(str(tmp_path / wrong)).fit([])
        one_line(str(caught.value))


# --- candidates ---


def test_all_tools_stand_in_one_shuffled_order(items, tools):
    shown = candidates(items, tools, "all", seed=0)
    assert all(row == shown[0] for row in shown) and len(shown) == len(items)
    assert sorted(shown[0]) == sorted(tools) and shown[0] != list(tools)
    assert shown == candidates(items, tools, "all", seed=0) != candidates(items, tools, "all", seed=1)


def test_the_oracle_always_shows_the_gold_tool_at_a_place_that_tells_nothing(items, tools):
    shown = candidates(items, tools, "oracle", n=15, seed=0)
    assert all(len(set(row)) == 15 and item.gold.tool in row for item, row in zip(items, shown, strict=True))
    places = Counter(row.index(item.gold.tool) for item, row in zip(items, shown, strict=True))
    assert chisquare([places[place] for place in range(15)]).pvalue > 0.01
    sets = {}
    for item, row in zip(items, shown, strict=True):
        assert sets.setdefault(item.gold.tool, frozenset(row)) == frozenset(row)  # nearest to the tool, not the query
    assert len(set(sets.values())) > 25
    assert "route_distance" in sets["flight_distance"] and "weather_forecast" in sets["current_weather"]
    again = candidates(items[::-1], tools, "oracle", n=15, seed=0)
    assert again[::-1] == shown != candidates(items, tools, "oracle", n=15, seed=1)


def test_a_real_retriever_misses_some(items, tools):
    shown = candidates(items, tools, "query", n=15)
    assert all(len(set(row)) == 15 for row in shown)
    found = np.mean([item.gold.tool in row for item, row in zip(items, shown, strict=True)])
    fewer = np.mean([i.gold.tool in row for i, row in zip(items, candidates(items, tools, "query", n=3), strict=True)])
    assert 0.3 < fewer < found < 1


def test_a_real_retriever_does_not_know_the_gold_tool(items, tools):
    other = [item.model_copy(update={"gold": Call(tool="add_days", arguments={})}) for item in items]
    mine, theirs = (candidates(some, tools, "query", n=5) for some in (items, other))
    assert [set(row) for row in mine] == [set(row) for row in theirs]


def test_tools_of_the_same_documentation_do_not_hide_the_gold_one():
    tools = {name: Tool(name=name, description="Same.") for name in "abcdef"}
    tools = {name: tool.model_copy(update={"name": "same"}) for name, tool in tools.items()}
    items = [TestItem(item=0, query="q", gold=Call(tool=name, arguments={})) for name in "abcdef"]
    shown = candidates(items, tools, "oracle", n=2)
    assert all(len(set(row)) == 2 and item.gold.tool in row for item, row in zip(items, shown, strict=True))


def test_more_than_there_are_is_all_there_are(items, tools):
    assert sorted(candidates(items[:1], tools, "oracle", n=500)[0]) == sorted(tools)
    assert sorted(candidates(items[:1], tools, "query", n=500)[0]) == sorted(tools)
    assert candidates([], tools, "oracle") == candidates([], tools, "query") == candidates([], tools, "all") == []


def test_mistakes_are_one_line(items, tools):
    with pytest.raises(UserError, match=r"^candidates: n: must be at least 1, not 0$"):
        candidates(items, tools, "oracle", n=0)
    few = {name: tool for name, tool in tools.items() if name != "add_days"}
    with pytest.raises(UserError, match=r"^test item 0 of 'add_days': the toolbox has no such tool$"):
        candidates(items, few, "all")
    with pytest.raises(ValueError, match="how"):
        candidates(items, tools, "some")


def test_demonstrations_may_be_kept_to_some_tools():
    found = [example("price of a lamp", "a"), example("price of a lamp in Oslo", "b"), example("weather in Oslo", "a")]
    retriever = Retriever(found)
    near = retriever.nearest(["price of a lamp in Oslo", "weather"], 2, among=[{"a"}, {"b", "c"}])
    assert [[one.query for one in row] for row in near] == [["price of a lamp", "weather in Oslo"], [found[1].query]]
    assert retriever.nearest(["weather"], 2, among=[{"c"}]) == [[]]


def test_a_study_names_its_encoder(tmp_path, monkeypatch):
    """Demonstrations and candidates are found by it, and by TF-IDF without one."""
    made, seen = config.load("smoke"), []

    class Encoder(Tfidf):
        def __init__(self, name):
            super().__init__()
            seen.append(name)

        def fit(self, texts):
            seen.append(len(texts))
            return super().fit(texts)

    class Stop(Exception):
        pass

    def stop(self, *messages, **options):
        raise Stop

    monkeypatch.setenv("STE_RESULTS", str(tmp_path))
    monkeypatch.setattr(retrieve, "SentenceEncoder", Encoder)
    monkeypatch.setattr(stages, "examples", lambda *_: [example("rain in Oslo")])
    monkeypatch.setattr(resources, "chat", stop)
    for named, expected in ((None, []), ("org/encoder", ["org/encoder", 50, 1])):
        options = made.exploitation.model_copy(update={"encoder": named, "candidates": "oracle"})
        with pytest.raises(Stop):
            stages.answer_items(made.model_copy(update={"exploitation": options}), "icl", "full", 0)
        assert seen == expected
