# The study as a graph: study/<name>.yaml -> notebooks (papermill) -> results/<name>/ -> figures/.
# Run it by `make study` or `ste run <name>`, which check their input first. A failed notebook stays, as the rule's log.
import os
import sys
from pathlib import Path

from ste_core import study as studies

STUDY = studies.load(config["study"])
STUDY_FILE = str(studies.path_of(config["study"]))
RESULTS, FIGURES = os.path.relpath(STUDY.results), os.path.relpath(STUDY.figures)
EXECUTE = f"{sys.executable} -m ste_core notebook {{input.notebook}} {{log.notebook}} -p study {config['study']}"


def modules(*names):
    """The package's modules a rule depends on: a change in one of them runs the rule again."""
    return [f"ste_core/{name}.py" for name in ("records", "store", "study", *names)]


def tables(*names):
    return [f"{RESULTS}/tables/{name}.csv" for name in names]


def figures(*names):
    return [f"{FIGURES}/{name}.{kind}" for name in names for kind in ("csv", "svg", "png")]


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
AUDIT_FIGURES = ("audit_correctness", "audit_ablations", "audit_judge", "audit_forgetting")


rule all:
    input:
        tables(*AUDIT_TABLES) if STUDY.audit else [],
        figures(*AUDIT_FIGURES) if STUDY.audit else [],
        tables("properties", "reference") if STUDY.world else [],
        figures("microworld_reference") if STUDY.world else [],
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


rule record:
    input:
        tables(*AUDIT_TABLES) if STUDY.audit else [],
        tables("properties", "reference") if STUDY.world else [],
    output:
        f"{RESULTS}/run.json",
    shell:
        f"{sys.executable} -m ste_core record {config['study']}"
