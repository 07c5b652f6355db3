"""The ten questions the paper leaves open: what a study can say to each of them, with interval, test and verdict.

>>> found = answers(study, shown_by)                                     # doctest: +SKIP
>>> for line in reading(found, 1):                                       # doctest: +SKIP
...     print(line)

A *statement* is a hypothesis that an estimate decides: supported or not supported if its corrected test says so, else
inconclusive (`scoring.verdicts`, `analysis.ledger`). Beside it stand *descriptions*, which nothing is concluded from,
and what the audit of the paper's own runs says. What is compared is paired on the same item or trial. What a study does
not have, or what left nothing to compare, is a row as well: inconclusive, and it says why.

Side studies extend a study by one change (`study/<study>_<side>.yaml`, see `SIDES`) and are read where they have run.

Departures: the paper has none of these experiments but the ablations. docs/open_questions.md says how each was turned
into estimates, and what no study of this project can tell.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import pandas as pd

from ste_core.analysis import ablations, behaviour, claims, compare, forgetting
from ste_core.analysis import trials as trajectories
from ste_core.analysis.ablations import PAPER_VARIANTS
from ste_core.analysis.ledger import METRIC, NOTHING, Estimate, Estimator, Ledger
from ste_core.core import config as studies
from ste_core.core import store
from ste_core.core.config import Arm, Study
from ste_core.core.errors import UserError
from ste_core.core.records import Prediction, TestItem, Tool, Trial
from ste_core.method import distill
from ste_core.pipeline import explore_run as exploration
from ste_core.pipeline import resources, stages
from ste_core.pipeline.stages import ALL, EQUAL, FULL, NO_VARIANT
from ste_core.scoring import score, stats

QUESTIONS = {
    1: "Does memory buy coverage of what a tool can do?",
    2: "How far does the biological analogy hold?",
    3: "What feedback beyond error messages helps?",
    4: "Does reflection help more when it gives reasons?",
    5: "What of tools whose calls depend on each other?",
    6: "Does exploring deeper pay, and do faulty trials teach?",
    7: "Are there other ways to use the experience?",
    8: "Are entirely new kinds of tools learnt one after the other?",
    9: "What if several tools would serve?",
    10: "Do other mechanisms of human learning help?",
}

#: what no study of this project can tell
BEYOND = {
    1: "what a tool does behind its arguments, where no schema lists it",
    2: "anything about brains",
    3: "feedback from people, from unit tests, from a critic, or from examples of use in errors",
    4: "what good reasons would be worth: the small model has never learnt to give any",
    5: "chains over several tools: exploration opens one tool at a time, and every test item has one gold call",
    6: "learning from failures as failures: no stage uses a trial without a working call",
    7: "adapters for each tool, trials looked up while acting, reinforcement",
    8: "kinds of tools that need another form of call: all of these are called alike",
    9: "whether the paper's wrong calls would have served: its APIs can no longer be called",
    10: "sleep-like consolidation, curricula by difficulty, social learning, curiosity as an objective",
}

#: side studies: their ending, and the one thing they change
SIDES = {
    "novelty": "a query too close to an earlier one is asked for again",
    "unfiltered": "no judge between trials and examples",
    "families": "batches hold tools of one kind",
    "rationale": "reflection gives a reason, which memory keeps",
    "gold": "rounds of continual learning learn gold examples",
}

FT, ICL, BASELINE = (stages.label(setting) for setting in ("tuned", "icl", "baseline"))

#: a side study answers the same baseline items as its study, unless it is of another model or of other tools
SAME = 0.9

NO_PART, NOT_RUN = "not part of this study", "not run"
GOLD = ", of gold examples"
TABLES_ONLY = "not run here: of the run elsewhere, tables only are kept"


# --- what lies on disk ------------------------------------------------------------------------------------------------


def side(study: Study, name: str) -> Study | None:
    """A side study, if it has run to its end with the study's own model and tools; else None.

    Raises:
        UserError: its file is not valid, or its results are damaged.
    """
    return _looked_up(study, name)[0]


def sides(study: Study) -> pd.DataFrame:
    """The side studies of a study: `study, changes, state`."""
    rows = [(f"{study.name}_{name}", change, _looked_up(study, name)[1]) for name, change in SIDES.items()]
    return pd.DataFrame(rows, columns=["study", "changes", "state"])


def _looked_up(study: Study, name: str) -> tuple[Study | None, str]:
    full = f"{study.name}_{name}"
    if not studies.path_of(full).is_file():
        return None, "there is no such file in study/"
    found = studies.load(full)
    if not (found.results / "run.json").is_file():
        return None, NOT_RUN
    if not _here(found):
        return None, TABLES_ONLY
    return (found, "has run") if _alike(study, found) else (None, "of another model or other tools, run it again")


def _here(study: Study) -> bool:
    """Whether what a study's run leaves on the way to its tables is there; a fresh clone has the tables alone."""
    explores = study.exploration is not None and study.experience is None
    return (
        (not explores or any((study.results / "exploration").glob("*/*/*.jsonl")))
        and (study.exploitation is None or stages.predictions_file(study, "baseline", NO_VARIANT, 0).is_file())
        and (study.continual is None or _learnt_here(study))
    )


def _learnt_here(study: Study) -> bool:
    """Whether the answers of continual learning are there."""
    return study.continual is not None and any((study.results / "continual").glob("*/*/*.jsonl"))


def _alike(study: Study, other: Study) -> bool:
    """Whether two studies' baselines answered the items that both were asked alike; true where there are none."""
    answers = []
    for one in (study, other):
        path = stages.predictions_file(one, "baseline", NO_VARIANT, 0)
        answers.append({(row.gold.tool, row.item): row.output for row in store.read_jsonl(path, Prediction)})
    both = answers[0].keys() & answers[1].keys()
    return sum(answers[0][key] == answers[1][key] for key in both) >= SAME * len(both)


@dataclass
class _Case:
    """A study's evidence, read when it is first asked for, and the ledger to fill."""

    study: Study
    shown_by: Mapping[str, str]
    ledger: Ledger = field(default_factory=lambda: Ledger(BEYOND))

    def __post_init__(self) -> None:
        self.estimate = Estimator(self.study)

    def side(self, name: str) -> Study | None:
        if name not in self._sides:
            self._sides[name] = side(self.study, name)
        return self._sides[name]

    @cached_property
    def _sides(self) -> dict[str, Study | None]:
        return {}

    @cached_property
    def tools(self) -> Mapping[str, Tool]:
        return resources.listing(self.study).tools

    @cached_property
    def items(self) -> list[TestItem]:
        return resources.items(self.study, "test")

    @cached_property
    def variants(self) -> list[str]:
        return [] if self.study.exploration is None else list(self.study.exploration.variants)

    @property
    def episodes(self) -> int:
        return 0 if self.study.exploration is None else self.study.exploration.episodes

    @cached_property
    def trials(self) -> list[Trial]:
        return self.explored(self.study, self.variants)

    def explored(self, study: Study, variants: Sequence[str] = (FULL,)) -> list[Trial]:
        seeds = compare.seeds_of(self.study)
        return [one for variant in variants for seed in seeds for one in exploration.read(study, variant, seed)]

    @cached_property
    def frame(self) -> pd.DataFrame:
        return trajectories.frame(self.trials) if self.trials else pd.DataFrame()

    @cached_property
    def full(self) -> list[Trial]:
        return [one for one in self.trials if one.variant == FULL]

    @cached_property
    def rows(self) -> pd.DataFrame:
        """The outcomes of every setting, variant and part that the study has."""
        wanted = [*compare.MAIN, *ablations.runs(self.study), *ablations.amount_runs(self.study)]
        return _judged(self.study, dict.fromkeys(wanted))

    def of(self, setting: str, variant: str = FULL) -> pd.DataFrame:
        return self.rows[(self.rows["setting"] == setting) & (self.rows["variant"] == variant)]

    def contrast(self, a: tuple[str, str], b: tuple[str, str]) -> Estimate | None:
        """A paired difference of two settings and variants; if another table has it, its p-value is corrected there."""
        known = self._corrected.get((*a, *b))
        family, p = known or ("", float("nan"))
        return self.estimate.predicted(self.of(*a), self.of(*b), p_holm=p, family=family)

    @cached_property
    def _corrected(self) -> dict[tuple[str, str, str, str], tuple[str, float]]:
        """(setting, variant) of either side -> family and p-value, of contrasts that other notebooks' tables hold."""
        found: dict[tuple[str, str, str, str], tuple[str, float]] = {}
        right = score.right(self.rows.columns)
        parts_of = [ALL, EQUAL, *stages.amounts(self.study)]
        uncounted = [(variant, part, 0) for variant in self.variants for part in parts_of]  # only p-values are wanted
        sizes = pd.DataFrame(uncounted, columns=["variant", "part", "examples"])
        for row in compare.gains(self.rows, self.study, right).itertuples():
            found[(*_ends(row.comparison),)] = ("settings", row.p_holm)
        parts = ablations.table(self.rows, sizes, self.study)
        for row in parts[parts["metric"] == right].itertuples():
            found[row.setting, row.variant, row.setting, FULL] = ("ablations", row.p_holm)
        full = self.rows[self.rows["variant"].isin([FULL, NO_VARIANT])]
        amounts = ablations.amount(full, sizes, self.study)
        known = amounts[amounts["metric"] == right].set_index(["setting", "episodes"])["p_holm"]
        for setting in ("tuned", "icl"):
            for part in stages.amounts(self.study):
                key = (stages.label(setting), stages.episodes_of(part))
                if key in known.index:
                    found[stages.label(setting, part), FULL, key[0], FULL] = ("amount", known[key])
        return found

    def told_by(self, rows: pd.DataFrame, group: str) -> pd.DataFrame:
        """The rows of the tools whose hidden convention an "error" tells, or a "result"; "": of those without any."""
        return rows[rows["tool"].isin([tool for tool in self.tools if self.shown_by.get(tool, "") == group])]

    @cached_property
    def in_turn(self) -> "_InTurn":
        """The study's own continual learning."""
        here = self.study.continual is None or _learnt_here(self.study)
        return _InTurn(self.study, NO_PART if here else TABLES_ONLY)

    @cached_property
    def gold_in_turn(self) -> "_InTurn":
        """That of the side study whose rounds learn gold examples."""
        other = self.side("gold")
        if other is None:
            return _InTurn(None, _not_run("gold"))
        found = _InTurn(other, NO_PART)
        try:
            found.shares  # noqa: B018
        except UserError:
            return _InTurn(None, _of_other_data(other))
        return found


@dataclass
class _InTurn:
    """What continual learning left, of a study that has it; nothing where there is no study.

    Attributes:
        missing: why there is no arm of some kind, where there is none.
    """

    study: Study | None
    missing: str

    @cached_property
    def rows(self) -> pd.DataFrame | None:
        """Every answer, judged.

        Raises:
            UserError: rounds are not done, or were done with other data or settings.
        """
        return forgetting.outcomes(self.study) if self.study is not None and _learnt_here(self.study) else None

    @cached_property
    def shares(self) -> dict[str, forgetting.Shares]:
        return {} if self.rows is None else forgetting.shares(self.rows)

    @property
    def arms(self) -> list[Arm]:
        if self.study is None or self.study.continual is None or not _learnt_here(self.study):
            return []
        return self.study.continual.arms

    @cached_property
    def by_share(self) -> dict[float, Arm]:
        """The arms in sequence and in the plain order by their share of replay, with as many general tasks as the one
        whose share is nearest to the paper's has."""
        plain = [one for one in self.arms if one.kind == "sequential" and forgetting.in_order(one)]
        if not plain:
            return {}
        paper = min(plain, key=lambda one: abs(one.replay - claims.PAPER_REPLAY))
        return {one.replay: one for one in plain if one.general == paper.general}

    @property
    def replayed(self) -> dict[str, Arm]:
        """Of the arms in sequence, the one with the paper's replay, or nearly, and the one with none."""
        paper = min(filter(None, self.by_share), key=lambda share: abs(share - claims.PAPER_REPLAY), default=None)
        found = {} if paper is None else {"with replay": self.by_share[paper]}
        if 0.0 in self.by_share:
            found["without replay"] = self.by_share[0.0]
        return found


def _ends(comparison: str) -> tuple[str, str, str, str]:
    """ "FT - ICL" as setting and variant of either side."""
    a, b = comparison.split(" - ")
    return a, FULL if a != BASELINE else NO_VARIANT, b, FULL if b != BASELINE else NO_VARIANT


def _against(table: pd.DataFrame, keys: list[str], value: str, a: str, b: str) -> pd.DataFrame:
    """The units that two variants share: the keys, and each one's value as `a` and `b`."""
    own, other = (table.loc[table["variant"] == one, [*keys, value]] for one in (a, b))
    return own.merge(other, on=keys, suffixes=("_a", "_b")).rename(columns={f"{value}_a": "a", f"{value}_b": "b"})


# --- the ten ----------------------------------------------------------------------------------------------------------


def answers(study: Study, shown_by: Mapping[str, str]) -> pd.DataFrame:
    """What a study says to all ten questions.

    Args:
        study: explored, exploited and compared.
        shown_by: of the tools that have a convention which their documentation leaves out, what tells it: "error" or
            "result"; other tools have none.

    Returns:
        The rows of `open_questions.csv`: `question, part, source` (experiment, audit, not from here), `hypothesis`,
        `tested` (1: a statement, 0: a description), `test, unit, n` (units), `tools, effect, ci_low, ci_high, p,
        p_holm, verdict, evidence`. A statement about what is not there has no effect and is inconclusive.

    Raises:
        UserError: no predictions at all, or an arm of continual learning that is not done.
    """
    case = _Case(study, shown_by)
    for ask in (_coverage, _analogy, _feedback, _reflection, _dependence, _depth, _exploitation, _kinds, _redundancy,
                _mechanisms):  # fmt: skip
        ask(case)
    return case.ledger.closed()


MEMORIES = {"no_long_term": "long-term", "no_short_term": "short-term"}


def _coverage(case: _Case) -> None:
    state, describe, estimate = case.ledger.state, case.ledger.describe, case.estimate
    early = [one for one in case.trials if one.episode < case.episodes // 2]
    optional, forms = (
        behaviour.arguments_covered(case.trials, case.tools),
        behaviour.forms_covered(case.trials, case.items),
    )
    item, argument = ["tool", "item", "seed"], ["tool", "argument", "seed"]
    for variant, memory in MEMORIES.items():
        missing = NOTHING if variant in case.variants else NO_PART

        def gained(table: pd.DataFrame, keys: list[str], what: str, variant: str = variant) -> Estimate | None:
            return estimate.paired(_against(table, keys, "covered", FULL, variant))

        state(
            1,
            f"{memory} memory covers more optional arguments",
            gained(optional, argument, "optional"),
            missing=missing,
        )
        state(1, f"{memory} memory covers more forms of test queries", gained(forms, item, "forms"), missing=missing)
        one = gained(behaviour.forms_covered(early, case.items), item, "early")
        describe(1, f"forms gained by {memory} memory in the first half", one, missing=missing)
        one = gained(forms[forms["any"].astype(bool)], item, "ran")
        describe(1, f"at the end, of tools that ran with and without {memory} memory", one, missing=missing)
    if len(case.frame):
        keys = ["tool", "seed", "episode", "trial"]
        units = _against(case.frame[case.frame["later"]], keys, "repeats", FULL, "no_long_term")
        describe(1, "queries repeated with long-term memory, less without", estimate.paired(units))
    full = forms.loc[forms["variant"] == FULL, [*item, "covered"]]
    worth = case.of(FT).merge(full, on=item).rename(columns={"covered": "group", METRIC: "right"})
    describe(1, "FT right where the form was covered, less where not", estimate.gap(worth),
             note="an association: hard tools are covered less and solved less")  # fmt: skip
    for variant, memory in MEMORIES.items():
        case.ledger.audit(1, f"without {memory} memory FT is less often right", _audited(case, variant))


def _audited(case: _Case, variant: str) -> pd.Series | None:
    """The audit's row on what the paper's FT loses without a part."""
    table = compare.audited(case.study, "comparisons")
    if table is None:
        return None
    own = table[(table["table"] == "ablation") & (table["verdict"] == "rule")]
    own = own[own["setting_a"].map(PAPER_VARIANTS) == variant]
    return own.iloc[0] if len(own) else None


def _analogy(case: _Case) -> None:
    hypothesis = "a little replay saves over half of what most replay saves"
    for learnt, after in ((case.in_turn, ""), (case.gold_in_turn, GOLD)):
        shares = sorted(learnt.by_share)
        if len(shares) < 3 or shares[0]:
            missing = learnt.missing if not shares else f"{NOTHING}: it takes arms with none, little and much replay"
            case.ledger.state(2, hypothesis + after, None, missing=missing)
            continue
        none, little, most = (learnt.shares[learnt.by_share[one].name] for one in (shares[0], shares[1], shares[-1]))
        # over half: little - none > (most - none) / 2, and the measure is linear in what was right
        half = replace(none, batches=tuple((a + b) / 2 for a, b in zip(none.batches, most.batches, strict=True)))
        one = case.estimate.learnt(little, half, "backward_transfer")
        note = f"backward transfer: {shares[1]:.0%} of the examples, less the mean of none and {shares[-1]:.0%}"
        case.ledger.state(2, hypothesis + after, one, note=note)


#: what tells a tool's hidden convention -> in words
GROUPS = {"error": "an error tells the convention", "result": "only a result tells it", "": "there is none to tell"}


def _feedback(case: _Case) -> None:
    variant, describe = "no_feedback", case.ledger.describe
    missing = NOTHING if variant in case.variants else NO_PART
    full, other = case.of(FT), case.of(FT, variant)
    for group, words in GROUPS.items():
        one = case.estimate.predicted(case.told_by(full, group), case.told_by(other, group))
        (case.ledger.state if group else describe)(3, f"feedback helps FT where {words}", one, missing=missing)
    groups = [_by_tool(case.told_by(full, group), case.told_by(other, group)) for group in ("error", "")]
    one = case.estimate.between(*groups, n=sum(map(len, groups)))
    case.ledger.state(3, "it helps more where an error tells than where there is none to tell", one, missing=missing)
    if case.study.ablations is not None and case.study.ablations.equal_size:
        label = stages.label("tuned", EQUAL)
        for group, words in GROUPS.items():
            own = (case.told_by(case.of(label, one), group) for one in (FULL, variant))
            one = case.estimate.predicted(*own)
            describe(3, f"with equally many examples, where {words}", one, missing=missing)
    met = behaviour.errors_met(case.full, case.tools)
    describe(3, "errors overcome, of first calls refused", case.estimate.share(met), unit="%")
    describe(3, "errors that name an argument are overcome more often by", case.estimate.gap(met))
    case.ledger.audit(3, "without feedback FT is less often right", _audited(case, variant))


def _by_tool(a: pd.DataFrame, b: pd.DataFrame) -> pd.Series:
    """The paired difference of each tool, in points."""
    keys = ["tool", "item", "seed"]
    both = a[[*keys, METRIC]].merge(b[[*keys, METRIC]], on=keys, suffixes=("_a", "_b"))
    apart = both[f"{METRIC}_a"].astype(float) - both[f"{METRIC}_b"].astype(float)
    return 100 * apart.groupby(both["tool"]).mean()


def _reflection(case: _Case) -> None:
    variant, estimate = "no_reflection", case.estimate
    describe = case.ledger.describe
    missing = NOTHING if variant in case.variants else NO_PART
    one = case.contrast((FT, variant), (FT, FULL))
    case.ledger.state(4, "without reflection FT is less often right", one, missing=missing, below=True)
    if len(case.frame):
        told = case.frame[case.frame["variant"] == FULL].rename(columns={"ran": "group", "solved": "right"})
        describe(4, "called solved where a call ran, less where none did", estimate.gap(told),
                 note="zero: its verdict does not tell them apart")  # fmt: skip
    other, reasons, missing = case.side("rationale"), None, _not_run("rationale")
    if other is not None:
        asked = [one for one in case.explored(other) if one.reflection is not None]
        units = [(one.tool, behaviour.gives_reason(one.reflection or "")) for one in asked]
        reasons, missing = estimate.share(pd.DataFrame(units, columns=["tool", "right"])), NOTHING
    describe(4, "verdicts that come with a reason, when one is asked for", reasons, unit="%", missing=missing)
    case.ledger.audit(4, "without reflection FT is less often right", _audited(case, variant))


def _not_run(name: str) -> str:
    return f"{NOT_RUN}: side study {name}"


def _of_other_data(other: Study) -> str:
    return f"{NOTHING}: side study {other.name} is of other data, run it again"


def _dependence(case: _Case) -> None:
    for variant in (FULL, "no_short_term"):
        own = [one for one in case.trials if one.variant == variant]
        found = [(one.tool, behaviour.uses_earlier(one, case.tools[one.tool])) for one in own]
        for kind in ("result", "error"):
            units = pd.DataFrame([(tool, held == kind) for tool, held in found], columns=["tool", "right"])
            what = f"trials in which a call uses a value that only an earlier {kind} told ({variant.replace('_', ' ')})"
            one = case.estimate.share(units)
            case.ledger.describe(5, what, one, unit="%", missing=NOTHING if variant in case.variants else NO_PART)


def _depth(case: _Case) -> None:
    state, estimate, parts = case.ledger.state, case.estimate, stages.amounts(case.study)
    for setting, label in (("tuned", FT), ("icl", ICL)):
        for part in dict.fromkeys([*parts[:1], *parts[-1:]]):
            name = stages.label(setting, part)
            one = case.contrast((name, FULL), (label, FULL))
            state(6, f"{name}: worse than all {case.episodes}", one, below=True)
        if not parts:
            state(6, f"{label}: less exploration is worse than all of it", None, missing=NO_PART, below=True)
    state(6, "with long-term memory, trials get better over episodes", _late(case),
          missing=NOTHING if "no_long_term" in case.variants else NO_PART,
          note="a call ran, last third less first third of the episodes, full less no long-term memory")  # fmt: skip
    told = case.told_by(behaviour.after_errors(case.trials), "error")
    told = told[told["variant"].isin([FULL, "no_short_term"])]
    rates = (100 * told.groupby(["variant", "tool"])["first_ran"].mean()).unstack("variant")
    rates = rates.reindex(columns=[FULL, "no_short_term"])
    state(6, "after an error, remembering the episode makes first calls run",
          estimate.mean(rates[FULL] - rates["no_short_term"], n=len(told)),
          missing=NOTHING if "no_short_term" in case.variants else NO_PART,
          note="later trials of the episode, full less no short-term memory, mean over tools")  # fmt: skip
    _faulty(case)


def _late(case: _Case) -> Estimate | None:
    """How much more trials improve over episodes with long-term memory than without, in points."""
    if case.frame.empty or case.episodes < 2:
        return None
    frame, third = case.frame[case.frame["variant"].isin([FULL, "no_long_term"])], max(1, case.episodes // 3)
    ends = frame[frame["episode"] >= case.episodes - third], frame[frame["episode"] < third]
    late, early = (100 * one.groupby(["variant", "tool"])["ran"].mean() for one in ends)
    change = (late - early).unstack("variant").reindex(columns=[FULL, "no_long_term"])
    return case.estimate.mean(change[FULL] - change["no_long_term"], n=sum(map(len, ends)))


def _faulty(case: _Case) -> None:
    """What the judge refuses, and what training on it is worth."""
    hypothesis, other = "FT without the judge's filter is more often right", case.side("unfiltered")
    if other is None:
        case.ledger.state(6, hypothesis, None, missing=_not_run("unfiltered"))
    else:
        one = case.estimate.predicted(_tuned(other), case.of(FT))
        counts = [sum(len(stages.examples(study, FULL, seed)) for seed in compare.seeds_of(case.study))
                  for study in (other, case.study)]  # fmt: skip
        case.ledger.state(6, hypothesis, one, note=f"{counts[0]:,} examples instead of {counts[1]:,}")
    cards = [stages.distilled_folder(case.study, FULL, seed) / "card.csv" for seed in compare.seeds_of(case.study)]
    found = [store.read_table(path) for path in cards if path.is_file()]
    refused = None
    if found:
        card = pd.concat(found).groupby("tool")[["judged_no", "judged"]].sum()
        card = card.drop(index=distill.TOTAL, errors="ignore")
        share = score.share(card["judged_no"], card["judged"], case.study)
        refused = Estimate(share, int(card["judged"].sum()), int((card["judged"] > 0).sum()), tested=False)
    case.ledger.describe(6, "trials that the judge refuses, of those it is shown",
                         refused if refused and refused.n else None, unit="%")  # fmt: skip


def _judged(study: Study, runs: Iterable[compare.Run]) -> pd.DataFrame:
    """The outcomes of some runs, with what their verdicts rest on as `METRIC`; no task success where none is known."""
    rows = compare.outcomes(study, runs)
    return rows.assign(**{METRIC: rows[score.right(rows.columns)], "task_success": rows.get("task_success")})


def _tuned(study: Study) -> pd.DataFrame:
    """The fine-tuned answers of a side study; without any, an empty table."""
    return _judged(study, compare.MAIN).query("setting == @FT")


def _exploitation(case: _Case) -> None:
    icl, ft = case.of(ICL), case.of(FT)
    case.ledger.state(7, "fine-tuning is more often right than demonstrations",
                      case.contrast((FT, FULL), (ICL, FULL)))  # fmt: skip
    parts, where = [*stages.amounts(case.study), ALL], "at no amount"
    for part in parts:
        both = (case.of(stages.label(setting, part)) for setting in ("tuned", "icl"))
        one = case.estimate.predicted(*both)
        if one is not None and one.found.low > 0:
            where = f"from episode {stages.episodes_of(part) or case.episodes}"
            break
    case.ledger.describe(7, "fine-tuning overtakes demonstrations, its whole interval above zero", None,
                         missing=f"{where} of {len(parts)} compared")  # fmt: skip
    keys = ["tool", "item", "seed"]
    both = ft[[*keys, METRIC]].merge(icl[[*keys, METRIC]], on=keys, suffixes=("_FT", "_ICL"))
    for wrong, right in ((FT, ICL), (ICL, FT)):
        units = both[~both[f"{METRIC}_{wrong}"].astype(bool)].rename(columns={f"{METRIC}_{right}": "right"})
        one = case.estimate.share(units)
        case.ledger.describe(7, f"{right} right, of what {wrong} has wrong", one, unit="%")


def _kinds(case: _Case) -> None:
    other, chosen = case.side("families"), case.in_turn.replayed
    missing = case.in_turn.missing if not chosen else NOTHING if other else _not_run("families")
    after = None
    if other is not None and chosen:
        try:
            after = forgetting.outcomes(other)
        except UserError:  # its rounds learnt examples that the study has since made anew
            missing = _of_other_data(other)
    as_well, worse = "new kinds are learnt as well as mixed batches", "new kinds are kept worse than mixed batches"
    for words, arm in (chosen or {"with replay": None}).items():
        learnt = kept = None
        floor = missing
        if after is not None and case.in_turn.rows is not None and arm is not None:
            rows = [_when(one, arm.name, "learnt") for one in (after, case.in_turn.rows)]
            learnt, known = _apart(case, *rows), 100 * rows[1]["correct"].mean()
            if known < claims.MARGIN:  # a margin as wide as all there is to lose
                learnt, floor = None, f"{NOTHING}: mixed batches are {known:.1f} % right, less than the margin"
            kept = _apart(case, *(_when(one, arm.name, "end") for one in (after, case.in_turn.rows)))
        case.ledger.state(8, f"{as_well}, {words}", learnt, missing=floor, bound=-claims.MARGIN,
                          note=f"within {claims.MARGIN} points, a margin of ours" if learnt else "")  # fmt: skip
        case.ledger.state(8, f"{worse}, {words}", kept, missing=missing, below=True)
    for study, where in ((case.study, "mixed batches"), (other, "batches of one kind")):
        path = None if study is None else study.tables / "continual_summary.csv"
        found = None
        if path is not None and path.is_file() and chosen:
            own = store.read_table(path).query("measure == 'forward_transfer'").set_index("arm")
            row = own.loc[next(iter(chosen.values())).name]
            found = Estimate(stats.Estimate(row["value"], row["ci_low"], row["ci_high"]), 0, 0, tested=False)
        case.ledger.describe(8, f"forward transfer to tools not yet learnt, {where}", found, missing=missing)


def _when(rows: pd.DataFrame, arm: str, moment: str) -> pd.DataFrame:
    """An arm's answers at the end, or of each batch just after its own round."""
    own = rows[rows["arm"] == arm]
    return own[own["round"] == (own["round"].max() if moment == "end" else own["position"] + 1)]


def _apart(case: _Case, a: pd.DataFrame, b: pd.DataFrame) -> Estimate | None:
    """Paired difference of two arms' answers to the same items."""
    keys = ["tool", "item", "seed", "correct"]
    both = a[keys].merge(b[keys], on=keys[:3]).rename(columns={"correct_x": "a", "correct_y": "b"})
    return case.estimate.paired(both)


def _redundancy(case: _Case) -> None:
    executed = case.rows["task_success"].notna().any()
    twins = resources.listing(case.study).near_duplicates if executed else {}
    none = "no tools are declared near-duplicates" if executed else "no call was executed"
    gains, missing = {}, NOTHING if twins else none
    for setting, variant in ((BASELINE, NO_VARIANT), (ICL, FULL), (FT, FULL)):
        own = case.of(setting, variant)
        own = own[own["tool"].isin(list(twins))].rename(columns={"task_success": "a", METRIC: "b"})
        one = case.estimate.paired(own)
        case.ledger.state(9, f"{setting} loses to a single gold tool", one, missing=missing)
        gains[setting] = 100 * (own["a"].astype(float) - own["b"].astype(float)).groupby(own["tool"]).mean()
        one = case.estimate.share(own.assign(right=own["category"] == "near-duplicate"))
        case.ledger.describe(9, f"{setting} calls the twin, of these items", one, unit="%", missing=missing)
    apart = gains[ICL] - gains[FT]
    one = case.estimate.mean(apart, n=len(case.of(FT))) if apart.any() else None
    case.ledger.state(9, "a single gold tool costs ICL more than FT", one, missing=missing)


def _mechanisms(case: _Case) -> None:
    _interleaving(case)
    _orders(case)
    _curiosity(case)


def _interleaving(case: _Case) -> None:
    hypothesis = "interleaved practice ends higher than"
    for learnt, after in ((case.in_turn, ""), (case.gold_in_turn, GOLD)):
        mixed = next((one for one in learnt.arms if one.kind == "interleaved"), None)
        if mixed is None:
            case.ledger.state(10, f"{hypothesis} in turn{after}", None, missing=learnt.missing)
            continue
        others = [(f"in turn {words}", arm) for words, arm in learnt.replayed.items()]
        others += [("all at once", arm) for arm in learnt.arms if arm.kind == "joint"]
        for words, arm in others:
            if arm.general == mixed.general:
                both = learnt.shares[mixed.name], learnt.shares[arm.name]
                one = case.estimate.learnt(*both, "final_average")
                case.ledger.state(10, f"{hypothesis} {words}{after}", one)


def _orders(case: _Case) -> None:
    alike: dict[tuple[float, int], list[Arm]] = {}
    for arm in case.in_turn.arms:
        if arm.kind == "sequential":
            alike.setdefault((arm.replay, arm.general), []).append(arm)
    several = {key: arms for key, arms in alike.items() if len(arms) > 1}
    for (replay, general), arms in several.items():
        one = case.estimate.spread([case.in_turn.shares[arm.name] for arm in arms], 10, "order", replay, general)
        case.ledger.state(10, f"the order of batches matters, {replay:.0%} replayed", one,
                          note=f"spread of {len(arms)} orders, biased upwards: its test decides")  # fmt: skip
    if not several:
        case.ledger.state(10, "the order of batches matters", None, missing=case.in_turn.missing)


def _curiosity(case: _Case) -> None:
    other, state = case.side("novelty"), case.ledger.state
    hypotheses = ("asked for novelty, queries repeat less", "asked for novelty, it covers more forms of test queries",
                  "asked for novelty, FT is more often right")  # fmt: skip
    if other is None or not case.full:
        for number, hypothesis in enumerate(hypotheses):
            state(10, hypothesis, None, missing=_not_run("novelty"), below=not number)
        return
    new = [one.model_copy(update={"variant": "novelty"}) for one in case.explored(other)]
    both = [*case.full, *new]
    frame = trajectories.frame(both).query("later")
    keys = ["tool", "seed", "episode", "trial"]
    counts = [sum(map(trajectories.requests, trials)) for trials in (new, case.full)]
    state(10, hypotheses[0], case.estimate.paired(_against(frame, keys, "repeats", "novelty", FULL)),
          below=True, note=f"{counts[0]:,} requests instead of {counts[1]:,}")  # fmt: skip
    units = _against(behaviour.forms_covered(both, case.items), ["tool", "item", "seed"], "covered", "novelty", FULL)
    state(10, hypotheses[1], case.estimate.paired(units))
    state(10, hypotheses[2], case.estimate.predicted(_tuned(other), case.of(FT)))


# --- what is read -----------------------------------------------------------------------------------------------------


#: verdicts as answers to a statement put as a question
WORDS = {"supported": "Yes", "not supported": "No", "inconclusive": "Inconclusive"}


def reading(table: pd.DataFrame, question: int) -> list[str]:
    """A question's rows for people, as lines of Markdown: its statements, what stands beside them, and the verdict."""
    own = table[table["question"] == question]
    stated = own[(own["tested"] == 1) | (own["source"] == "audit")]
    lines = [
        f"- {'The audit: ' if row.source == 'audit' else ''}{row.hypothesis}? **{WORDS[row.verdict]}**: {row.evidence}."
        for row in stated.itertuples()
    ]
    beside = own[(own["tested"] == 0) & (own["source"] == "experiment") & (own["evidence"] != NO_PART)]
    if len(beside):
        lines.append(
            "- Beside it: " + "; ".join(f"*{row.hypothesis}*: {row.evidence}" for row in beside.itertuples()) + "."
        )
    return [*lines, verdict(table, question)]


def verdict(table: pd.DataFrame, question: int) -> str:
    """The verdict line of a question: by experiment, by the audit, and what is not to be had from here."""
    own = table[table["question"] == question]
    said = []
    for source, name, chosen in (
        ("experiment", "Experiment", own[(own["source"] == "experiment") & (own["tested"] == 1)]),
        ("audit", "Audit", own[own["source"] == "audit"]),
    ):
        if len(chosen):
            counts = chosen["verdict"].value_counts()
            shown = ", ".join(
                f"{counts[one]} {one}" for one in ("supported", "not supported", "inconclusive") if one in counts
            )
            empty = int(chosen["effect"].isna().sum()) if source == "experiment" else 0
            said.append(f"*{name}*: {shown}" + (f" ({empty} of them without data)" if empty else ""))
        elif source == "experiment":
            described = (own["source"] == "experiment").any()
            said.append("*Experiment*: description only" if described else "*Experiment*: none")
    return f"**Verdict.** {'. '.join(said)}. *Not from here*: {BEYOND[question]}."


def overview(table: pd.DataFrame) -> pd.DataFrame:
    """The answers in short, a row a question: how many statements, and how they came out."""
    tested = table[table["tested"] == 1]
    rows = []
    for number, words in QUESTIONS.items():
        own = tested[tested["question"] == number]
        counts = {one: int((own["verdict"] == one).sum()) for one in ("supported", "not supported")}
        open_ones = own[own["verdict"] == "inconclusive"]
        rows.append({"question": f"{number}. {words}", "statements": len(own), **counts,
                     "inconclusive": int(open_ones["effect"].notna().sum()),
                     "no data": int(open_ones["effect"].isna().sum())})  # fmt: skip
    return pd.DataFrame(rows)
