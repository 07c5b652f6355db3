# The study as a graph: study/<name>.yaml -> notebooks (papermill) -> results/<name>/ -> figures/.
# Run it by `make study` or `ste run <name>`, which check their input first. A failed notebook stays, as the rule's log.
import os
import sys
from pathlib import Path

from ste_core.core import config as studies
from ste_core.models.weight_table import TABLE
from ste_core.report.figures import where

STUDY = studies.load(config["study"])
STUDY_FILE = [str(path) for path in studies.files_of(config["study"])]
RESULTS, FIGURES = os.path.relpath(STUDY.results), os.path.relpath(STUDY.figures)
SOURCE = os.path.relpath(STUDY.source)  # whose experience is used: RESULTS, unless the study names another's
EXECUTE = f"{sys.executable} -m ste_core notebook {{input.notebook}} {{log.notebook}} -p study {config['study']}"
ONE = " -p variant {wildcards.variant} -p seed {wildcards.seed}"
# tools without a test set: notebook 70 explores them, distils, and reports what was learnt
LEARNT = ("report.md", "report.json", "demonstrations.jsonl", "chat.jsonl", "tools.jsonl")
OWN_TOOLS = bool(
    STUDY.world and STUDY.exploration and STUDY.distillation and not STUDY.exploitation and not STUDY.world.test_set
)
SHARDS = int(config.get("shards", 1))  # jobs that share the tools of an exploration, say on a cluster
EXPLORES = STUDY.exploration is not None and SOURCE == RESULTS


def gpu(*places):
    """A GPU, for jobs that load a model which is no folder of the project and none that a laptop runs."""
    small = [place in TABLE or Path(STUDY.place(place)).is_dir() for place in places if place]
    return {} if all(small) else {"gpu": 1}


def loaded(*sections):
    """The models that these sections of the study load into the process, by folder or hub name."""
    names = [getattr(getattr(STUDY, section), "model", None) for section in sections]
    return [getattr(STUDY.models[name], "path", None) for name in names if name]


def modules(*names):
    """The package's modules a rule depends on: a change in one of them runs the rule again."""
    return [f"ste_core/{name}.py" for name in ("core/records", "core/store", "core/config", *names)]


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


def predicted(setting, variant, seed):
    return f"{RESULTS}/predictions/{setting}/{variant}/seed{seed}.jsonl"


def fewer(seed):
    """The predictions with less of the full method's experience, or with what stands in its place."""
    settings = ["icl", *(["tuned"] if STUDY.finetuning else [])]
    return [predicted(f"{setting}_{part}", "full", seed) for setting in settings for part in PARTS]


def ablated():
    """The predictions that ablations compare: every variant's, also at equal size, also in context if asked for."""
    settings = ["tuned", *(["tuned_equal"] if EQUAL_SIZE else []), *(["icl"] if STUDY.ablations.icl else [])]
    plan = STUDY.exploration
    return [predicted(setting, variant, seed) for setting in settings for variant in plan.variants for seed in plan.seeds]


def audited(name):
    """A table of the audit to show beside our own, if there is one."""
    places = [f"{folder}/tables/{name}.csv" for folder in (os.path.relpath(STUDY.results.with_name("audit")), "results/audit")]
    return [place for place in places if Path(place).is_file()][:1]


# what is compared beside the main settings: other variants, at equal size too, and less exploration
ABLATES = bool(
    STUDY.ablations and STUDY.exploitation and STUDY.finetuning and STUDY.exploration and len(STUDY.exploration.variants) > 1
)
EQUAL_SIZE = ABLATES and STUDY.ablations.equal_size
PARTS = STUDY.ablations.parts(STUDY.exploration.episodes) if STUDY.ablations and STUDY.exploitation else []
CONTROL = ["control"] if "gold" in PARTS else []

MICROWORLD = sorted(
    str(path)
    for part in ("tools", "test_set")
    for path in Path("microworld", part).rglob("*")
    if path.suffix in (".py", ".jsonl")
)
AUDIT_MODULES = modules(
    "core/prompting", "core/react", "scoring/score", "scoring/stats", "scoring/verdicts", "scoring/tidy", "release/data",
    "release/audit", "release/score_files",
)  # fmt: skip
FIGURE_MODULES = [
    f"ste_core/report/{name}" for name in ("figures.py", "plots.py", "plots_audit.py", "style.mplstyle")
]
AUDIT_TABLES = (
    "correctness", "intervals", "comparisons", "verdict_changes", "gold_changes", "marks", "by_api",
    "judge_noise", "judged_bounds", "leniency", "forgetting", "forgetting_matrix", "claims", "example_scores",
    "example_compared",
)  # fmt: skip
#: predictions of others that stand in the audit
EXTRA = sorted(STUDY.audit.extra.values()) if STUDY.audit else []
EXPLORATION_TABLES = ("exploration", "exploration_episodes", "exploration_tools", "exploration_verdicts",
                      "exploration_coverage", "exploration_curve")
EXPLORATION_FIGURES = ("exploration_outcomes", "exploration_episodes", "exploration_coverage")
EXPLORATION_MODULES = modules(
    "models/base", "models/local", "models/decoding", "models/sampling", "models/constrained", "models/prefix_cache", "models/engine", "core/prompting", "core/react", "tools/base", "method/explore", "pipeline/resources", "pipeline/explore_run"
)
CORRECTNESS_TABLES = (
    "embedded_correctness", "embedded_gains", "embedded_errors", "embedded_tools", "paper_correctness",
)  # fmt: skip
CORRECTNESS_FIGURES = ("embedded_correctness", "embedded_errors", "embedded_tools")
EXPLOITATION_MODULES = modules("models/base", "models/local", "models/decoding", "models/sampling", "models/constrained", "models/prefix_cache", "models/engine", "core/prompting", "core/react", "tools/base", "pipeline/resources", "pipeline/stages")
CONTINUAL_SEEDS = (STUDY.continual.seeds or (STUDY.exploration.seeds if STUDY.exploration else [])) if STUDY.continual else []
EXAMINED = ("continual_general",) if STUDY.continual and STUDY.world and STUDY.world.general else ()
CONTINUAL_TABLES = ("continual_matrix", "continual_summary", "continual_differences", *EXAMINED)
CONTINUAL_FIGURES = ("continual_matrices", "continual_replay", *EXAMINED)
COMPARISON_MODULES = modules(
    "scoring/stats", "scoring/verdicts", "scoring/score", "scoring/execution", "scoring/error_types", "pipeline/resources",
    "pipeline/stages", "analysis/compare",
)  # fmt: skip
MICRO = sorted(str(path) for path in Path("microworld/checkpoint").iterdir())
LANGUAGE = sorted(str(path) for path in Path("microworld/language").glob("*.py"))
AUDIT_FIGURES = (
    "audit_correctness", "audit_selection", "audit_ablations", "audit_judge", "audit_leniency", "audit_forgetting",
    "audit_apis",
)  # fmt: skip
SECOND_AUDIT = ("second_audit", "second_audit_rows", "second_audit_differences")


TELLS = bool(STUDY.exploitation and STUDY.exploration and STUDY.finetuning)
# a side study answers a question of the study that it extends, whose name its own goes on from
SIDE = len(STUDY_FILE) > 1 and STUDY.name.startswith(f"{Path(STUDY_FILE[1]).stem}_")
ASKS = TELLS and not SIDE


rule all:
    input:
        tables(*AUDIT_TABLES) if STUDY.audit else [],
        figures(*AUDIT_FIGURES) if STUDY.audit else [],
        tables(*SECOND_AUDIT) if STUDY.name == "second_audit" else [],
        tables("properties", "reference") if STUDY.name == "microworld" else [],
        figures("microworld_reference") if STUDY.name == "microworld" else [],
        tables("skills", "learning_curve") if STUDY.exam else [],
        figures("micro_learning", "micro_skills") if STUDY.exam else [],
        tables(*EXPLORATION_TABLES) if EXPLORES and not OWN_TOOLS else [],
        figures(*EXPLORATION_FIGURES) if EXPLORES and not OWN_TOOLS else [],
        tables(*CORRECTNESS_TABLES) if STUDY.exploitation else [],
        figures(*CORRECTNESS_FIGURES) if STUDY.exploitation else [],
        tables("amount", *CONTROL) if PARTS else [],
        figures("embedded_amount") if PARTS else [],
        tables("ablations", "paper_ablations") if ABLATES else [],
        figures("embedded_ablations") if ABLATES else [],
        tables(*CONTINUAL_TABLES) if STUDY.continual else [],
        figures(*CONTINUAL_FIGURES) if STUDY.continual else [],
        tables("learnt") if OWN_TOOLS else [],
        tables("embedded_claims") if TELLS else [],
        tables("open_questions") if ASKS else [],
        figures("open_questions") if ASKS else [],
        f"{RESULTS}/run.json",


rule audit_verdicts:
    input:
        AUDIT_MODULES + modules("release/marks") + FIGURE_MODULES,
        tables("release"),
        EXTRA,
        STUDY_FILE,
        notebook="notebooks/10_audit_verdicts.ipynb",
    output:
        tables("correctness", "intervals", "comparisons", "verdict_changes", "gold_changes", "marks", "by_api"),
        f"{RESULTS}/tables/items.csv.xz",
        multiext(f"{RESULTS}/export/correctness", ".tex", ".md"),
        multiext(f"{RESULTS}/export/comparisons", ".tex", ".md"),
        figures("audit_correctness", "audit_selection", "audit_ablations"),
        f"{RESULTS}/headline.txt",
    log:
        notebook=f"{RESULTS}/notebooks/10_audit_verdicts.ipynb",
    benchmark:
        f"{RESULTS}/benchmarks/10_audit_verdicts.tsv"
    shell:
        EXECUTE


rule audit_judge:
    input:
        AUDIT_MODULES + modules("release/leniency") + FIGURE_MODULES,
        tables("release"),
        EXTRA,
        STUDY_FILE,
        notebook="notebooks/12_audit_judge.ipynb",
    output:
        tables("judge_noise", "judged_bounds", "leniency"),
        multiext(f"{RESULTS}/export/leniency", ".tex", ".md"),
        figures("audit_judge", "audit_leniency"),
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
        multiext(f"{RESULTS}/export/forgetting", ".tex", ".md"),
        figures("audit_forgetting"),
    log:
        notebook=f"{RESULTS}/notebooks/14_audit_forgetting.ipynb",
    benchmark:
        f"{RESULTS}/benchmarks/14_audit_forgetting.tsv"
    shell:
        EXECUTE


rule audit_claims:
    input:
        modules("analysis/claims", "scoring/stats", "scoring/verdicts", "scoring/tidy"),
        tables("correctness", "comparisons", "forgetting"),
        STUDY_FILE,
        notebook="notebooks/16_audit_claims.ipynb",
    output:
        tables("claims"),
        multiext(f"{RESULTS}/export/claims", ".tex", ".md"),
    log:
        notebook=f"{RESULTS}/notebooks/16_audit_claims.ipynb",
    benchmark:
        f"{RESULTS}/benchmarks/16_audit_claims.tsv"
    shell:
        EXECUTE


rule score_your_own:
    input:
        AUDIT_MODULES + modules("release/marks"),
        tables("release"),
        STUDY_FILE,
        notebook="notebooks/17_score_your_own.ipynb",
    output:
        tables("example_scores", "example_compared"),
    log:
        notebook=f"{RESULTS}/notebooks/17_score_your_own.ipynb",
    benchmark:
        f"{RESULTS}/benchmarks/17_score_your_own.tsv"
    shell:
        EXECUTE


rule audit_apis:
    input:
        modules("scoring/stats", "scoring/verdicts", "analysis/look"),
        FIGURE_MODULES,
        f"{RESULTS}/tables/items.csv.xz",
        tables("by_api"),
        STUDY_FILE,
        notebook="notebooks/18_audit_apis.ipynb",
    output:
        figures("audit_apis"),
    log:
        notebook=f"{RESULTS}/notebooks/18_audit_apis.ipynb",
    benchmark:
        f"{RESULTS}/benchmarks/18_audit_apis.tsv"
    shell:
        EXECUTE


if STUDY.name == "second_audit":

    rule second_audit:
        input:
            modules("scoring/stats", "scoring/verdicts", "release/data", "release/second_audit"),
            STUDY_FILE,
            notebook="notebooks/19_second_audit.ipynb",
        output:
            tables(*SECOND_AUDIT),
        log:
            notebook=f"{RESULTS}/notebooks/19_second_audit.ipynb",
        benchmark:
            f"{RESULTS}/benchmarks/19_second_audit.tsv"
        shell:
            EXECUTE


rule microworld:
    input:
        modules("core/prompting", "core/react", "scoring/score", "scoring/stats", "scoring/execution", "analysis/baselines", "tools/base", "tools/functions"),
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
        modules("models/base", "models/local", "core/prompting"),
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
    resources:
        **gpu(*loaded("exploration")),
    shell:
        EXECUTE + ONE + " -p shard {wildcards.part}/{wildcards.parts}"


rule exploration:
    input:
        explored() if EXPLORES else [],
        modules("scoring/stats", "scoring/score", "analysis/trials"),
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
        EXPLOITATION_MODULES + modules("method/distill"),
        STUDY_FILE,
        notebook="notebooks/34_distill.ipynb",
    output:
        f"{RESULTS}/distilled/{{variant}}/seed{{seed}}/examples.jsonl",
        f"{RESULTS}/distilled/{{variant}}/seed{{seed}}/card.csv",
    log:
        notebook=f"{RESULTS}/notebooks/34_distill_{{variant}}_seed{{seed}}.ipynb",
    benchmark:
        f"{RESULTS}/benchmarks/34_distill_{{variant}}_seed{{seed}}.tsv"
    resources:
        **gpu(*loaded("distillation")),
    shell:
        EXECUTE + ONE


rule icl:
    input:
        f"{SOURCE}/distilled/{{variant}}/seed{{seed}}/examples.jsonl",
        EXPLOITATION_MODULES + modules("method/retrieve", "method/predict", "scoring/error_types", "scoring/score", "scoring/execution"),
        STUDY_FILE,
        notebook="notebooks/40_icl.ipynb",
    output:
        f"{RESULTS}/predictions/icl/{{variant}}/seed{{seed}}.jsonl",
    log:
        notebook=f"{RESULTS}/notebooks/40_icl_{{variant}}_seed{{seed}}.ipynb",
    benchmark:
        f"{RESULTS}/benchmarks/40_icl_{{variant}}_seed{{seed}}.tsv"
    resources:
        **gpu(*loaded("exploitation")),
    shell:
        EXECUTE + ONE


rule finetune:
    input:
        f"{SOURCE}/distilled/{{variant}}/seed{{seed}}/examples.jsonl",
        [f"{SOURCE}/distilled/{one}/seed{{seed}}/examples.jsonl" for one in STUDY.exploration.variants] if EQUAL_SIZE else [],
        EXPLOITATION_MODULES + modules("method/finetune", "method/training_data", "pipeline/finetune_job", "method/predict", "scoring/error_types", "scoring/score", "scoring/execution"),
        STUDY_FILE,
        notebook="notebooks/42_finetune.ipynb",
    output:
        f"{RESULTS}/predictions/tuned/{{variant}}/seed{{seed}}.jsonl",
        f"{RESULTS}/predictions/tuned_equal/{{variant}}/seed{{seed}}.jsonl" if EQUAL_SIZE else [],
    log:
        notebook=f"{RESULTS}/notebooks/42_finetune_{{variant}}_seed{{seed}}.ipynb",
    benchmark:
        f"{RESULTS}/benchmarks/42_finetune_{{variant}}_seed{{seed}}.tsv"
    resources:
        **gpu(STUDY.finetuning and STUDY.finetuning.base),
    shell:
        EXECUTE + ONE + (" -p parts all,equal" if EQUAL_SIZE else "")


if PARTS:

    rule amounts:
        input:
            f"{SOURCE}/distilled/full/seed{{seed}}/examples.jsonl",
            EXPLOITATION_MODULES + modules("method/retrieve", "method/finetune", "method/training_data", "method/predict"),
            STUDY_FILE,
            notebook="notebooks/45_amounts.ipynb",
        output:
            fewer("{seed}"),
        resources:
            **gpu(*loaded("exploitation"), STUDY.finetuning and STUDY.finetuning.base),
        log:
            notebook=f"{RESULTS}/notebooks/45_amounts_seed{{seed}}.ipynb",
        benchmark:
            f"{RESULTS}/benchmarks/45_amounts_seed{{seed}}.tsv"
        shell:
            EXECUTE + " -p seed {wildcards.seed}"


rule correctness:
    input:
        exploited() if STUDY.exploitation else [],
        audited("correctness"),
        COMPARISON_MODULES,
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


rule continual:
    input:
        f"{SOURCE}/distilled/{STUDY.continual.variant}/seed{{seed}}/examples.jsonl" if STUDY.continual else [],
        EXPLOITATION_MODULES + modules("method/finetune", "method/training_data", "method/predict", "pipeline/curriculum", "pipeline/continual_run"),
        STUDY_FILE,
        notebook="notebooks/60_continual.ipynb",
    output:
        touch(f"{RESULTS}/continual/.run/seed{{seed}}.done"),
    log:
        notebook=f"{RESULTS}/notebooks/60_continual_seed{{seed}}.ipynb",
    benchmark:
        f"{RESULTS}/benchmarks/60_continual_seed{{seed}}.tsv"
    resources:
        **gpu(STUDY.finetuning and STUDY.finetuning.base),
    shell:
        EXECUTE + " -p seed {wildcards.seed}"


rule forgetting:
    input:
        [f"{RESULTS}/continual/.run/seed{seed}.done" for seed in CONTINUAL_SEEDS],
        modules("scoring/stats", "scoring/verdicts", "scoring/score", "scoring/execution", "scoring/error_types", "pipeline/curriculum", "pipeline/continual_run", "analysis/forgetting"),
        [path for path in (f"results/audit/tables/{name}.csv" for name in ("forgetting", "forgetting_matrix")) if Path(path).is_file()],
        [path for path in [f"{RESULTS}_gold/run.json"] if Path(path).is_file()],
        FIGURE_MODULES,
        STUDY_FILE,
        notebook="notebooks/62_forgetting.ipynb",
    output:
        tables(*CONTINUAL_TABLES),
        figures(*CONTINUAL_FIGURES),
    log:
        notebook=f"{RESULTS}/notebooks/62_forgetting.ipynb",
    benchmark:
        f"{RESULTS}/benchmarks/62_forgetting.tsv"
    shell:
        EXECUTE


rule amount:
    input:
        exploited() + [path for seed in STUDY.exploration.seeds for path in fewer(seed)] if PARTS else [],
        COMPARISON_MODULES + modules("analysis/ablations"),
        FIGURE_MODULES,
        STUDY_FILE,
        notebook="notebooks/46_amount.ipynb",
    output:
        tables("amount", *CONTROL),
        figures("embedded_amount"),
    log:
        notebook=f"{RESULTS}/notebooks/46_amount.ipynb",
    benchmark:
        f"{RESULTS}/benchmarks/46_amount.tsv"
    shell:
        EXECUTE


rule ablations:
    input:
        ablated() if ABLATES else [],
        audited("comparisons"),
        COMPARISON_MODULES + modules("analysis/ablations"),
        FIGURE_MODULES,
        STUDY_FILE,
        notebook="notebooks/50_ablations.ipynb",
    output:
        tables("ablations", "paper_ablations"),
        figures("embedded_ablations"),
    log:
        notebook=f"{RESULTS}/notebooks/50_ablations.ipynb",
    benchmark:
        f"{RESULTS}/benchmarks/50_ablations.tsv"
    shell:
        EXECUTE


rule own_tools:
    input:
        EXPLORATION_MODULES + modules("method/distill", "release/formats", "method/retrieve", "pipeline/stages", "analysis/own_tools", "tools/open", "tools/mcp"),
        STUDY_FILE,
        notebook="notebooks/70_own_tools.ipynb",
    output:
        tables("learnt"),
        [f"{RESULTS}/learnt/{name}" for name in LEARNT],
    log:
        notebook=f"{RESULTS}/notebooks/70_own_tools.ipynb",
    benchmark:
        f"{RESULTS}/benchmarks/70_own_tools.tsv"
    shell:
        EXECUTE


rule story:
    input:
        tables(*EXPLORATION_TABLES) if EXPLORES and not OWN_TOOLS else [],
        tables(*CORRECTNESS_TABLES) if TELLS else [],
        tables("ablations") if ABLATES else [],
        tables(*CONTROL),
        tables(*CONTINUAL_TABLES) if STUDY.continual else [],
        audited("claims"),
        modules("scoring/stats", "scoring/verdicts", "analysis/claims", "analysis/claims_embedded", "analysis/headline", "analysis/ablations"),
        FIGURE_MODULES,
        STUDY_FILE,
        notebook="notebooks/00_story.ipynb",
    output:
        tables("embedded_claims"),
    log:
        notebook=f"{RESULTS}/notebooks/00_story.ipynb",
    benchmark:
        f"{RESULTS}/benchmarks/00_story.tsv"
    shell:
        EXECUTE


rule open_questions:
    input:
        explored() if EXPLORES else [],
        exploited() if ASKS else [],
        ablated() if ABLATES else [],
        [path for seed in STUDY.exploration.seeds for path in fewer(seed)] if PARTS else [],
        tables(*CONTINUAL_TABLES) if STUDY.continual else [],
        audited("comparisons"),
        sorted(os.path.relpath(path) for path in STUDY.results.parent.glob(f"{STUDY.name}_*/run.json")),
        COMPARISON_MODULES + modules("analysis/trials", "analysis/behaviour", "analysis/ablations", "analysis/forgetting", "analysis/claims", "analysis/ledger", "analysis/open_questions"),
        FIGURE_MODULES,
        STUDY_FILE,
        notebook="notebooks/80_open_questions.ipynb",
    output:
        tables("open_questions"),
        figures("open_questions"),
    log:
        notebook=f"{RESULTS}/notebooks/80_open_questions.ipynb",
    benchmark:
        f"{RESULTS}/benchmarks/80_open_questions.tsv"
    shell:
        EXECUTE


rule record:
    input:
        tables(*AUDIT_TABLES) if STUDY.audit else [],
        figures("audit_apis") if STUDY.audit else [],
        tables(*SECOND_AUDIT) if STUDY.name == "second_audit" else [],
        tables("properties", "reference") if STUDY.name == "microworld" else [],
        tables("skills", "learning_curve") if STUDY.exam else [],
        tables(*EXPLORATION_TABLES) if EXPLORES and not OWN_TOOLS else [],
        tables(*CORRECTNESS_TABLES) if STUDY.exploitation else [],
        tables("amount", *CONTROL) if PARTS else [],
        tables("ablations", "paper_ablations") if ABLATES else [],
        tables(*CONTINUAL_TABLES) if STUDY.continual else [],
        tables("learnt") if OWN_TOOLS else [],
        tables("embedded_claims") if TELLS else [],
        tables("open_questions") if ASKS else [],
    output:
        f"{RESULTS}/run.json",
    shell:
        f"{sys.executable} -m ste_core record {config['study']}"
