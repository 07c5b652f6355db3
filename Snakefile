# The study as a graph: study/<name>.yaml -> notebooks (papermill) -> results/<name>/ -> figures/.
# Run it by `make study` or `ste run <name>`, which check their input first. A failed notebook stays, as the rule's log.
import os
import sys
from pathlib import Path

from ste_core import study as studies
from ste_core.figures import where

STUDY = studies.load(config["study"])
STUDY_FILE = str(studies.path_of(config["study"]))
RESULTS, FIGURES = os.path.relpath(STUDY.results), os.path.relpath(STUDY.figures)
EXECUTE = f"{sys.executable} -m ste_core notebook {{input.notebook}} {{log.notebook}} -p study {config['study']}"
ONE = " -p variant {wildcards.variant} -p seed {wildcards.seed}"
SHARDS = int(config.get("shards", 1))  # jobs that share the tools of an exploration, say on a cluster


def modules(*names):
    """The package's modules a rule depends on: a change in one of them runs the rule again."""
    return [f"ste_core/{name}.py" for name in ("records", "store", "study", *names)]


def tables(*names):
    return [f"{RESULTS}/tables/{name}.csv" for name in names]


def figures(*names):
    folders = {name: os.path.relpath(where(name, STUDY)) for name in names}
    return [f"{folders[name]}/{name}.{kind}" for name in names for kind in ("csv", "svg", "png")]


def explored():
    """A mark for every part of the exploration that is done; the trials themselves stand beside it, a file a tool."""
    plan = STUDY.exploration
    return [
        f"{RESULTS}/exploration/{variant}/seed{seed}/.run/part{part}of{SHARDS}.done"
        for variant in plan.variants
        for seed in plan.seeds
        for part in range(1, SHARDS + 1)
    ]


def exploited():
    """The predictions of every setting, with the experience of the full method (the ablations use other variants)."""
    settings = ["icl", *(["tuned"] if STUDY.finetuning else [])]
    return [
        f"{RESULTS}/predictions/{setting}/full/seed{seed}.jsonl" for setting in settings for seed in STUDY.exploration.seeds
    ]


MICROWORLD = sorted(
    str(path)
    for part in ("tools", "test_set")
    for path in Path("microworld", part).rglob("*")
    if path.suffix in (".py", ".jsonl")
)
AUDIT_MODULES = modules("prompting", "react", "score", "stats", "paper", "audit")
FIGURE_MODULES = ["ste_core/figures.py", "ste_core/plots.py", "ste_core/style.mplstyle"]
AUDIT_TABLES = (
    "correctness", "intervals", "comparisons", "verdict_changes", "gold_changes",
    "judge_noise", "forgetting", "forgetting_matrix", "claims",
)  # fmt: skip
EXPLORATION_TABLES = ("exploration", "exploration_episodes", "exploration_tools", "exploration_verdicts")
EXPLORATION_FIGURES = ("exploration_outcomes", "exploration_episodes")
EXPLORATION_MODULES = modules(
    "chat", "local", "decode", "batching", "prompting", "react", "toolbox", "explore", "exploration"
)
CORRECTNESS_TABLES = ("embedded_correctness", "embedded_gains", "embedded_errors")
CORRECTNESS_FIGURES = ("embedded_correctness", "embedded_errors")
EXPLOITATION_MODULES = modules("chat", "local", "decode", "batching", "prompting", "react", "toolbox", "stages")
MICRO = sorted(str(path) for path in Path("microworld/checkpoint").iterdir())
LANGUAGE = sorted(str(path) for path in Path("microworld/language").glob("*.py"))
AUDIT_FIGURES = ("audit_correctness", "audit_ablations", "audit_judge", "audit_forgetting")


rule all:
    input:
        tables(*AUDIT_TABLES) if STUDY.audit else [],
        figures(*AUDIT_FIGURES) if STUDY.audit else [],
        tables("properties", "reference") if STUDY.name == "microworld" else [],
        figures("microworld_reference") if STUDY.name == "microworld" else [],
        tables("skills", "learning_curve") if STUDY.exam else [],
        figures("micro_learning", "micro_skills") if STUDY.exam else [],
        tables(*EXPLORATION_TABLES) if STUDY.exploration else [],
        figures(*EXPLORATION_FIGURES) if STUDY.exploration else [],
        tables(*CORRECTNESS_TABLES) if STUDY.exploitation else [],
        figures(*CORRECTNESS_FIGURES) if STUDY.exploitation else [],
        f"{RESULTS}/run.json",


rule audit_verdicts:
    input:
        AUDIT_MODULES + FIGURE_MODULES,
        tables("release"),
        STUDY_FILE,
        notebook="notebooks/10_audit_verdicts.ipynb",
    output:
        tables("correctness", "intervals", "comparisons", "verdict_changes", "gold_changes"),
        figures("audit_correctness", "audit_ablations"),
        f"{RESULTS}/headline.txt",
    log:
        notebook=f"{RESULTS}/notebooks/10_audit_verdicts.ipynb",
    benchmark:
        f"{RESULTS}/benchmarks/10_audit_verdicts.tsv"
    shell:
        EXECUTE


rule audit_judge:
    input:
        AUDIT_MODULES + FIGURE_MODULES,
        tables("release"),
        STUDY_FILE,
        notebook="notebooks/12_audit_judge.ipynb",
    output:
        tables("judge_noise"),
        figures("audit_judge"),
    log:
        notebook=f"{RESULTS}/notebooks/12_audit_judge.ipynb",
    benchmark:
        f"{RESULTS}/benchmarks/12_audit_judge.tsv"
    shell:
        EXECUTE


rule audit_forgetting:
    input:
        AUDIT_MODULES + FIGURE_MODULES,
        tables("release"),
        STUDY_FILE,
        notebook="notebooks/14_audit_forgetting.ipynb",
    output:
        tables("forgetting", "forgetting_matrix"),
        figures("audit_forgetting"),
    log:
        notebook=f"{RESULTS}/notebooks/14_audit_forgetting.ipynb",
    benchmark:
        f"{RESULTS}/benchmarks/14_audit_forgetting.tsv"
    shell:
        EXECUTE


rule audit_claims:
    input:
        modules("claims", "stats"),
        tables("correctness", "comparisons", "forgetting"),
        STUDY_FILE,
        notebook="notebooks/16_audit_claims.ipynb",
    output:
        tables("claims"),
    log:
        notebook=f"{RESULTS}/notebooks/16_audit_claims.ipynb",
    benchmark:
        f"{RESULTS}/benchmarks/16_audit_claims.tsv"
    shell:
        EXECUTE


rule microworld:
    input:
        modules("prompting", "react", "score", "stats", "execution", "reference", "toolbox", "tools/functions"),
        FIGURE_MODULES,
        MICROWORLD,
        STUDY_FILE,
        notebook="notebooks/20_microworld.ipynb",
    output:
        tables("properties", "reference"),
        figures("microworld_reference"),
    log:
        notebook=f"{RESULTS}/notebooks/20_microworld.ipynb",
    benchmark:
        f"{RESULTS}/benchmarks/20_microworld.tsv"
    shell:
        EXECUTE


rule skills:
    input:
        MICRO,
        LANGUAGE,
    output:
        tables("skills"),
    shell:
        f"{sys.executable} -m microworld.language.exam --out {{output}}" + (f" --items {STUDY.exam.items}" if STUDY.exam else "")


rule micro_lm:
    input:
        modules("chat", "local", "prompting"),
        FIGURE_MODULES,
        tables("skills"),
        STUDY_FILE,
        notebook="notebooks/22_micro_lm.ipynb",
    output:
        tables("learning_curve"),
        figures("micro_learning", "micro_skills"),
    log:
        notebook=f"{RESULTS}/notebooks/22_micro_lm.ipynb",
    benchmark:
        f"{RESULTS}/benchmarks/22_micro_lm.tsv"
    shell:
        EXECUTE


rule explore:
    input:
        EXPLORATION_MODULES,
        STUDY_FILE,
        notebook="notebooks/30_explore.ipynb",
    output:
        touch(f"{RESULTS}/exploration/{{variant}}/seed{{seed}}/.run/part{{part}}of{{parts}}.done"),
    log:
        notebook=f"{RESULTS}/notebooks/30_explore_{{variant}}_seed{{seed}}_{{part}}of{{parts}}.ipynb",
    benchmark:
        f"{RESULTS}/benchmarks/30_explore_{{variant}}_seed{{seed}}_{{part}}of{{parts}}.tsv"
    shell:
        EXECUTE + ONE + " -p shard {wildcards.part}/{wildcards.parts}"


rule exploration:
    input:
        explored() if STUDY.exploration else [],
        modules("stats", "score", "trajectories"),
        FIGURE_MODULES,
        STUDY_FILE,
        notebook="notebooks/32_exploration.ipynb",
    output:
        tables(*EXPLORATION_TABLES),
        figures(*EXPLORATION_FIGURES),
    log:
        notebook=f"{RESULTS}/notebooks/32_exploration.ipynb",
    benchmark:
        f"{RESULTS}/benchmarks/32_exploration.tsv"
    shell:
        EXECUTE


rule distill:
    input:
        lambda one: [path for path in explored() if f"/{one.variant}/seed{one.seed}/" in path],
        EXPLOITATION_MODULES + modules("distill"),
        STUDY_FILE,
        notebook="notebooks/34_distill.ipynb",
    output:
        f"{RESULTS}/distilled/{{variant}}/seed{{seed}}/examples.jsonl",
        f"{RESULTS}/distilled/{{variant}}/seed{{seed}}/card.csv",
    log:
        notebook=f"{RESULTS}/notebooks/34_distill_{{variant}}_seed{{seed}}.ipynb",
    benchmark:
        f"{RESULTS}/benchmarks/34_distill_{{variant}}_seed{{seed}}.tsv"
    shell:
        EXECUTE + ONE


rule icl:
    input:
        f"{RESULTS}/distilled/{{variant}}/seed{{seed}}/examples.jsonl",
        EXPLOITATION_MODULES + modules("retrieve", "predict", "taxonomy", "score", "execution"),
        STUDY_FILE,
        notebook="notebooks/40_icl.ipynb",
    output:
        f"{RESULTS}/predictions/icl/{{variant}}/seed{{seed}}.jsonl",
    log:
        notebook=f"{RESULTS}/notebooks/40_icl_{{variant}}_seed{{seed}}.ipynb",
    benchmark:
        f"{RESULTS}/benchmarks/40_icl_{{variant}}_seed{{seed}}.tsv"
    shell:
        EXECUTE + ONE


rule finetune:
    input:
        f"{RESULTS}/distilled/{{variant}}/seed{{seed}}/examples.jsonl",
        EXPLOITATION_MODULES + modules("finetune", "training_data", "predict", "taxonomy", "score", "execution"),
        STUDY_FILE,
        notebook="notebooks/42_finetune.ipynb",
    output:
        f"{RESULTS}/predictions/tuned/{{variant}}/seed{{seed}}.jsonl",
    log:
        notebook=f"{RESULTS}/notebooks/42_finetune_{{variant}}_seed{{seed}}.ipynb",
    benchmark:
        f"{RESULTS}/benchmarks/42_finetune_{{variant}}_seed{{seed}}.tsv"
    shell:
        EXECUTE + ONE


rule correctness:
    input:
        exploited() if STUDY.exploitation else [],
        modules("stats", "score", "execution", "taxonomy", "stages"),
        FIGURE_MODULES,
        STUDY_FILE,
        notebook="notebooks/44_correctness.ipynb",
    output:
        tables(*CORRECTNESS_TABLES),
        figures(*CORRECTNESS_FIGURES),
    log:
        notebook=f"{RESULTS}/notebooks/44_correctness.ipynb",
    benchmark:
        f"{RESULTS}/benchmarks/44_correctness.tsv"
    shell:
        EXECUTE


rule record:
    input:
        tables(*AUDIT_TABLES) if STUDY.audit else [],
        tables("properties", "reference") if STUDY.name == "microworld" else [],
        tables("skills", "learning_curve") if STUDY.exam else [],
        tables(*EXPLORATION_TABLES) if STUDY.exploration else [],
        tables(*CORRECTNESS_TABLES) if STUDY.exploitation else [],
    output:
        f"{RESULTS}/run.json",
    shell:
        f"{sys.executable} -m ste_core record {config['study']}"
