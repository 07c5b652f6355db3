"""Make `test.jsonl` and `dev.jsonl` from the hand-written wordings, executing every gold call.

    python -m microworld.test_set.make            # writes both files
    python -m microworld.test_set.make --check    # exit code 1 if they would come out otherwise

Seeded by tool name, so a new tool leaves the other tools' items alone.
"""

import argparse
import asyncio
import random
import string
import sys
import zlib
from importlib import import_module

from microworld.test_set import FOLDER
from microworld.test_set.wordings._base import Wordings
from microworld.tools import FAMILIES, MicroworldToolbox, toolbox
from ste_core.core.records import Call, TestItem

SEED = 2031
PER_TOOL = {"test": 15, "dev": 5}
ATTEMPTS = 200  # draws until a query is new


def wordings() -> dict[str, Wordings]:
    """The wordings of all tools by name, family by family."""
    found: dict[str, Wordings] = {}
    for family in FAMILIES:
        found |= import_module(f"microworld.test_set.wordings.{family}").WORDINGS
    return found


def slots(template: str) -> frozenset[str]:
    """The names of a wording's slots."""
    return frozenset(name for _, name, _, _ in string.Formatter().parse(template) if name)


async def items(tool: str, split: str, box: MicroworldToolbox) -> list[TestItem]:
    """The items of a tool: every wording in turn, in shuffled order, values drawn anew until the query is new.

    Raises:
        ValueError: no new query can be drawn, or a gold call fails.
    """
    worded = wordings()[tool]
    rng = random.Random(zlib.crc32(f"{SEED}/{split}/{tool}".encode()))
    templates = list(worded.test if split == "test" else worded.dev)
    rng.shuffle(templates)
    made: dict[str, TestItem] = {}
    for number in range(PER_TOOL[split]):
        template = templates[number % len(templates)]
        for _ in range(ATTEMPTS):
            case = worded.case(rng, slots(template))
            query = template.format(**case.slots)
            query = query[0].upper() + query[1:]
            if query not in made:
                break
        else:
            raise ValueError(f"{tool}: no new query from '{template}' in {ATTEMPTS} draws")
        gold = Call(tool=tool, arguments=case.arguments)
        observation = await box.execute(gold)
        if not observation.ok or observation.truncated:
            raise ValueError(f"{tool}: gold call of '{query}' fails: {observation.text}")
        made[query] = TestItem(item=number, query=query, gold=gold, result=observation.value)
    return list(made.values())


async def text(split: str) -> str:
    """The content of a split's file."""
    box = toolbox()
    return "".join([one.model_dump_json() + "\n" for tool in box.tools for one in await items(tool, split, box)])


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m microworld.test_set.make", description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="only compare with the files that are there")
    options = parser.parse_args()
    differ = 0
    for split in PER_TOOL:
        path, content = FOLDER / f"{split}.jsonl", asyncio.run(text(split))
        if not options.check:
            path.write_text(content, encoding="utf-8", newline="\n")
            print(f"wrote {path.name}: {content.count(chr(10))} items")
        elif not path.exists() or path.read_text(encoding="utf-8") != content:
            differ = 1
            print(f"{path.name} would come out otherwise", file=sys.stderr)
    return differ


if __name__ == "__main__":
    sys.exit(main())
