# The study as a graph: study/<name>.yaml -> notebooks (papermill) -> results/<name>/ -> figures/.
# Run it by `make study` or `ste run <name>`, which check their input first. A failed notebook stays, as the rule's log.
#
# STAGES below is the whole of it: a row a notebook. What a notebook depends on beside its data (code, prompts, the world
# of its study) is found by `pipeline.dependencies`, weights count by their checksum. No path stands in a shell line
# unquoted, and none whose braces Snakemake would read as wildcards is given to it as a pattern.
import hashlib
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote

from ste_core.core.config import WORDED, files_of, load
from ste_core.models.weight_table import TABLE
from ste_core.pipeline import dependencies, processes
from ste_core.report.places import where

processes.own_cache()

PYTHON = sys.executable
NAMED = unquote(config["study"])  # quoted by `ste run`: Snakemake reads values of --config as YAML
STUDY = load(NAMED)
STUDY_FILE = [os.path.relpath(path) for path in files_of(NAMED)]
SHARDS = int(config.get("shards", 1))  # jobs that share the tools of an exploration, say on a cluster
SOURCES = dependencies.Sources(STUDY.root)


def seen(place):
    """A folder or file as rules may name it: relative; behind a link if it has braces, which would be wildcards."""
    path = os.path.relpath(place)
    if not set("{}") & set(path):
        return path
    link = Path(".snakemake", "places", hashlib.sha256(os.path.abspath(place).encode()).hexdigest()[:12])
    link.parent.mkdir(parents=True, exist_ok=True)
    if not Path(place).is_file():
        Path(place).mkdir(parents=True, exist_ok=True)
    if not link.is_symlink():
        link.symlink_to(os.path.abspath(place))
    return str(link)


RESULTS = seen(STUDY.results)
SOURCE = seen(STUDY.source)  # whose experience is used: RESULTS, unless the study names another's

# --- which parts the study has ----------------------------------------------------------------------------------------

EXPLORATION, WORLD = STUDY.exploration, STUDY.world
SEEDS = EXPLORATION.seeds if EXPLORATION else []
VARIANTS = EXPLORATION.variants if EXPLORATION else []
EXPLORES = EXPLORATION is not None and SOURCE == RESULTS
EXPLOITS = bool(STUDY.exploitation and EXPLORATION)
# tools without a test set: notebook 70 explores them, distils, and reports what was learnt
OWN_TOOLS = bool(WORLD and EXPLORATION and STUDY.distillation and not STUDY.exploitation and not WORLD.test_set)
BFCL = bool(WORLD and (WORLD.tools or "").startswith("ste_core.tools.bfcl:"))
LEARNT = ("report.md", "report.json", "demonstrations.jsonl", "chat.jsonl", "tools.jsonl", "SKILL.md", "lessons.json",
          "descriptions.json")
# what is compared beside the main settings: other variants, at equal size too, and less exploration
ABLATES = bool(STUDY.ablations and EXPLOITS and STUDY.finetuning and len(VARIANTS) > 1)
EQUAL_SIZE = ABLATES and STUDY.ablations.equal_size
PARTS = STUDY.parts if EXPLOITS else []
WRITTEN = [part for part in WORDED if EXPLOITS and any(part in one.parts for one in STUDY.of_learners())]
CONTROL = ["control"] if {*WORDED, "gold"} & set(PARTS) else []
CONTINUAL_SEEDS = (STUDY.continual.seeds or SEEDS) if STUDY.continual else []
EXAMINED = ["continual_general"] if STUDY.exam_items else []
EXTRA = sorted(STUDY.audit.extra.values()) if STUDY.audit else []  # predictions of others that stand in the audit
LEARNERS = STUDY.gold.learners if STUDY.gold else {}
FORMS = bool(STUDY.forms and EXPLOITS)
FORMS_BESIDE = bool(FORMS and STUDY.compare_with and load(STUDY.compare_with).forms)
OTHERS = STUDY.of_learners()[1:]  # who learns beside `exploitation.model`
CONCLUDES = bool(EXPLOITS and STUDY.finetuning)
# a side study, shown by the study that it extends and whose name its own goes on from
SIDE = any(STUDY.name.startswith(f"{Path(one).stem}_") for one in STUDY_FILE[1:])
ASKS = CONCLUDES and not SIDE


# --- files ------------------------------------------------------------------------------------------------------------


def tables(*names):
    return [f"{RESULTS}/tables/{name}.csv" for name in names]


def figures(*names):
    folders = {name: seen(where(name, STUDY)) for name in names}
    return [f"{folders[name]}/{name}.{kind}" for name in names for kind in ("csv", "svg", "png")]


def exported(*names):
    """Tables as a paper has them."""
    return [f"{RESULTS}/export/{name}.{kind}" for name in names for kind in ("tex", "md")]


def explored(variant=None, seed=None):
    """A mark for every part of the exploration that is done; the trials themselves stand beside it, a file a tool."""
    return [
        f"{RESULTS}/exploration/{one}/seed{number}/.run/part{part}of{SHARDS}.done"
        for one in ([variant] if variant else VARIANTS)
        for number in ([seed] if seed is not None else SEEDS)
        for part in range(1, SHARDS + 1)
    ]


def distilled(variant="{variant}", seed="{seed}"):
    return f"{SOURCE}/distilled/{variant}/seed{seed}/examples.jsonl"


def learnt_in_turn(wildcards):
    """The examples that continual learning with a seed learns: those of the exploration that the seed stands for."""
    return [distilled(STUDY.continual.variant, STUDY.experience_seed(int(wildcards.seed)))]


def made_of(part, seed):
    """The examples that a part of an experience is made of: a seed's own, and those whose queries are written for it."""
    return [distilled("full", seed), *([distilled("full", f"{seed}/{part}")] if part in WRITTEN else [])]


def seeds_of(setting, variant="full", learner=STUDY):
    """The seeds of a setting as predictions name it: fine-tuning may have more than there are explorations."""
    name, _, part = setting.partition("_")
    if name != "tuned":
        return SEEDS
    return learner.training_seeds(variant, part or "all") if learner.finetuning else []


def settings_of_seed(learner, part="all"):
    """The settings that run with each seed, with all experience of the full method or a part of it."""
    tuned = seeds_of(f"tuned_{part}", learner=learner)
    return {
        seed: [name for name, seeds in (("icl", SEEDS), ("tuned", tuned)) if seed in seeds]
        for seed in sorted({*SEEDS, *tuned})
    }


def predicted(*settings, variants=("full",), seeds=None, learner=STUDY):
    """The predictions of settings: a file a seed."""
    return [f"{seen(learner.learnt)}/predictions/{setting}/{variant}/seed{seed}.jsonl"
            for setting in settings for variant in variants
            for seed in seeds or seeds_of(setting, variant, learner)]  # fmt: skip


def exploited(learner=STUDY):
    """The predictions of every setting, with the experience of the full method (the ablations use other variants)."""
    return predicted("icl", *(["tuned"] if STUDY.finetuning else []), learner=learner)


def fewer(setting="icl", learner=STUDY):
    """The predictions with less of the full method's experience, or with what stands in its place."""
    return predicted(*(f"{setting}_{part}" for part in learner.parts), learner=learner)


def lessened(learner=STUDY):
    """`fewer` of all settings."""
    return [*fewer(learner=learner), *(fewer("tuned", learner=learner) if STUDY.finetuning else [])]


def answered():
    """The predictions of every learner and setting, but for those of other variants."""
    return [path for learner in (STUDY, *OTHERS) for path in (*exploited(learner), *lessened(learner))]


def each_learner():
    """Each learner's study, what marks its jobs, and what tells them whose they are."""
    others = [(one, f"_{number}", {"learner": one.learner}) for number, one in enumerate(OTHERS, 2)]
    return [(STUDY, "", {}), *others] if EXPLOITS else []


def equal_size(learner):
    return EQUAL_SIZE and learner.ablations.equal_size


def examples_of(wildcards, learner):
    """The examples that a job of fine-tuning reads."""
    seed = learner.experience_seed(int(wildcards.seed))
    return [distilled(one, seed) for one in ([*VARIANTS] if equal_size(learner) else [wildcards.variant])]


def ablated():
    """The predictions that ablations compare: every variant's, also at equal size, also in context if asked for."""
    settings = ["tuned", *(["tuned_equal"] if EQUAL_SIZE else []), *(["icl"] if STUDY.ablations.icl else [])]
    return predicted(*settings, variants=VARIANTS)


def formed(seed, learner):
    """A mark for a seed whose experience was turned into its forms, and the test set answered by a learner."""
    return f"{seen(learner.learnt)}/forms/.run/seed{seed}.done"


def audited(*names):
    """Tables of the audit to show beside our own, as far as there are any."""
    folders = [seen(STUDY.results.parent) + "/audit", "results/audit"]
    places = [[f"{folder}/tables/{name}.csv" for folder in folders] for name in names]
    return [path for both in places for path in [one for one in both if Path(one).is_file()][:1]]


def aside(name):
    """A table of the side study that has the ablations, as far as there is one."""
    path = STUDY.ablated / "tables" / f"{name}.csv"
    return [f"{seen(path.parent)}/{path.name}"] if STUDY.ablated != STUDY.results and path.is_file() else []


def of_another(name, *wanted):
    """Tables of another study that stand beside this one's, as far as there are any."""
    folder = f"{seen(STUDY.results.parent)}/{name}/tables"
    return [path for path in (f"{folder}/{one}.csv" for one in wanted) if name != STUDY.name and Path(path).is_file()]


def models(*sections):
    """The models that these sections of the study load into the process, by path or hub name."""
    named = [getattr(section, key, None) for section in sections for key in ("model", "paraphraser")]
    loaded = [getattr(STUDY.models[name], key, None) for name in named if name for key in ("path", "adapter")]
    return [*filter(None, loaded), *(section.base for section in sections if hasattr(section, "base"))]


# --- stages -----------------------------------------------------------------------------------------------------------


@dataclass
class Stage:
    """A notebook, and what it takes and leaves."""

    name: str
    notebook: str
    when: object  # whether the study has it
    needs: list[str] | Callable[[object], list[str]] = field(default_factory=list)
    tables: list[str] = field(default_factory=list)
    figures: list[str] = field(default_factory=list)
    leaves: list[str] = field(default_factory=list)  # other files
    per: dict[str, str] = field(default_factory=dict)  # parameters of a notebook that runs several times, by wildcards
    more: dict[str, str] = field(default_factory=dict)  # other parameters
    loads: list[str] = field(default_factory=list)  # models
    without: list[str] = field(default_factory=list)  # names that its notebook could reach, but does not as it calls

    def __post_init__(self):
        ending = "".join(
            f"_{'seed' if name == 'seed' else ''}{value.replace('/', 'of')}" for name, value in self.per.items()
        )
        self.stem = Path(self.notebook).stem + ending
        self.outputs = [*tables(*self.tables), *figures(*self.figures), *self.leaves]

    def code(self):
        """What the notebook depends on beside data; found only for a stage that the study has."""
        notebook = STUDY.root / self.notebook
        files = dependencies.of_notebook(SOURCES, notebook, STUDY, self.without)
        return [*map(seen, files_of(NAMED)), *map(seen, files)]

    def small(self):
        """Whether a laptop runs the models it loads: folders or files of the project, or those of the table."""
        return all(name in TABLE or Path(STUDY.place(name)).exists() for name in self.loads)

    def resources(self):
        return {} if self.small() else {"gpu": 1}

    def cores(self):
        """All cores for a model that runs on them and is not limited: two such jobs at once would be slower than one
        after the other."""
        tuned = [learner.finetuning for learner in (STUDY, *OTHERS)] + [*LEARNERS.values()]
        named = [(getattr(one, "path", None) or getattr(one, "base", None), one.threads)
                 for one in (*STUDY.models.values(), *filter(None, tuned)) if hasattr(one, "threads")]  # fmt: skip
        limits = [threads for name, threads in named if name in self.loads]
        return workflow.cores if self.small() and None in limits else max(filter(None, limits), default=1)


VARIANT_SEED, SEED = {"variant": "{variant}", "seed": "{seed}"}, {"seed": "{seed}"}
#: what is reached by settings that a notebook does not ask for
TUNED = ["ste_core.core.prompting.tuned", "ste_core.method.finetune"]
SHOWN = ["ste_core.core.prompting.ask_call", "ste_core.method.retrieve"]
GENERAL = ["ste_core.core.prompting.general"]
SCRIPT = ["ste_core.pipeline.resources.scripted_trials"]
#: what reading the rounds of continual learning leaves alone, though what reads them can also make them
MAKING = ["ste_core.pipeline.finetune_job", "ste_core.method.finetune.finetune", "ste_core.method.predict.predict",
          "ste_core.models.local", "ste_core.core.prompting.general"]  # fmt: skip

STAGES = [
    Stage("audit_verdicts", "notebooks/10_audit_verdicts.ipynb", STUDY.audit, [*tables("release"), *EXTRA],
          ["correctness", "intervals", "comparisons", "verdict_changes", "gold_changes", "marks", "by_api"],
          ["audit_correctness", "audit_selection", "audit_ablations"],
          [f"{RESULTS}/headline.txt", f"{RESULTS}/tables/items.csv.xz", *exported("correctness", "comparisons")]),
    Stage("audit_judge", "notebooks/12_audit_judge.ipynb", STUDY.audit, [*tables("release"), *EXTRA],
          ["judge_noise", "judged_bounds", "leniency"], ["audit_judge", "audit_leniency"], exported("leniency")),
    Stage("audit_forgetting", "notebooks/14_audit_forgetting.ipynb", STUDY.audit, tables("release"),
          ["forgetting", "forgetting_matrix"], ["audit_forgetting"], exported("forgetting")),
    Stage("audit_claims", "notebooks/16_audit_claims.ipynb", STUDY.audit,
          tables("correctness", "comparisons", "forgetting"), ["claims"], leaves=exported("claims")),
    Stage("score_your_own", "notebooks/17_score_your_own.ipynb", STUDY.audit, tables("release"),
          ["example_scores", "example_compared"]),
    Stage("audit_apis", "notebooks/18_audit_apis.ipynb", STUDY.audit,
          [f"{RESULTS}/tables/items.csv.xz", *tables("by_api")], figures=["audit_apis"]),
    Stage("second_audit", "notebooks/19_second_audit.ipynb", STUDY.name == "second_audit", [],
          ["second_audit", "second_audit_rows", "second_audit_differences"]),
    Stage("microworld", "notebooks/20_microworld.ipynb", STUDY.name == "microworld", [],
          ["properties", "reference"], ["microworld_reference"]),
    Stage("bfcl", "notebooks/24_bfcl.ipynb", BFCL and EXPLORES, [],
          ["bfcl_functions", "bfcl_items", "bfcl_gold_doubted", "bfcl_standing", "bfcl_agreement", "bfcl_disagreements"]),
    Stage("micro_lm", "notebooks/22_micro_lm.ipynb", STUDY.exam, tables("skills"),
          ["learning_curve"], ["micro_learning", "micro_skills"], loads=["microworld/checkpoint"]),
    Stage("explore", "notebooks/30_explore.ipynb", EXPLORES and not OWN_TOOLS,
          leaves=[touch(f"{RESULTS}/exploration/{{variant}}/seed{{seed}}/.run/part{{part}}of{{parts}}.done")],
          per=VARIANT_SEED | {"shard": "{part}/{parts}"}, loads=models(EXPLORATION)),
    Stage("exploration", "notebooks/32_exploration.ipynb", EXPLORES and not OWN_TOOLS, explored(),
          ["exploration", "exploration_episodes", "exploration_tools", "exploration_verdicts", "exploration_coverage",
           "exploration_curve"],
          ["exploration_outcomes", "exploration_episodes", "exploration_coverage"]),
    Stage("distill", "notebooks/34_distill.ipynb", EXPLORES and STUDY.distillation and not OWN_TOOLS,
          lambda wildcards: explored(wildcards.variant, wildcards.seed),
          leaves=[f"{RESULTS}/distilled/{{variant}}/seed{{seed}}/{name}" for name in ("examples.jsonl", "card.csv")],
          per=VARIANT_SEED, loads=models(STUDY.distillation), without=SCRIPT),
    *(Stage(part, "notebooks/34_distill.ipynb", EXPLORES, [distilled("full")], leaves=[distilled("full", f"{{seed}}/{part}")],
            per={"part": part, "seed": "{seed}"}, loads=models(STUDY.distillation),
            without=[] if part == "scripted" else SCRIPT) for part in WRITTEN),
    *(Stage(f"icl{mark}", "notebooks/40_icl.ipynb", EXPLOITS, [distilled()],
            leaves=predicted("icl", variants=["{variant}"], seeds=["{seed}"], learner=learner),
            per=VARIANT_SEED | about, loads=models(learner.exploitation), without=TUNED)
      for learner, mark, about in each_learner()),
    Stage("gold_answers", "notebooks/41_gold_answers.ipynb", LEARNERS,
          leaves=[touch(f"{RESULTS}/predictions/{{learner}}/.run/answers.done")],
          per={"learner": "{learner}"}, loads=models(*LEARNERS.values())),
    *(Stage(f"finetune{mark}", "notebooks/42_finetune.ipynb", CONCLUDES,
            lambda wildcards, learner=learner: examples_of(wildcards, learner),
            leaves=predicted("tuned", *(["tuned_equal"] if equal_size(learner) else []), variants=["{variant}"],
                             seeds=["{seed}"], learner=learner),
            per=VARIANT_SEED | about, more={"parts": "all,equal"} if equal_size(learner) else {},
            loads=models(learner.finetuning), without=SHOWN + GENERAL)
      for learner, mark, about in each_learner()),
    Stage("gold", "notebooks/43_gold.ipynb", LEARNERS,
          [f"{RESULTS}/predictions/{learner}/.run/answers.done" for learner in LEARNERS],
          ["main", "differences"], ["gold_correctness"]),
    Stage("correctness", "notebooks/44_correctness.ipynb", EXPLOITS, [*exploited(), *audited("correctness")],
          ["embedded_correctness", "embedded_gains", "embedded_errors", "embedded_tools", "paper_correctness"],
          ["embedded_correctness", "embedded_errors", "embedded_tools"]),
    *(Stage(f"amounts{mark}_{seed}_{part}", "notebooks/45_amounts.ipynb", EXPLOITS,
            made_of(part, learner.experience_seed(seed)),
            leaves=predicted(*(f"{setting}_{part}" for setting in settings), seeds=[seed], learner=learner),
            per={"seed": str(seed)} | about | {"part": part}, more={"settings": ",".join(settings)},
            loads=models(learner.exploitation, learner.finetuning), without=GENERAL)
      for learner, mark, about in each_learner() for seed, settings in settings_of_seed(learner, "some").items()
      for part in learner.parts),
    Stage("amount", "notebooks/46_amount.ipynb", PARTS, [*exploited(), *lessened()],
          ["amount", *CONTROL], ["embedded_amount"]),
    Stage("learners", "notebooks/47_learners.ipynb", (OTHERS or STUDY.compare_with) and EXPLOITS,
          [*answered(), *of_another("gold", "main")],
          ["main", "differences", "by_seed"], ["embedded_learners"]),
    Stage("wording", "notebooks/49_wording.ipynb", (OTHERS and EXPLOITS and not BFCL) or LEARNERS,
          [*answered(), *(f"{RESULTS}/predictions/{learner}/.run/answers.done" for learner in LEARNERS),
           *of_another("gold", "wording")],
          ["wording", "wording_differences"], ["embedded_wording"] if OTHERS else []),
    Stage("explorers", "notebooks/36_explorers.ipynb", STUDY.compare_with and EXPLOITS,
          [*explored(), *tables("main"), *(path for learner in (STUDY, *OTHERS) for path in exploited(learner)),
           *(tables("forms") if FORMS else []), *of_another(STUDY.compare_with, "exploration", "main", "forms")],
          ["explorers", "explorers_experience", "learnt_tools", "learnt_differences",
           *(["explorers_forms"] if FORMS_BESIDE else [])],
          ["explorers_experience", *(["experience_forms"] if FORMS_BESIDE else [])]),
    *(Stage(f"forms{mark}_{seed}", "notebooks/52_forms.ipynb", FORMS,
            [distilled("full", learner.experience_seed(seed)),
             *predicted("icl", seeds=[learner.experience_seed(seed)], learner=learner),
             *(predicted("tuned", seeds=[seed], learner=learner) if "tuned" in settings else [])],
            leaves=[touch(formed(seed, learner))], per={"seed": str(seed)} | about,
            loads=models(learner.exploitation, STUDY.forms))
      for learner, mark, about in each_learner() for seed, settings in settings_of_seed(learner).items()),
    Stage("which_form", "notebooks/54_which_form.ipynb", FORMS,
          [formed(seed, learner) for learner in (STUDY, *OTHERS) for seed in settings_of_seed(learner)],
          ["forms", "forms_differences", "forms_by_tool", "forms_conventions"], ["embedded_forms"],
          without=MAKING),
    Stage("bfcl_scores", "notebooks/48_bfcl_scores.ipynb", BFCL and EXPLOITS,
          [path for learner in (STUDY, *OTHERS) for path in exploited(learner)],
          ["bfcl_scores", "bfcl_gains", "bfcl_published"]),
    Stage("ablations", "notebooks/50_ablations.ipynb", ABLATES,
          [*(ablated() if ABLATES else []), *tables("embedded_correctness", "embedded_gains"), *audited("comparisons")],
          ["ablations", "ablations_exploring", "paper_ablations"], ["ablations_exploring", "ablations_accuracy"]),
    Stage("continual", "notebooks/60_continual.ipynb", STUDY.continual,
          learnt_in_turn,
          leaves=[touch(f"{RESULTS}/continual/.run/seed{{seed}}.done")],
          per=SEED, without=SHOWN,
          loads=models(STUDY.as_learner(STUDY.continual.learner).finetuning) if STUDY.continual else []),
    Stage("forgetting", "notebooks/62_forgetting.ipynb", STUDY.continual,
          [*(f"{RESULTS}/continual/.run/seed{seed}.done" for seed in CONTINUAL_SEEDS),
           *audited("forgetting", "forgetting_matrix")],
          ["continual_matrix", "continual_summary", "continual_differences", "continual_selection", *EXAMINED],
          ["continual_matrices", "continual_replay", *EXAMINED], without=MAKING),
    Stage("own_tools", "notebooks/70_own_tools.ipynb", OWN_TOOLS, [], ["learnt", "learnt_notes"],
          leaves=[f"{RESULTS}/learnt/{name}" for name in LEARNT],
          loads=models(EXPLORATION, STUDY.distillation, STUDY.forms)),
]  # fmt: skip
HERE = {stage.name: stage for stage in STAGES if stage.when}


def tables_of(*names):
    return [path for name in names if name in HERE for path in tables(*HERE[name].tables)]


STAGES += [
    Stage("story", "notebooks/00_story.ipynb", CONCLUDES,
          [*tables_of("exploration", "correctness", "learners", "ablations", "continual", "forgetting"), *tables(*CONTROL),
           *audited("claims"), *aside("ablations")],
          ["embedded_claims"]),
    Stage("open_questions", "notebooks/80_open_questions.ipynb", ASKS,
          [*tables_of("exploration", "correctness", "amount", "forgetting"), *aside("exploration_coverage")],
          ["open_questions"]),
]  # fmt: skip
HERE = {stage.name: stage for stage in STAGES if stage.when}


# --- rules ------------------------------------------------------------------------------------------------------------


wildcard_constraints:
    seed=r"\d+",  # not `0/hindsight`: a part's examples lie in the folder of the seed's


def fixed(paths):
    """Paths as they are, braces and all."""
    return lambda wildcards: paths


def parameters(stage):
    """The words that give a notebook its parameters."""
    pairs = {**stage.per, **stage.more}
    return lambda wildcards: [
        word for name, value in pairs.items() for word in ("-p", name, value.format(**dict(wildcards.items())))
    ]


rule all:
    input:
        [path for stage in HERE.values() if stage.tables or stage.figures for path in stage.outputs],
        tables("skills") if STUDY.exam else [],
        f"{RESULTS}/run.json",


rule record:
    input:
        [path for stage in HERE.values() for path in (tables(*stage.tables) or figures(*stage.figures))],
        tables("skills") if STUDY.exam else [],
    output:
        f"{RESULTS}/run.json",
    shell:
        "{PYTHON:q} -m ste_core record {NAMED:q}"


for stage in HERE.values():

    rule:
        name:
            stage.name
        input:
            stage.needs,
            fixed(stage.code()),
            notebook=fixed(stage.notebook),
        output:
            stage.outputs,
        log:
            notebook=f"{RESULTS}/notebooks/{stage.stem}.ipynb",
        benchmark:
            f"{RESULTS}/benchmarks/{stage.stem}.tsv"
        params:
            words=parameters(stage),
            weights=dependencies.weights(STUDY, stage.loads, Path(".snakemake/weights.json")),
        threads: stage.cores()
        resources:
            **stage.resources(),
        shell:
            "{PYTHON:q} -m ste_core notebook {input.notebook:q} {log.notebook:q} -p study {NAMED:q} {params.words:q}"


if STUDY.exam:

    rule skills:
        input:
            fixed([os.path.relpath(path) for path in SOURCES.reached(modules=["microworld.language.exam"]).files]),
        output:
            tables("skills"),
        params:
            each=STUDY.exam.items,
            weights=dependencies.weights(STUDY, ["microworld/checkpoint"], Path(".snakemake/weights.json")),
        shell:
            "{PYTHON:q} -m microworld.language.exam --out {output:q} --items {params.each}"
