"""What a study names, opened: its models, its tools, its test set, its general tasks.

>>> model, box = chat(study, "micro"), toolbox(study)                    # doctest: +SKIP
>>> [item.query for item in items(study, "test")]                        # doctest: +SKIP
[...]

The study file itself is data (`ste_core.core.config`); what it names is opened here, and imported only then.
"""

import importlib
import os
import random
import re
from collections import defaultdict
from collections.abc import Collection
from importlib.util import find_spec
from typing import Any, Literal

from ste_core.core.config import Finetuning, LocalModel, ServedModel, Study, Style, World, no_model
from ste_core.core.errors import UserError
from ste_core.core.records import Example, Step, TestItem, Trial
from ste_core.core.store import read_jsonl
from ste_core.method.training_data import GeneralTask
from ste_core.models.base import Budget, ChatModel
from ste_core.models.native import NativeChat
from ste_core.tools.base import Toolbox


def chat(study: Study, name: str, budget: Budget | None = None) -> ChatModel:
    """The model of that name in `models`.

    Args:
        budget: what its requests may use and are counted in.

    Raises:
        UserError: no such model, its key is not in the environment, or it cannot be loaded.
    """
    if name not in study.models:
        raise UserError(f"study '{study.name}': {no_model('models', name, study.models)}")
    chosen = study.models[name]
    model: ChatModel
    if isinstance(chosen, ServedModel):
        from ste_core.models.openai import OpenAIChat

        model = OpenAIChat(
            chosen.model, base_url=chosen.base_url, key_env=chosen.key_env, concurrency=chosen.concurrency,
            requests_per_minute=chosen.requests_per_minute, timeout=chosen.timeout, retries=chosen.retries,
            budget=budget, prices=None if chosen.prices is None else (chosen.prices[0], chosen.prices[1]),
            tokenizer=None if chosen.tokenizer is None else study.place(chosen.tokenizer), context=chosen.context,
            leave_out=chosen.leave_out, extra=chosen.extra,
        )  # fmt: skip
    else:
        from ste_core.models.local import LocalChat

        adapter = None if chosen.adapter is None else study.place(chosen.adapter)
        model = LocalChat.load(
            study.place(chosen.path), adapter=adapter, device=chosen.device, dtype=chosen.dtype, name=name,
            load_in=chosen.load_in, threads=chosen.threads, batch_size=chosen.batch,
            batch_tokens=chosen.batch_tokens, budget=budget,
        )  # fmt: skip
    if chosen.cache:
        from ste_core.models.cache import CachedChat, CompletionCache

        model = CachedChat(model, CompletionCache(study.results / "cache" / "completions.sqlite"))
    return NativeChat(model) if chosen.tool_format == "native" else model


def needed_section(study: Study, name: str) -> Any:
    """A section of the study that a stage cannot do without.

    Raises:
        UserError: it has none.
    """
    section = getattr(study, name)
    if section is None:
        raise UserError(f"study '{study.name}': {name}: missing; the stage needs it")
    return section


def as_loaded(study: Study, model: str) -> dict[str, Any]:
    """How a model of the study is loaded, for one that was made from it by fine-tuning: its threads and its dtype."""
    chosen = study.models[model]
    return {name: getattr(chosen, name) for name in ("threads", "dtype") if hasattr(chosen, name)}


def as_learnt(model: ChatModel, options: Finetuning, style: Style) -> tuple[ChatModel, Style]:
    """A fine-tuned model, asked for calls as it learnt them, and the style of its requests."""
    if options.tool_format == "native":
        return NativeChat(model), "native"
    return model, "instruct" if style == "native" else style


def models_named(study: Study) -> list[str]:
    """The models that a study loads, or whose tokenizer it does, as its file names them."""
    named = [one.path if isinstance(one, LocalModel) else one.tokenizer for one in study.models.values()]
    tuned = [
        *(one.finetuning for one in study.of_learners()),
        *(study.gold.learners.values() if study.gold is not None else ()),
    ]
    named += [one.base for one in tuned if one is not None]
    return [study.place(one) for one in named if one is not None]


def toolbox(study: Study) -> Toolbox:
    """The study's tools.

    Raises:
        UserError: the study names none, or what it names is not there.
    """
    if study.world is None:
        raise UserError(f"study '{study.name}': world: missing; name the tools there")
    from ste_core.tools.open import open_toolbox

    cache = study.results / "cache" / "toolbench"
    opened = open_toolbox(study.world, where=f"study '{study.name}': world", root=study.root, cache=cache)
    if study.exploration is not None and "observation_chars" in study.exploration.model_fields_set:
        opened.max_chars = max(opened.max_chars, study.exploration.observation_chars)
    return opened


def listing(study: Study) -> Toolbox:
    """The study's tools to read, not to call: no key is needed.

    Raises:
        UserError: as `toolbox`.
    """
    if study.world is None:
        return toolbox(study)
    from ste_core.tools.open import list_tools

    return list_tools(study.world, where=f"study '{study.name}': world", root=study.root)


def items(study: Study, split: Literal["test", "dev"]) -> list[TestItem]:
    """The items of the study's test or development set, of the tools that `world.only` and `world.without` leave.

    Raises:
        UserError: the study names none, or the file is not there or not of that kind.
    """
    if study.world is None:
        raise UserError(f"study '{study.name}': world: missing; name the test set there")
    return [one for one in _all_items(study, study.world, split) if study.world.leaves(one.gold.tool)]


def _all_items(study: Study, world: World, split: Literal["test", "dev"]) -> list[TestItem]:
    named = world.test_set if split == "test" else world.dev_set
    if named is None:
        raise UserError(f"study '{study.name}': world.{split}_set: missing; name a file of queries with their calls")
    if MADE.fullmatch(named):
        return _made_items(study, f"world.{split}_set", named)
    path = study.root / os.path.expandvars(named)  # $STE_RELEASE/...: data that are not ours lie elsewhere
    if not path.is_file():
        raise UserError(f"study '{study.name}': world.{split}_set: {path}: no such file")
    if path.suffix == ".json":  # as the release has it
        from ste_core.release.formats import read_test_set

        return read_test_set(path)
    return read_jsonl(path, TestItem)


#: a test set that is made, not read: `module:function`
MADE = re.compile(r"[\w.]+:\w+")


def _made_items(study: Study, where: str, named: str) -> list[TestItem]:
    """The items that a function returns; equal ones each time.

    Raises:
        UserError: there is no such function, or it says why there are none.
    """
    module, function = named.split(":")
    try:
        return list(getattr(importlib.import_module(module), function)())
    except (ImportError, AttributeError) as error:
        raise UserError(f"study '{study.name}': {where}: {named}: {error}") from None


def some_of_each(found: list[TestItem], most: int | None, seed: int) -> list[TestItem]:
    """Of each tool's items at most so many (None: all), drawn by the seed, in the order given."""
    if most is None:
        return found
    numbers = defaultdict(list)
    for item in found:
        numbers[item.gold.tool].append(item.item)
    for tool, own in numbers.items():
        numbers[tool] = random.Random(f"items/{seed}/{tool}").sample(own, min(most, len(own)))
    return [item for item in found if item.item in numbers[item.gold.tool]]


def gold_examples(found: list[TestItem]) -> list[Example]:
    """Queries with their gold calls as examples without a fault; nobody answered them."""
    return [
        Example(tool=one.gold.tool, episode=0, trial=one.item, paraphrase=0, query=one.query, call=one.gold,
                observation="", answer="")
        for one in found
    ]  # fmt: skip


async def scripted_trials(study: Study, tools: Collection[str]) -> list[Trial]:
    """What an explorer would have tried that makes the gold calls of the development set: executed, without a query.

    Args:
        tools: the names of those that it explores.

    Raises:
        UserError: the study has no development set, or its tools cannot be reached.
    """
    there = [one.gold for one in items(study, "dev") if one.gold.tool in tools]
    seen = []
    async with toolbox(study) as box:
        for call in there:
            seen.append(await box.execute(call))
            if box.lost:
                raise UserError(f"{box.lost}; nothing was made: start it and run the same command again")
    return [
        Trial(
            tool=call.tool, variant="full", seed=0, episode=0, trial=number, query="",
            steps=(Step(output="", call=call, observation=made.text, ok=made.ok),), solved=made.ok,
        )
        for number, (call, made) in enumerate(zip(there, seen, strict=True))
    ]  # fmt: skip


def general_tasks(study: Study, count: int, seed: int, split: Literal["train", "heldout"]) -> list[GeneralTask]:
    """Tasks that need no tool, by the function that `world.general` names (`module:function`).

    It takes the same three arguments; equal ones give equal tasks, and no task is in both splits.

    Raises:
        UserError: the study names none, or what it names cannot be imported.
    """
    if study.world is None or study.world.general is None:
        raise UserError(f"study '{study.name}': world.general: missing; name a function that gives general tasks")
    module, function = study.world.general.split(":")
    try:
        return getattr(importlib.import_module(module), function)(count, seed, split)
    except (ImportError, AttributeError) as error:
        raise UserError(f"study '{study.name}': world.general: {study.world.general}: {error}") from None


def lacking(study: Study) -> list[str]:
    """What later stages will want and is not there, a line each: to be said before the first one is paid for."""
    found = []
    if study.world is not None and MADE.fullmatch(study.world.test_set or ""):  # as tools that come in a package
        try:
            toolbox(study)
        except UserError as error:
            found.append(str(error))
    if study.exploitation is not None and study.exploitation.encoder and not find_spec("sentence_transformers"):
        package = "needs the package sentence-transformers: pip install sentence-transformers"
        found.append(f"study '{study.name}': exploitation.encoder: {package}")
    if study.continual is not None and study.world is not None and study.world.general is not None:
        most = max(arm.general for arm in study.continual.arms)
        try:
            general_tasks(study, most * study.continual.batches, study.seed, "train")
            if study.exam_items:
                general_tasks(study, study.exam_items, study.seed, "heldout")
        except UserError as error:
            found.append(f"study '{study.name}': continual: {error}")
    return found
