"""Study files: what is wrong with one is said in one line that names the key."""

import os

import pydantic
import pytest

from ste_core.core import config
from ste_core.core.errors import UserError
from ste_core.pipeline import gold_run, resources, stages


def load(tmp_path, text):
    path = tmp_path / "trial.yaml"
    path.write_text(text)
    return config.load(path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "name: trial\nstatistics:\n  resample: 10\n",
            r"statistics\.resample: no such key; did you mean 'resamples'\?",
        ),
        ("name: trial\nsede: 1\n", r"sede: no such key; did you mean 'seed'\?"),
        ("name: trial\naudit:\n  qqq: 1\n", r"audit\.qqq: no such key; known keys: allow_altered"),
        (
            "name: trial\nstatistics:\n  resamples: many\n",
            r"statistics\.resamples: input should be a valid integer, not 'many'",
        ),
        ("name: trial\nseed: -1\n", r"seed: .* not -1"),
        ("name: trial\nseed: true\n", r"seed: .* not True"),
        ("seed: 1\n", r"name: missing"),
        ("name: t\nmodels: {m: {knd: local}}\n", r"models\.m\.kind: missing"),
        ("name: t\nmodels: {m: {kind: lokal}}\n", r"models\.m\.kind: must be one of 'local', 'openai'"),
        ("name: t\nmodels: {m: {kind: local}}\n", r"models\.m\.path: missing"),
        ("name: t\nmodels: {m: {kind: local, pth: x}}\n", r"models\.m\.pth: no such key; did you mean 'path'\?"),
        ("name: t\nmodels: {m: {kind: local, path: x, batch: 0}}\n", r"models\.m\.batch: .* not 0"),
        ("name: t\nmodels: {m: {kind: local, path: x, prices: [1, 2]}}\n", r"models\.m\.prices: no such key; known"),
        ("name: t\nmodels: {m: {kind: openai, model: x, prices: [1]}}\n", r"models\.m\.prices: .* not \[1\]"),
        ("name: t\nmodels: {m: {kind: openai, model: x, prices: [1, -2]}}\n", r"models\.m\.prices\.1: .* not -2"),
        ("name: t\nmodels: {'a b': {kind: local, path: x}}\n", r"models\.a b: string should match pattern"),
        (
            "name: t\nmodels: {m: {kind: openai, model: x, leave_out: [stopp]}}\n",
            r"models\.m\.leave_out\.0: .*'stop'.* not 'stopp'",
        ),
        ("name: t\nmodels: {m: {kind: openai, model: x, leave_out: stop}}\n", r"models\.m\.leave_out: .* not 'stop'"),
        ("name: t\nmodels: {m: {kind: openai, model: x, leave-out: [stop]}}\n", r"did you mean 'leave_out'\?"),
        ("name: t\nmodels: {m: {kind: openai, model: x, extra: [a]}}\n", r"models\.m\.extra: .* not \['a'\]"),
        ("name: t\nmodels: {m: {kind: local, path: x, extra: {a: 1}}}\n", r"models\.m\.extra: no such key"),
        (
            "name: t\nmodels: {m: {kind: openai, model: x, extra: {api_key: abc}}}\n",
            r"models\.m\.extra\.api_key: a key does not belong in a study file",
        ),
        (
            "name: t\nexploration: {model: m}\n",
            r"exploration\.model: no model 'm'; there are: none, name one in models",
        ),
        ("name: t\nmodels: {n: {kind: local, path: x}}\nexploration: {model: m}\n", r"no model 'm'; there are: n$"),
        ("name: t\nexploration: {model: m, epsiodes: 1}\n", r"exploration\.epsiodes: .* did you mean 'episodes'\?"),
        ("name: t\nexploration: {model: m, budget: {requsts: 1}}\n", r"exploration\.budget\.requsts: .*'requests'\?"),
        ("name: t\nexploration: {model: m, variants: [full, none]}\n", r"exploration\.variants\.1: .* not 'none'"),
        ("name: t\nexploration: {model: m, variants: []}\n", r"exploration\.variants: .* not \[\]"),
        ("name: t\nexploration: {model: m, seeds: [0, 0]}\n", r"exploration\.seeds: one stands there twice"),
        ("name: t\nexploration: {model: m, seeds: [-1]}\n", r"exploration\.seeds\.0: .* not -1"),
        ("name: t\nexploration: {model: m, novelty: 2.0}\n", r"exploration\.novelty: .* not 2\.0"),
        (
            "name: t\nmodels: {m: {kind: local, path: x, prompts: small}}\n"
            "exploration: {model: m, values_first: true}\n",
            r"exploration\.values_first: .*'models\.m' has prompts: small; set prompts: instruct",
        ),
        (
            "name: t\nmodels: {m: {kind: local, path: x, prompts: small}}\n"
            "distillation: {model: m}\nablations: {hindsight: true}\n",
            r"ablations\.hindsight: .*'models\.m' has prompts: small",
        ),
        (
            "name: t\nmodels: {m: {kind: local, path: x, prompts: small}}\n"
            "distillation: {model: m}\nablations: {scripted: true}\n",
            r"ablations\.scripted: .*'models\.m' has prompts: small",
        ),
        (
            "name: t\nmodels: {m: {kind: local, path: x, prompts: small}}\n"
            "distillation: {model: m}\nlearners: {m: {ablations: {scripted: true}}}\n",
            r"learners\.m\.ablations\.scripted: .*'models\.m' has prompts: small",
        ),
        ("name: t\nablations: {gold: true}\n", r"world\.dev_set: missing; ablations\.gold learns from it"),
        ("name: &a [*a]\n", r"nests too deep"),
        ("name: ../up\n", r"name: "),
        ("- a list\n", r"expected keys and values, found list"),
        ("a: [1\n", r"not valid YAML"),
        ("\x00", r"not valid YAML"),
    ],
)
def test_mistakes_are_one_line(tmp_path, text, message):
    with pytest.raises(UserError, match=message) as caught:
        load(tmp_path, text)
    assert "\n" not in str(caught.value) and "trial.yaml" in str(caught.value)


@pytest.mark.parametrize(
    "model",
    [
        "api_key: my-little-secret",
        "token: my-little-secret",
        "model: sk-my-little-secret-0815",
        "key_env: sk-my-little-secret-0815",
        "model: x\n    key_env: my-little-secret",
        "base_url: 'http://me:my-little-secret@host/v1'",
    ],
)
def test_keys_are_refused_and_not_repeated(tmp_path, model):
    with pytest.raises(UserError, match=r"trial.yaml: models\.m\.\w+: .*environment variable") as caught:
        load(tmp_path, f"name: t\nmodels:\n  m:\n    kind: openai\n    {model}\n")
    assert "little" not in str(caught.value) and "\n" not in str(caught.value)


def test_a_model_is_made_as_the_study_says(tmp_path, monkeypatch):
    from ste_core.models.base import Budget
    from ste_core.models.cache import CachedChat

    monkeypatch.setenv("STE_RESULTS", str(tmp_path / "r"))
    monkeypatch.setenv("OTHER", "one-key")
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    served = (
        "{kind: openai, model: x, base_url: 'http://127.0.0.1:9/v1', key_env: OTHER, prices: [1, 2.5], cache: true}"
    )
    made = load(tmp_path, f"name: trial\nmodels: {{m: {served}}}\n")
    model = resources.chat(made, "m", Budget(money=1.0))
    assert isinstance(model, CachedChat) and model.name == "x" and model.identity == "http://127.0.0.1:9/v1 x"
    assert model.cache.path == tmp_path / "r" / "trial" / "cache" / "completions.sqlite"
    assert (model.model._key, model.model._prices) == ("one-key", (1.0, 2.5)) and "OPENAI_API_KEY" not in os.environ
    with pytest.raises(UserError, match=r"^study 'trial': models: no model 'n'; there are: m$"):
        resources.chat(made, "n")


@pytest.mark.parametrize("key", ["only", "without"])
def test_only_items_of_tools_that_the_world_leaves_are_answered_and_learnt(tmp_path, key):
    names = ["add_days", "time_in_zone", "loan_payment"]
    study = load(tmp_path, f"name: t\nextends: quick\nworld: {{{key}: {names}}}\nexploration: {{tools: null}}\n")
    left = set(resources.listing(study).tools)
    assert left == set(names) if key == "only" else len(left) == 47 and not left & set(names)
    assert {one.gold.tool for one in stages.items_of(study)} == left
    assert {one.tool for one in stages.examples(study, "full", 0, "gold")} == left
    assert {one.tool for one in gold_run.development_examples(study)} == left


def test_a_problem_of_the_whole_is_one_line():
    class Small(config.Section):
        one: int = 0

        @pydantic.model_validator(mode="after")
        def _never(self) -> "Small":
            raise ValueError("no good")

    for value, said in ((["a"], "expected keys and values, found list"), ({"one": 1}, "no good")):
        with pytest.raises(pydantic.ValidationError) as caught:
            Small.model_validate(value)
        assert config.explain(caught.value, Small) == said


def test_unknown_study_lists_the_known_ones():
    with pytest.raises(UserError, match=r"no such study; there are: .*audit"):
        config.load("nope")


def test_every_committed_study_loads():
    for path in (config.project_root() / "study").glob("*.yaml"):
        assert config.load(path.stem).name == path.stem


def test_generators_depend_on_seed_and_label_alone(tmp_path):
    one, same, other = (load(tmp_path, f"name: trial\nseed: {seed}\n") for seed in (1, 1, 2))
    draw = one.rng("a", 1).random()
    assert one.rng("b").random() != draw and other.rng("a", 1).random() != draw
    assert same.rng("a", 1).random() == draw


def test_results_and_figures_can_be_moved(monkeypatch, tmp_path):
    monkeypatch.setenv("STE_RESULTS", str(tmp_path / "r"))
    monkeypatch.setenv("STE_FIGURES", str(tmp_path / "f"))
    audit = config.load("audit")
    assert audit.tables == tmp_path / "r" / "audit" / "tables" and audit.figures == tmp_path / "f"
