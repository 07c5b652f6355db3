"""A study: one YAML file, validated, its seeds, and where its artefacts lie.

>>> study = load("audit")                                                # doctest: +SKIP
>>> study.tables / "correctness.csv"                                     # doctest: +SKIP
PosixPath('/.../results/audit/tables/correctness.csv')
"""

import difflib
import math
import os
import re
import zlib
from collections.abc import Sequence
from pathlib import Path
from types import UnionType
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self, Union, get_args, get_origin

import yaml
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    JsonValue,
    PrivateAttr,
    StringConstraints,
    ValidationError,
    field_validator,
    model_validator,
)

from ste_core.core.errors import UserError

if TYPE_CHECKING:
    import numpy as np


class Section(BaseModel):
    """A part of a study file: unknown keys and wrong types are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


def _once(values: list[Any]) -> list[Any]:
    if len(set(values)) < len(values):
        raise ValueError("one stands there twice")
    return values


#: random seeds, each a run of its own
Seeds = Annotated[list[Annotated[int, Field(ge=0)]], Field(min_length=1), AfterValidator(_once)]


class Statistics(Section):
    """How uncertain figures are."""

    level: float = Field(0.95, gt=0.5, lt=1)
    resamples: int = Field(9_999, ge=99)


class Audit(Section):
    """The audit of the authors' release."""

    allow_altered: bool = False  # score files that differ from the released ones, and say so in the results
    extra: dict[str, str] = {}  # predictions of others by the name to show: files that `ste score` reads


VariableName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]


class McpServer(Section):
    """An MCP server, by its command (stdio) or its address (streamable HTTP); see `ste_core.tools.mcp`."""

    command: Annotated[list[str], Field(min_length=1)] | None = None  # words; `python` is the one that runs us
    url: str | None = None
    url_env: VariableName | None = None  # the variable that holds the address, where that has a key in it
    env_names: list[VariableName] = []  # variables the command gets, beside PATH, HOME and the like
    timeout: float = Field(10.0, gt=0)  # seconds a call may take
    start_timeout: float = Field(60.0, gt=0)  # seconds to connect and list the tools; npx may have to download

    @model_validator(mode="after")
    def _one_place(self) -> "McpServer":
        if sum(one is not None for one in (self.command, self.url, self.url_env)) != 1:
            raise ValueError("give one of command, url, url_env")
        if self.url is not None and not re.fullmatch(r"https?://[^\s?#]+", self.url):
            raise ValueError(
                "url: must be an http address without '?'; one with a key goes into a variable, see url_env"
            )
        return self


class ToolBench(Section):
    """ToolBench's APIs, behind a ToolBench server (key: TOOLBENCH_KEY); see `ste_core.tools.toolbench`."""

    descriptions: str  # the folder of the release's API_descriptions.json, relative to the project
    url: str | None = None  # the server's endpoint, ending in /rapidapi or /virtual
    rate: float = Field(2.0, gt=0)  # requests a second
    timeout: float = Field(120.0, gt=0)  # seconds a call may take with all its tries


class World(Section):
    """The tools of a study and the queries they are tested with, if there are any."""

    tools: Annotated[str, StringConstraints(pattern=r"^[\w.]+:\w+$")] | None = None  # module:function -> a Toolbox
    mcp: McpServer | None = None
    functions: Annotated[str, StringConstraints(pattern=r"^([\w.]+|.+\.py)$")] | None = None  # a module, or its file
    toolbench: ToolBench | None = None
    only: Annotated[list[str], Field(min_length=1)] | None = None  # of the tools these; default: all
    without: list[str] = []  # of the tools not these, such as have side effects
    test_set: str | None = None  # JSON Lines of TestItem, relative to the project; or module:function, which makes them
    dev_set: str | None = None
    general: Annotated[str, StringConstraints(pattern=r"^[\w.]+:\w+$")] | None = None  # see `resources.general_tasks`

    @field_validator("toolbench", mode="before")
    @classmethod
    def _folder(cls, value: Any) -> Any:
        return {"descriptions": value} if isinstance(value, str) else value

    @model_validator(mode="after")
    def _one_door(self) -> "World":
        if sum(one is not None for one in (self.tools, self.mcp, self.functions, self.toolbench)) != 1:
            raise ValueError("name the tools by one of tools, mcp, functions, toolbench")
        return self

    def leaves(self, tool: str) -> bool:
        """Whether `only` and `without` leave a tool."""
        return (self.only is None or tool in self.only) and tool not in self.without


Prompts = Literal["instruct", "small"]  # texts of requests, see `ste_core.core.prompting`
Style = Literal["instruct", "small", "native"]  # how a model is asked: `prompts`, or `native` by its `tool_format`

#: how calls are written: as ReAct text, or in the form that the model's chat template or server has for them
ToolFormat = Literal["react", "native"]


class _Asked(Section):
    """How a model is asked for calls."""

    prompts: Prompts = "instruct"
    tool_format: ToolFormat = "react"

    @property
    def style(self) -> Style:
        return "native" if self.tool_format == "native" else self.prompts

    @model_validator(mode="after")
    def _goes_together(self) -> Self:
        if self.tool_format == "native" and self.prompts == "small":
            raise ValueError("tool_format: native goes with prompts: instruct; small models know one text format only")
        return self


class LocalModel(_Asked):
    """A language model in this process; see `ste_core.models.local.LocalChat`."""

    kind: Literal["local"]
    path: str  # a folder or .gguf file, relative to the project; a name of `ste models`; or a hub name
    adapter: str | None = None
    device: str | None = None
    dtype: Literal["float32", "bfloat16", "float16"] = "float32"
    load_in: Literal["8bit", "4bit"] | None = None  # weights quantised by bitsandbytes, on a GPU
    batch: int = Field(64, ge=1)  # rows generated together
    batch_tokens: int = Field(8_192, ge=1)  # padded prompt tokens read at once
    threads: int | None = Field(None, ge=1)  # torch's own, on a CPU; a small model on a shared one is faster with 1
    cache: bool = False  # keep completions on disk


#: what a request can do without; see `ste_core.models.parameters.OPTIONAL`
Parameter = Literal[
    "temperature", "top_p", "top_k", "min_p", "stop", "seed", "n", "logprobs", "max_tokens", "max_completion_tokens"
]


class ServedModel(_Asked):
    """A language model behind a server of the OpenAI protocol; see `ste_core.models.openai.OpenAIChat`."""

    kind: Literal["openai"]
    model: str  # the server's name for it
    base_url: str | None = None
    key_env: Annotated[str, StringConstraints(pattern=r"^[A-Z_][A-Z0-9_]*$")] = "OPENAI_API_KEY"  # never the key itself
    concurrency: int = Field(16, ge=1)
    requests_per_minute: float | None = Field(None, gt=0)
    timeout: float = Field(120.0, gt=0)
    retries: int = Field(6, ge=0)
    prices: Annotated[list[Annotated[float, Field(ge=0)]], Field(min_length=2, max_length=2)] | None = None
    tokenizer: str | None = None  # the model's own, named as `path` above: prompts are counted exactly, as in process
    context: int | None = Field(None, ge=64)  # tokens of a prompt and its answer, as the server was started with
    leave_out: list[Parameter] = []  # parameters that the server refuses or misreads: no request holds them
    extra: dict[str, JsonValue] = {}  # further keys of each request, such as `reasoning_effort: low`
    cache: bool = False


Model = Annotated[LocalModel | ServedModel, Field(discriminator="kind")]

#: what the baseline's files and rows have where others name a variant: it has no experience
NO_VARIANT = "all"

VariantName = Literal["full", "no_feedback", "no_short_term", "no_long_term", "no_reflection"]


class Limits(Section):
    """What one run may use; what is done by then is kept, and another run goes on from there."""

    requests: int | None = Field(None, ge=1)
    tokens: int | None = Field(None, ge=1)
    money: float | None = Field(None, gt=0)


class Sampled(Section):
    """Where tokens are drawn at a temperature above 0: what is cut off; default as the model itself recommends."""

    top_p: float | None = Field(None, gt=0, le=1)
    top_k: int | None = Field(None, ge=0)  # 0: not limited
    min_p: float | None = Field(None, ge=0, le=1)

    def sampling(self) -> dict[str, Any]:
        """What a request is told of it: only what is set."""
        named = {"top_p": self.top_p, "top_k": self.top_k, "min_p": self.min_p}
        return {name: value for name, value in named.items() if value is not None}


class Exploration(Sampled):
    """How tools are explored; the defaults are the paper's. See `ste_core.method.explore` for what each key does."""

    model: str  # a key of `models`
    episodes: int = Field(15, ge=1)
    trials: int = Field(4, ge=1)
    calls: int = Field(4, ge=1)
    temperature: float = Field(1.0, ge=0)
    max_tokens: int = Field(360, ge=1)
    variants: Annotated[list[VariantName], Field(min_length=1), AfterValidator(_once)] = ["full"]
    seeds: Seeds = [0]
    tools: Annotated[list[str], Field(min_length=1)] | None = None  # default: all
    concurrency: int | None = Field(None, ge=1)  # trials under way at once; default: every tool's
    context: int | None = Field(None, ge=64)  # tokens of a prompt and its answer; default: the model's own, if it tells
    memory_lines: int | None = Field(None, ge=0)
    observation_chars: int = Field(2_048, ge=80)
    novelty: float | None = Field(None, gt=0, lt=1)
    novelty_tries: int = Field(3, ge=1)
    rationale: bool = False
    remember_errors: bool = False  # long-term memory keeps the last error of a trial; pretrained models only
    values_first: bool = False  # write the values of a request before it; prompts of pretrained models only
    call_first: bool = False  # ... call them as they are, and show earlier requests with the values that ran
    constrained: bool = False  # hold the replies of a trial to the form of a call or an answer; see `react.form`
    rule: Literal["strict", "lenient"] | None = None  # of `react`; default: strict for prompts `small`, else lenient
    budget: Limits = Limits()

    @model_validator(mode="after")
    def _values_are_there_to_call(self) -> Self:
        if self.call_first and not self.values_first:
            raise ValueError("call_first: needs values_first: true, whose values it calls")
        return self


class Distillation(Sampled):
    """How trials become training examples; see `ste_core.method.distill`."""

    judge: bool = True
    require_solved: bool = False  # drop what self-reflection called unsolved; nothing where there was no reflection
    target: int = Field(150, ge=1)  # examples a tool, paraphrases included
    max_paraphrases: int = Field(6, ge=0)  # of one example; 0 for none at all
    keep_values: bool = True
    max_tokens: int = Field(256, ge=1)  # of a reply
    observation_chars: int | None = Field(None, ge=64)  # the judge sees so much of a result, for short contexts
    temperature: float = Field(1.0, ge=0)  # of paraphrases and hindsight
    judge_temperature: float = Field(1.0, ge=0)
    hindsight: bool = False  # beyond the paper: the query of a call that ran and does not serve its query, written anew
    hindsight_values: bool = True  # keep such a query only if it holds every value of its call, not in other words
    grounded: bool = False  # beyond the paper: drop an example whose query does not hold every value of its call
    seed: int = Field(0, ge=0)
    concurrency: int = Field(64, ge=1)  # requests under way


class Distilling(Distillation):
    """A study's distillation."""

    model: str  # a key of `models`: who judges
    paraphraser: str | None = None  # who paraphrases; default the same


class Exploitation(Sampled):
    """How the test set is answered without fine-tuning; the defaults are the paper's for open models."""

    model: str  # a key of `models`
    demonstrations: int = Field(8, ge=1)  # the nearest examples, for in-context learning
    demonstrations_of: Literal["all", "candidates"] = "all"  # the tools whose examples may be shown; the paper's: all
    candidates: Literal["all", "oracle", "query"] = "oracle"  # the tools a prompt documents; see `retrieve.candidates`
    candidate_count: int = Field(15, ge=1)
    encoder: str | None = None  # finds what is near: a sentence-transformers model by path or hub name; default TF-IDF
    items: int | None = Field(None, ge=1)  # test items a tool, drawn by the study's seed; default: all
    temperature: float = Field(0.0, ge=0)
    max_tokens: int = Field(96, ge=1)
    context: int | None = Field(None, ge=64)
    constrained: bool = False  # hold answers to the form of a call, also those of fine-tuned models; see `predict`


class Scoring(Section):
    """How answers are judged."""

    rule: Literal["released", "strict", "lenient"] = "strict"  # how replies are read; see `ste_core.core.react`


class Lora(Section):
    """Low-rank adapters: see peft's `LoraConfig`. With dropout, the loss depends on the number of processes."""

    rank: int = Field(16, ge=1)
    alpha: float = Field(32.0, gt=0)
    dropout: float = Field(0.0, ge=0, lt=1)
    target_modules: str | list[str] = "all-linear"


class Finetuning(Section):
    """How a model is fine-tuned. The last group changes nothing in the result."""

    base: str  # a model as `path` of `LocalModel` names it
    method: Literal["full", "lora"] = "full"
    lora: Lora = Lora()
    merge: bool = False  # of LoRA, write a whole model: for rounds, which go on from it (tool tokens always do)
    epochs: int = Field(2, ge=1)
    least_steps: int = Field(0, ge=0)  # where the epochs come to fewer, as many more as make exactly this many steps
    batch: int = Field(64, ge=1)  # rows a step, over all processes
    learning_rate: float = Field(2e-5, gt=0)
    warmup: float = Field(0.03, ge=0, lt=1)  # share of the steps
    schedule: Literal["cosine", "linear", "constant"] = "cosine"
    weight_decay: float = Field(0.0, ge=0)
    max_gradient_norm: float = Field(1.0, gt=0)
    max_length: int = Field(2_048, ge=8)  # longer rows are left out, and counted; the model's context is a limit too
    answer_rows: bool = True  # also learn the final answer
    tool_format: ToolFormat = "react"  # of the calls to learn; the model is asked in the same
    tool_tokens: bool = False  # a new token for each tool's name
    length_grouped: bool = True
    packing: bool = False
    validation: float = Field(0.05, ge=0, lt=1)  # share of the queries that is held out
    eval_steps: int | None = Field(None, ge=1)  # default: each epoch
    seed: int = Field(0, ge=0)
    seeds: Seeds | None = None  # default: exploration's; another learns from the first explored
    dtype: Literal["auto", "bf16", "fp32"] = "auto"  # of the arithmetic; auto: bf16 on a GPU that has it
    load_in: Literal["8bit", "4bit"] | None = None  # the base of LoRA, quantised by bitsandbytes
    gradient_checkpointing: bool = False
    chat_template: str | None = None  # a Jinja template instead of the tokenizer's own

    device_tokens: int = Field(16_384, ge=1)  # padded tokens a process runs at once; gradients add up to a whole batch
    device: Literal["auto", "cpu"] = "auto"
    threads: int | None = Field(None, ge=1)  # torch's own, on a CPU; a small model on a shared one is faster with 1
    save_steps: int | None = Field(None, ge=1)  # default: each epoch
    launch: Annotated[list[str], Field(min_length=1)] | None = None  # start it by this command: several GPUs, FSDP


#: parts of an experience whose queries the explorer's model writes
WORDED = ("hindsight", "retold", "scripted")


class Ablations(Section):
    """What is compared beside the main settings; the variants are those of `exploration`. See `analysis.ablations`."""

    equal_size: bool = False  # fine-tune each variant again, on as many examples as the variant with the fewest has
    icl: bool = False  # show each variant's experience in context as well
    amounts: list[Annotated[int, Field(ge=0)]] = []  # episodes: use what the first so many of the full method left
    hindsight: bool = False  # use the full method's calls that ran, under queries that hold their values, instead
    retold: bool = False  # ... under the first query written for them, whether or not it holds their values
    scripted: bool = False  # use the development set's gold calls, under queries written for them, instead
    gold: bool = False  # use the development queries and their gold calls instead: examples without a fault
    seeds: Seeds | None = None  # default: fine-tuning's

    def parts(self, episodes: int) -> list[str]:
        """What is used instead of all the full method left, as parts of its experience are named: the amounts that are
        some of an exploration's episodes but not all, in order, then `WORDED` and `gold`."""
        less = [f"{one}ep" for one in sorted(set(self.amounts)) if 0 < one < episodes]
        return [*less, *(name for name in (*WORDED, "gold") if getattr(self, name))]


#: what experience is turned into; see `ste_core.method.forms`
FormName = Literal[
    "demonstrations", "notes", "worded_notes", "documentation", "documentation_demonstrations", "notes_demonstrations",
    "weights", "weights_notes",
]  # fmt: skip

#: forms whose words a model writes
WRITTEN: tuple[FormName, ...] = ("worded_notes", "documentation", "documentation_demonstrations")


class Forms(Section):
    """What form experience should take, within equal budgets of prompt tokens; see `ste_core.pipeline.forms_run`."""

    model: str | None = None  # a key of `models`: who words notes and rewrites documentation; default distillation's
    forms: Annotated[list[FormName], Field(min_length=1)] = list(get_args(FormName))
    budgets: Annotated[list[Annotated[int, Field(ge=1)]], Field(min_length=1)] = [100, 300, 900]  # tokens in a prompt
    items: int | None = Field(None, ge=1)  # test items a tool; default those of `exploitation`
    held_out: float = Field(1 / 3, gt=0, lt=1)  # share of a tool's trials by which what others taught is judged
    max_tokens: int = Field(256, ge=1)  # of a note or a rewrite


class Learner(Section):
    """Another learner of a study's experience: its keys stand instead of the study's in these sections."""

    exploitation: dict[str, JsonValue] = {}
    finetuning: dict[str, JsonValue] = {}
    ablations: dict[str, JsonValue] = {}
    ablates: bool = False  # whether it too learns from the variants of the method, not from the full method only


Decoding = Literal["free", "constrained"]


class Gold(Section):
    """What models make of examples without a fault, without any exploration; see `ste_core.pipeline.gold_run`."""

    learners: Annotated[dict[str, Finetuning], Field(min_length=1)]  # keys of `models`, and how each is fine-tuned
    decodings: list[Decoding] = ["free", "constrained"]
    demonstrations: int = Field(8, ge=1)  # the nearest development queries with their gold calls
    candidate_count: int = Field(4, ge=1)  # documented tools, the right one among them
    wide_count: int = Field(15, ge=1)  # ... once more with so many, as the paper has them, decoded freely
    wide_items: int = Field(0, ge=0)  # ... on so many test items a tool; 0 for none
    seeds: Seeds = [0]  # of fine-tuning
    items: int | None = Field(None, ge=1)  # test items a tool; default: all
    max_tokens: int = Field(96, ge=1)


class Exam(Section):
    """The skill exam of the embedded study's small model."""

    items: int = Field(500, ge=1)


class Arm(Section):
    """One way to learn the batches; see `ste_core.pipeline.continual_run`."""

    name: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$")]
    kind: Literal["sequential", "joint", "interleaved"] = "sequential"
    replay: float = Field(0.0, ge=0, le=1)  # share of the examples of every earlier batch; the paper's 0.1
    general: int = Field(0, ge=0)  # tasks in normal mode a round; the paper's 2,000
    order: list[int] | None = None  # of the batches, numbered from 0; default: as they are

    @model_validator(mode="after")
    def _of_its_kind(self) -> "Arm":
        if self.kind != "sequential" and (self.replay or self.order is not None):
            raise ValueError(f"replay and order have no meaning in a {self.kind} arm; leave them out")
        return self


class Continual(Section):
    """How batches of tools are learnt one after the other."""

    learner: str | None = None  # who learns: one of the study's learners; default: `exploitation.model`
    variant: VariantName = "full"  # whose experience
    gold: bool = False  # learn the development queries and their gold calls instead: examples without a fault
    least_steps: int = Field(0, ge=0)  # of a round, in place of fine-tuning's; jointly, as many as all rounds make
    seeds: Seeds | None = None  # default: exploration's; another learns from the first explored
    batches: int = Field(4, ge=2)
    # in this order cut into batches; default: all, shuffled by the study's seed
    tools: Annotated[list[str], AfterValidator(_once)] | None = None
    items: int | None = Field(None, ge=1)  # test items a tool; default: all
    exam_items: int = Field(200, ge=0)  # of the exam of general ability; 0 for none
    keep_models: bool = False
    arms: list[Arm] = Field(min_length=1)

    @model_validator(mode="after")
    def _fits(self) -> "Continual":
        for number, arm in enumerate(self.arms):
            if arm.name in [one.name for one in self.arms[:number]]:
                raise ValueError(f"arms: two are called '{arm.name}'")
            if arm.order is not None and sorted(arm.order) != list(range(self.batches)):
                raise ValueError(f"arms: '{arm.name}': order: must hold each of 0 to {self.batches - 1} once")
        return self


StudyName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$")]


class Study(Section):
    """A validated study file.

    Artefacts lie under `results/<name>/` (tables, executed notebooks, `run.json`) and `figures/`; both roots can be
    moved by `STE_RESULTS` and `STE_FIGURES`, so that a trial run leaves the committed results alone.
    """

    name: StudyName
    seed: int = Field(0, ge=0)
    statistics: Statistics = Statistics()
    audit: Audit | None = None
    world: World | None = None
    models: dict[Annotated[str, StringConstraints(pattern=r"^[\w.-]+$")], Model] = {}
    exploration: Exploration | None = None
    distillation: Distilling | None = None
    exploitation: Exploitation | None = None
    scoring: Scoring = Scoring()
    finetuning: Finetuning | None = None
    learners: dict[str, Learner] = {}  # keys of `models`: others that learn beside `exploitation.model`
    ablations: Ablations | None = None
    forms: Forms | None = None
    gold: Gold | None = None
    exam: Exam | None = None
    continual: Continual | None = None
    experience: StudyName | None = None  # use another study's, in place of exploring and distilling
    compare_with: StudyName | None = None  # hold exploration and experience against another study's; see notebook 36

    _root: Path = PrivateAttr(default_factory=Path)
    _learner: str | None = PrivateAttr(None)

    @model_validator(mode="after")
    def _prompts_are_there(self) -> Self:
        """What helps pretrained models is asked for in prompts that small models do not have."""
        asked: list[tuple[str, str]] = []
        if self.exploration is not None:
            names = ("values_first", "remember_errors", "call_first")
            own = [f"exploration.{name}" for name in names if getattr(self.exploration, name)]
            asked += [(name, self.exploration.model) for name in own]
        if self.distillation is not None:
            own = ["distillation.hindsight"] if self.distillation.hindsight else []
            own += self._asking_for(*WORDED)
            asked += [(name, self.distillation.paraphraser or self.distillation.model) for name in own]
        for name, model in asked:
            if model in self.models and self.style(model) == "small":
                raise ValueError(
                    f"{name}: needs the prompts of pretrained models, and 'models.{model}' has prompts: small; set "
                    "prompts: instruct there, or leave it out"
                )
        return self

    @model_validator(mode="after")
    def _forms_have_what_they_need(self) -> Self:
        """Forms of experience need experience, a model that can write, and fine-tuning where weights are one."""
        if self.forms is None:
            return self
        name = self.forms.model or (self.distillation.model if self.distillation is not None else None)
        if name is None or self.exploration is None:
            raise ValueError("forms: needs the sections exploration and distillation")
        if name not in self.models:
            raise ValueError(no_model("forms.model", name, self.models))
        if self.exploitation is None:  # tools of one's own: nothing is compared
            return self
        written = next((one for one in self.forms.forms if one in WRITTEN), None)
        if written and self.style(name) == "small":
            raise ValueError(
                f"forms.forms: '{written}' needs a model that writes, and '{name}' is asked as a small one; name "
                "another by forms.model, or leave it out"
            )
        tuned = next((one for one in self.forms.forms if one.startswith("weights")), None)
        if tuned and self.finetuning is None:
            raise ValueError(f"forms.forms: '{tuned}' needs the section finetuning")
        return self

    @property
    def root(self) -> Path:
        """The project's folder, which paths in the file are relative to."""
        return self._root

    @property
    def results(self) -> Path:
        return Path(os.environ.get("STE_RESULTS") or self._root / "results") / self.name

    @property
    def source(self) -> Path:
        """The results that trials and examples are read from: its own, or those of the study `experience` names."""
        return self.results.with_name(self.experience or self.name)

    @property
    def ablated(self) -> Path:
        """The results that have other variants of the method beside the full one: its own, or those of the side study
        whose name goes on by `_ablations`."""
        variants = [] if self.exploration is None else self.exploration.variants
        return self.results if len(variants) > 1 else self.results.with_name(f"{self.name}_ablations")

    @property
    def learnt(self) -> Path:
        """Where what the learner made lies (answers, fine-tuned models): apart for each learner but the first."""
        return self.results if self._learner is None else self.results / "learners" / self._learner

    @property
    def learner(self) -> str | None:
        """Who answers the test set, a key of `models`."""
        return self.exploitation.model if self.exploitation is not None else None

    @property
    def learner_names(self) -> list[str]:
        """Who learns from the study's experience, the first one first."""
        return [*filter(None, (self.learner, *self.learners))]

    @property
    def parts(self) -> list[str]:
        """What is used instead of all that the full method left, as `Ablations.parts` names it."""
        if self.ablations is None or self.exploration is None:
            return []
        return self.ablations.parts(self.exploration.episodes)

    @property
    def exam_items(self) -> int:
        """How many items the exam of general ability has: none where the world has no general tasks."""
        has_tasks = self.world is not None and self.world.general is not None
        return self.continual.exam_items if self.continual is not None and has_tasks else 0

    def as_learner(self, name: str | None) -> "Study":
        """The study as it is for one of its learners; None or "" stands for the first, `exploitation.model`.

        Raises:
            UserError: no such learner.
        """
        if not name or name == self.learner:
            return self
        if name not in self.learners or self.exploitation is None:
            known = ", ".join(self.learner_names)
            raise UserError(f"study '{self.name}': learners: no '{name}'; there are: {known or 'none'}")
        chosen = self.learners[name]
        changed: dict[str, Any] = {
            "exploitation": _changed(self.exploitation, chosen.exploitation | {"model": name}),
            "finetuning": self.finetuning and _changed(self.finetuning, chosen.finetuning),
            "learners": {},
        }
        if self.ablations is not None and not chosen.ablates:
            changed["ablations"] = self.ablations.model_copy(update={"equal_size": False, "icl": False})
            assert self.exploration is not None
            changed["exploration"] = self.exploration.model_copy(update={"variants": ["full"]})
        if chosen.ablations:
            changed["ablations"] = _changed(changed.get("ablations") or self.ablations or Ablations(), chosen.ablations)
        if self.continual is None or self.continual.learner != name:
            changed["continual"] = None
        study = self.model_copy(update=changed)
        study._root, study._learner = self._root, name
        return study

    def of_learners(self) -> list["Study"]:
        """The study for each of its learners, the first one first."""
        return [self, *(self.as_learner(name) for name in self.learners)]

    def of_dev_set(self) -> list[str]:
        """The keys of the study's file that ask for the development set to learn from."""
        gold = self.continual is not None and self.continual.gold
        return [*(["continual.gold"] if gold else []), *self._asking_for("scripted", "gold")]

    def _asking_for(self, *parts: str) -> list[str]:
        """The keys of the study's file, its own and its learners', that ask for some parts of an experience."""
        sections = {"ablations": {} if self.ablations is None else self.ablations.model_dump()}
        sections |= {f"learners.{name}.ablations": one.ablations for name, one in self.learners.items()}
        return [f"{place}.{part}" for place, keys in sections.items() for part in parts if keys.get(part)]

    def at_level(self, level: float | str) -> "Study":
        """The study with intervals of another level, for a reader who wants to see them; 0 for its own.

        Raises:
            UserError: no level.
        """
        try:
            number = float(level)
        except ValueError:
            number = math.nan
        if number == 0:
            return self
        if not 0.5 < number < 1:
            raise UserError(f"level: must be between 0.5 and 1, as 0.9, not {level}")
        study = self.model_copy(update={"statistics": self.statistics.model_copy(update={"level": number})})
        study._root, study._learner = self._root, self._learner
        return study

    @property
    def tables(self) -> Path:
        return self.results / "tables"

    @property
    def figures(self) -> Path:
        return Path(os.environ.get("STE_FIGURES") or self._root / "figures")

    def style(self, model: str | None) -> Style:
        """How requests to a model of the study are worded."""
        return self.models[model].style if model in self.models else "small"

    def place(self, model: str) -> str:
        """A model's path, seen from anywhere, if the project has such a folder or GGUF file; else the name it is."""
        return str(self._root / model) if (self._root / model).exists() else model

    def explored(self, variant: str, seed: int) -> Path:
        """Where the trials of a variant and seed lie, a file a tool."""
        return self.source / "exploration" / variant / f"seed{seed}"

    def exploration_seeds(self) -> list[int]:
        """The seeds of the exploration, so of all that asks a model which was not trained on it."""
        return [0] if self.exploration is None else self.exploration.seeds

    def training_seeds(self, variant: str = "full", part: str = "all") -> list[int]:
        """The seeds of fine-tuning: of all experience of the full method, or of what is compared with it, another
        variant's or a part. A seed that was not explored trains on the experience of the first that was."""
        own = None if self.finetuning is None else self.finetuning.seeds
        if (variant, part) != ("full", "all") and self.ablations is not None and self.ablations.seeds is not None:
            own = self.ablations.seeds
        return self.exploration_seeds() if own is None else own

    def experience_seed(self, seed: int) -> int:
        """The seed of the exploration that a seed learns from: itself, but for those of fine-tuning and
        continual learning that were not explored."""
        explored = self.exploration_seeds()
        trained = {*self.training_seeds(), *self.training_seeds(part="")}
        if self.continual is not None:
            trained.update(self.continual.seeds or [])
        return explored[0] if seed in trained and seed not in explored else seed

    def rng(self, *label: object) -> "np.random.Generator":
        """A generator of its own for each labelled use, so that no figure depends on the order of computation."""
        import numpy as np  # takes as long as all else that `ste --help` imports

        return np.random.default_rng([self.seed, zlib.crc32("/".join(map(str, label)).encode("utf-8"))])


def _changed(section: Section, keys: dict[str, Any]) -> Any:
    """A section with other values of some keys, validated."""
    return type(section).model_validate(section.model_dump(exclude_unset=True) | keys)


def project_root() -> Path:
    """The project's folder: the nearest one above the working directory that holds `study/`, else that of the code."""
    here = Path.cwd()
    for folder in (here, *here.parents, Path(__file__).resolve().parents[2]):
        if (folder / "study").is_dir() and (folder / "notebooks").is_dir():
            return folder
    raise UserError(f"{here}: not inside the project (no folder with study/ and notebooks/ above it)")


def path_of(study: str | os.PathLike[str]) -> Path:
    """The file of a study given by name or path."""
    path = Path(study)
    return path if path.suffix in (".yaml", ".yml") else project_root() / "study" / f"{path}.yaml"


def files_of(study: str | os.PathLike[str]) -> list[Path]:
    """A study's file and those that it extends, itself first.

    Raises:
        UserError: one cannot be read, or they extend each other in a circle.
    """
    root, paths = project_root(), [path_of(study)]
    while True:
        base = _read(paths[-1], root).get("extends")
        if base is None:
            return paths
        shown = _shown(paths[-1], root)
        if not isinstance(base, str):
            raise UserError(f"{shown}: extends: must be the name of a study, not {_shorten(base)}")
        paths.append(path_of(base))
        if paths[-1] in paths[:-1]:
            raise UserError(f"{shown}: extends: {base}: in a circle")


def _shown(path: Path, root: Path) -> str:
    return os.path.relpath(path, root) if path.is_relative_to(root) else str(path)


def _read(path: Path, root: Path) -> dict[str, Any]:
    """The keys and values of a study file."""
    shown = _shown(path, root)
    try:
        value = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        known = ", ".join(sorted(one.stem for one in (root / "study").glob("*.yaml")))
        raise UserError(f"{shown}: no such study; there are: {known}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{shown}: cannot be read: {error}") from None
    except yaml.YAMLError as error:
        raise UserError(f"{shown}: not valid YAML: {' '.join(str(error).split())}") from None
    except RecursionError:
        raise UserError(f"{shown}: not valid: it nests too deep") from None
    if not isinstance(value, dict):
        raise UserError(f"{shown}: expected keys and values, found {type(value).__name__}")
    return value


def load(study: str | os.PathLike[str]) -> Study:
    """A study by name (`audit` is `study/audit.yaml`) or by path.

    A file may say `extends: NAME`: it then has that study's sections, and its own keys within them stand instead of
    those there (a key of a section is taken whole, so is a model). A section that is `null` is not there.

    Raises:
        UserError: no such file, not YAML, an unknown key or a wrong type, in one line that names the key.
    """
    root, path = project_root(), path_of(study)
    shown = _shown(path, root)
    value: dict[str, Any] = {}
    for one in reversed(files_of(path)):
        for key, section in _read(one, root).items():
            there = value.get(key)
            value[key] = there | section if isinstance(there, dict) and isinstance(section, dict) else section
    value.pop("extends", None)
    absent = [key for key, section in value.items() if section is None and key in Study.model_fields]
    value = {key: section for key, section in value.items() if key not in absent}  # a misspelt key is told, null or not
    try:
        secret = _secret(value)
    except RecursionError:  # a YAML alias may hold itself
        raise UserError(f"{shown}: not valid: it nests too deep") from None
    if secret:
        raise UserError(
            f"{shown}: {secret}: a key does not belong in a study file; put it in an environment variable and name "
            f"that variable by key_env (default OPENAI_API_KEY)"
        )
    try:
        loaded = Study.model_validate(value)
    except ValidationError as error:
        raise UserError(f"{shown}: {explain(error, Study)}") from None
    for section, key in (("exploration", "model"), ("distillation", "model"), ("distillation", "paraphraser"),
                         ("exploitation", "model")):  # fmt: skip
        name = getattr(getattr(loaded, section), key, None)
        if name is not None and name not in loaded.models:
            raise UserError(f"{shown}: {no_model(f'{section}.{key}', name, loaded.models)}")
    _check_learners(loaded, shown)
    for name in loaded.gold.learners if loaded.gold is not None else ():
        if name not in loaded.models:
            raise UserError(f"{shown}: {no_model('gold.learners', name, loaded.models)}")
    asks = loaded.continual is not None and any(arm.general for arm in loaded.continual.arms)
    if asks and (loaded.world is None or loaded.world.general is None):
        raise UserError(f"{shown}: world.general: missing; arms of continual ask for general tasks")
    if loaded.world is None or loaded.world.dev_set is None:
        for key in loaded.of_dev_set():
            raise UserError(f"{shown}: world.dev_set: missing; {key} learns from it")
    loaded._root = root
    return loaded


def _check_learners(loaded: Study, shown: str) -> None:
    """Whether the learners of a study are models of it, others than its first, and validly described.

    Raises:
        UserError: one is not.
    """
    for name in loaded.learners:
        if name not in loaded.models:
            raise UserError(f"{shown}: {no_model('learners', name, loaded.models)}")
        if loaded.exploitation is None or name == loaded.exploitation.model:
            raise UserError(f"{shown}: learners.{name}: must be others than exploitation.model")
        try:
            loaded.as_learner(name)
        except ValidationError as error:
            section = {one.__name__: one for one in (Exploitation, Ablations)}.get(error.title, Finetuning)
            raise UserError(f"{shown}: learners.{name}.{section.__name__.lower()}.{explain(error, section)}") from None
    if loaded.continual is not None and loaded.continual.learner not in (None, *loaded.learner_names):
        known = ", ".join(loaded.learner_names)
        raise UserError(f"{shown}: continual.learner: no learner '{loaded.continual.learner}'; there are: {known}")


def explain(error: ValidationError, model: type[BaseModel]) -> str:
    """The first problem of a validation in one line: the key, what is wrong, and the nearest key for a misspelt one."""
    errors = error.errors()  # a misspelt key explains the missing one
    first = next((one for one in errors if one["type"] == "extra_forbidden"), errors[0])
    keys, section = _path(model, first["loc"])
    name = ".".join(keys)
    if not keys:  # the whole, not one of its keys
        if first["type"] == "model_type":
            return f"expected keys and values, found {type(first['input']).__name__}"
        return str(first["ctx"]["error"]) if first["type"] == "value_error" else first["msg"]
    if first["type"] == "extra_forbidden":
        known = list(section.model_fields) if section else []
        close = difflib.get_close_matches(keys[-1], known, n=1)
        hint = f"did you mean '{close[0]}'?" if close else f"known keys: {', '.join(known)}"
        return f"{name}: no such key; {hint}"
    if first["type"] == "missing":
        return f"{name}: missing"
    if first["type"] == "value_error":  # of our own making, and without the value
        return f"{name}: {first['ctx']['error']}"
    if first["type"].startswith("union_tag"):
        context = first["ctx"]
        name = f"{name}.{context['discriminator'].strip(chr(39))}"
        return f"{name}: must be one of {context['expected_tags']}" if "tag" in context else f"{name}: missing"
    if keys[-1] == "key_env":  # what stands there may be the key: it is not repeated
        return f"{name}: must be the name of an environment variable in capitals, as OPENAI_API_KEY"
    return f"{name}: {first['msg'][0].lower()}{first['msg'][1:]}, not {_shorten(first['input'])}"


def _path(model: type[BaseModel], location: Sequence[str | int]) -> tuple[list[str], type[BaseModel] | None]:
    """The keys of a problem's place as the file has them, and the section that holds the last one."""
    keys: list[str] = []
    section: type[BaseModel] | None = None
    kind: Any = model
    for key in location:
        kind = _plain(kind)
        if get_origin(kind) in (Union, UnionType):
            tagged = [one for one in get_args(kind) if _tag(one) == key]
            if tagged:  # which of the sections it is: no key of the file
                kind = tagged[0]
                continue
            kind = next((one for one in map(_plain, get_args(kind)) if get_args(one) or _is_section(one)), None)
        if key == "[key]":  # the key before is itself the problem
            continue
        keys.append(str(key))
        section = kind if _is_section(kind) else None
        if section is not None:
            field = section.model_fields.get(str(key))
            kind = field.annotation if field else None
        else:
            kind = (get_args(kind) or (None,))[-1]  # what a mapping or a list holds
    return keys, section


def _plain(kind: Any) -> Any:
    return get_args(kind)[0] if get_origin(kind) is Annotated else kind


def _is_section(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)


def _tag(kind: Any) -> str | None:
    """The value of `kind` that stands for a section."""
    field = kind.model_fields.get("kind") if _is_section(kind) else None
    return get_args(field.annotation)[0] if field else None


def no_model(where: str, name: str, models: dict[str, Any]) -> str:
    """What to say where a study names a model that it does not have."""
    return f"{where}: no model '{name}'; there are: {', '.join(models) or 'none, name one in models'}"


_SECRET_NAME = re.compile(r"(^|_)(api_?key|key|token|secret|password|authorization)$", re.IGNORECASE)
_SECRET = re.compile(
    r"\b((sk|rk|hf|gsk|xai|ghp|glpat|github_pat)[-_][\w-]{16,}|AIza[\w-]{20,}|Bearer\s+\S{8,})|//[^/\s]*@"
)


def looks_like_a_key(name: str, value: str) -> bool:
    """Whether a parameter is a key by its name or its looks.

    >>> looks_like_a_key("variant", "full"), looks_like_a_key("variant", "sk-0123456789abcdef")
    (False, True)
    """
    return _secret({name: value}) is not None


def _secret(value: Any, name: str = "") -> str | None:
    """The place of something that is a key by its name or its looks; None if there is none."""
    if isinstance(value, dict):
        found = (_secret(one, f"{name}.{key}" if name else str(key)) for key, one in value.items())
    elif isinstance(value, list):
        found = (_secret(one, f"{name}.{number}") for number, one in enumerate(value))
    else:
        named = value is not None and _SECRET_NAME.search(name.rpartition(".")[2])
        return name if named or (isinstance(value, str) and _SECRET.search(value)) else None
    return next(filter(None, found), None)


def _shorten(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
