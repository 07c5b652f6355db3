"""How many stored predictions are scored again in a second: parsed by the released rule, judged, a verdict each.

    python -m benchmarks.rescore [--profile tiny|quick|full]

Made-up predictions for the microworld: right calls, wrong arguments, made-up names (mapped to the closest tool, which
is most of the work), answers without a call, text that cannot be parsed. All 22 released files hold 15,750 such items.
"""

import json
import random
import sys

from benchmarks.harness import Row, main, measured, row
from benchmarks.work import items
from ste_core.core.records import Prediction
from ste_core.scoring import score

#: items, rounds
PLANS = {"tiny": (50, 2), "quick": (3_000, 5), "full": (15_750, 7)}


def predictions(count: int) -> list[Prediction]:
    rng = random.Random(0)
    found = []
    for item in items(count):
        arguments = json.dumps(item.gold.arguments)
        output = rng.choice(
            [f"Action: {item.gold.tool}\nAction Input: {arguments}"] * 6
            + [f"Action: {item.gold.tool}\nAction Input: {{\"value\": 1}}",
               f"Action: {item.gold.tool[::-1]}\nAction Input: {arguments}",
               "Final Answer: I do not know.", "Action: broken\nAction Input: {not json"]
        )  # fmt: skip
        found.append(
            Prediction(
                system="made up", setting="none", item=item.item, query=item.query, gold=item.gold, output=output
            )
        )
    return found


def measure(plan: tuple[int, int], command: str) -> list[Row]:
    from microworld.tools import toolbox

    count, rounds = plan
    made, names = predictions(count), list(toolbox().tools)
    rates = []
    for _ in range(rounds):
        seconds, table = measured(lambda: score.score_predictions(made, names, string_rule_tools=names))
        assert len(table) == count
        rates.append(count / seconds)
    return [row("re-scoring stored predictions", rates, "items/s", ">= 1000", f"processor time, {count:,} items")]


if __name__ == "__main__":
    sys.exit(main("rescore", PLANS, measure, __doc__))
