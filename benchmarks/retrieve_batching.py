"""Finding demonstrations for all queries at once against one query after the other, as the release does.

    python -m benchmarks.retrieve_batching [--profile tiny|quick|full]

The same encoder, fitted once on either side; the same demonstrations are found (checked).
"""

import sys
from collections.abc import Sequence

import numpy as np

from benchmarks.harness import Row, main, pair
from benchmarks.work import examples, items
from ste_core.core.records import Example
from ste_core.method.retrieve import DECIMALS, Retriever, Tfidf

#: queries, examples, rounds; the paper has 750 and 15,000
PLANS = {"tiny": (10, 50, 2), "quick": (750, 3_000, 5), "full": (750, 15_000, 7)}


def one_by_one(texts: Sequence[Example], queries: Sequence[str], k: int) -> list[list[Example]]:
    """What a loop over queries does: encode one, compare it with all, take the nearest."""
    encode = Tfidf().fit([one.query for one in texts])
    there = encode([one.query for one in texts])
    found = []
    for query in queries:
        near = np.asarray((encode([query]) @ there.T).todense()).ravel()
        found.append([texts[number] for number in np.argsort(-near.round(DECIMALS), kind="stable")[:k]])
    return found


def measure(plan: tuple[int, int, int], command: str) -> list[Row]:
    queries, count, rounds = plan
    asked, there = [one.query for one in items(queries)], examples(count)
    Retriever(there[:2]).nearest(asked[:2])  # imports
    found = pair(
        lambda: Retriever(there).nearest(asked, 8),
        lambda: one_by_one(Retriever(there).examples, asked, 8),
        rounds=rounds,
        same=lambda own, other: own == other,
    )
    detail = f"processor time, {queries:,} queries, {count:,} examples, TF-IDF, the same demonstrations"
    return [found.row("retrieval, all queries at once, against one by one", ">= 1", detail)]


if __name__ == "__main__":
    sys.exit(main("retrieve_batching", PLANS, measure, __doc__))
