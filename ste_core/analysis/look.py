"""Looking around in the audit's tidy items: any metric, any systems, any level.

>>> own = select(pd.read_csv("results/audit/tables/items.csv.xz"), "correct_rule", chosen(""))    # doctest: +SKIP
>>> shares(own, 0.95)                                                    # doctest: +SKIP

What stands in the audit's own tables is decided there; this is for a reader's questions, in notebook 18 or a shell.
"""

import itertools
from collections.abc import Sequence

import pandas as pd

from ste_core.core.errors import UserError
from ste_core.scoring import stats, verdicts

#: the settings of the paper's main table, and predictions of others
MAIN_SETTINGS = ("baseline", "ICL", "FT", "own")

System = tuple[str, str]


def chosen(systems: str) -> list[System] | None:
    """Systems from text, "SYSTEM/SETTING, ..."; None for the paper's main ones.

    >>> chosen("Mistral-Instruct-7B/FT, mine/own")
    [('Mistral-Instruct-7B', 'FT'), ('mine', 'own')]
    """
    names = [one.strip() for one in systems.split(",") if one.strip()]
    for one in names:
        if "/" not in one:
            raise UserError(f"systems: {one}: expected SYSTEM/SETTING")
    return [(system, setting) for system, _, setting in (one.partition("/") for one in names)] or None


def select(items: pd.DataFrame, metric: str, systems: Sequence[System] | None) -> pd.DataFrame:
    """The items of a metric and some systems, with `label`.

    Raises:
        UserError: no such metric or system.
    """
    if metric not in set(items["metric"]):
        raise UserError(f"metric: {metric}: there are: {', '.join(items['metric'].unique())}")
    own = items[items["metric"] == metric]
    known = own[["system", "setting"]].drop_duplicates()
    for system in systems or ():
        if system not in set(known.itertuples(index=False, name=None)):
            raise UserError(
                f"systems: {'/'.join(system)}: not among {', '.join('/'.join(one) for one in known.to_numpy())}"
            )
    keys = pd.Series(list(zip(own["system"], own["setting"], strict=True)), own.index)
    own = own[keys.isin(list(systems)) if systems else own["setting"].isin(MAIN_SETTINGS)]
    return own.assign(label=own["system"] + ", " + own["setting"])


def shares(own: pd.DataFrame, level: float) -> pd.DataFrame:
    """`system, setting, n, k, value, ci_low, ci_high`, over APIs (and seeds, where there are several)."""
    rows = []
    for (system, setting), part in own.groupby(["system", "setting"], sort=False):
        group = part.groupby(["api", "seed"])["value"]
        k, n = (one.unstack(fill_value=0) for one in (group.sum(), group.size()))
        found = stats.percent(k, n, level=level)
        rows.append((system, setting, len(part), int(part["value"].sum()), found.value, found.low, found.high))
    return pd.DataFrame(rows, columns=["system", "setting", "n", "k", "value", "ci_low", "ci_high"])


def for_heatmap(own: pd.DataFrame) -> pd.DataFrame:
    """What `plots_audit.api_heatmap` shows: `label, api, judged_by, value`, the easiest APIs first."""
    table = own.groupby(["label", "api"], sort=False)["value"].mean().mul(100).reset_index().assign(judged_by="")
    ease = own.groupby("api")["value"].mean()
    order = {label: number for number, label in enumerate(dict.fromkeys(own["label"]))}
    table = table.assign(ease=-table["api"].map(ease), order=table["label"].map(order))
    return table.sort_values(["order", "ease", "api"])[["label", "api", "judged_by", "value"]]


def pairs(own: pd.DataFrame, level: float) -> pd.DataFrame:
    """All pairs on the same items: `a, b, n, difference, ci_low, ci_high, detectable, p, p_holm, verdict`."""
    parts = {
        label: part.set_index(["api", "item", "seed"])["value"] for label, part in own.groupby("label", sort=False)
    }
    rows = []
    for a, b in itertools.combinations(parts, 2):
        both = pd.concat([parts[a], parts[b]], axis=1, join="inner", keys=["a", "b"]).reset_index()
        if len(both):
            one = stats.difference(both["a"], both["b"], both["api"].tolist(), both["seed"].tolist(), level=level)
            rows.append((a, b, len(both), one.value, one.low, one.high, one.detectable(level), one.p()))
    table = pd.DataFrame(rows, columns=["a", "b", "n", "difference", "ci_low", "ci_high", "detectable", "p"])
    table["p_holm"] = verdicts.holm(table["p"])
    return table.assign(verdict=[verdicts.contrast(row.difference, row.p_holm, level) for row in table.itertuples()])
