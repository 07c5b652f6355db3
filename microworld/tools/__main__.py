"""The fifty tools on the command line.

python -m microworld.tools --selfcheck     # every gold call of the test set runs and gives the recorded result
python -m microworld.tools --mcp           # an MCP server on standard input and output
python -m microworld.tools --mcp --http 8000
"""

import argparse
import asyncio
import sys
import time
from collections import Counter

from microworld import test_set
from microworld.tools import properties, toolbox


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m microworld.tools", description="Fifty executable tools.")
    parser.add_argument("--selfcheck", action="store_true", help="run all gold calls and print the property table")
    parser.add_argument("--mcp", action="store_true", help="serve the tools over MCP")
    parser.add_argument("--http", type=int, metavar="PORT", help="with --mcp: by HTTP on this loopback port, not stdio")
    options = parser.parse_args()
    if options.http is not None and not options.mcp:
        parser.error("--http goes with --mcp")
    if options.mcp:
        from ste_core.tools.mcp import serve

        transport = "stdio" if options.http is None else "http"
        serve(toolbox(), "microworld", transport=transport, port=options.http or 0)
        return 0
    if options.selfcheck:
        return asyncio.run(selfcheck())
    parser.print_help()
    return 0


async def selfcheck() -> int:
    """Print the property table, run every gold call; the exit code is 1 if one fails or gives another result."""
    rows = properties()
    print(f"{'tool':<19}{'family':<16}{'args':>5}{'opt':>5}  {'near-duplicate':<19}what the documentation leaves out")
    for row in rows:
        nested = "*" if row["nested"] else " "
        print(f"{row['tool']:<19}{row['family']:<16}{row['arguments']:>4}{nested}{row['optional'] or '':>5}  "
              f"{row['near_duplicate']:<19}{row['convention']}")  # fmt: skip
    print("(* takes a list or an object)")
    counts = Counter(
        tools=len(rows),
        families=len({row["family"] for row in rows}),
        without_arguments=sum(not row["arguments"] for row in rows),
        with_optional=sum(row["optional"] > 0 for row in rows),
        with_list_or_object=sum(row["nested"] for row in rows),
        with_hidden_convention=sum(bool(row["convention"]) for row in rows),
        near_duplicate_pairs=sum(bool(row["near_duplicate"]) for row in rows) // 2,
    )
    print(", ".join(f"{name.replace('_', ' ')} {number}" for name, number in counts.items()))
    start, failed, run = time.perf_counter(), 0, 0
    box = toolbox()
    for item in test_set.load("test"):
        observation = await box.execute(item.gold)
        run += 1
        if not observation.ok or not box.same_result(item.gold.tool, observation.value, item.result):
            failed += 1
            print(f"{item.gold.tool}, item {item.item}: {observation.text[:120]}", file=sys.stderr)
    print(f"{run} gold calls, {run - failed} as recorded, {failed} not, in {time.perf_counter() - start:.1f} s")
    return 1 if failed or not run else 0


if __name__ == "__main__":
    sys.exit(main())
