"""Which study a figure shows, and where its files go: light, for the Snakefile asks before anything is drawn."""

from pathlib import Path

from ste_core.core.config import Study

#: the embedded study whose figures stand in `figures/`; those of the others stay beside their results
EMBEDDED = "full"

#: the study whose tables a figure shows, by the first word of its name
STUDIES = {
    "audit": "audit", "microworld": "microworld", "micro": "micro", "gold": "gold", "exploration": EMBEDDED,
    "embedded": EMBEDDED, "continual": EMBEDDED, "explorers": "full_call_first",
    "ablations": "full_ablations", "experience": "full_by_example",
}  # fmt: skip


def study_of(name: str) -> str:
    """The name of the study that a figure shows.

    >>> study_of("audit_judge"), study_of("continual_replay")
    ('audit', 'full')
    """
    return STUDIES[name.partition("_")[0]]


def where(name: str, study: Study) -> Path:
    """Where a figure of a study goes: to `figures/` if it is the study that readers see, else beside its results."""
    return study.figures if study_of(name) == study.name else study.results / "figures"
