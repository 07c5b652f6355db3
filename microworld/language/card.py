"""The generated parts of the model card: what the small model is, and what the skill exam says of it.

    python -m microworld.language.card              # writes them into docs/model_card.md
    python -m microworld.language.card --check      # exit code 1 if they would come out otherwise

Everything is read from files: the checkpoint's configuration and the header of its weights, the learning curve beside
them, the exam's table. No model is loaded.
"""

import argparse
import json
import math
import re
import struct
import sys
from pathlib import Path
from typing import Any

import pandas as pd

ROOT = Path(__file__).parents[2]
CHECKPOINT = ROOT / "microworld" / "checkpoint"
SKILLS = ROOT / "results" / "micro" / "tables" / "skills.csv"
CARD = ROOT / "docs" / "model_card.md"

#: what the sets of the exam are called in the card
SETS = {"heldout_generator": "synthetic tools never seen", "study_dev": "the study's fifty tools"}


def parameters(checkpoint: Path = CHECKPOINT) -> int:
    """The number of weights, by the header of the safetensors file; tied embeddings stand there once."""
    with (checkpoint / "model.safetensors").open("rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        header: dict[str, Any] = json.loads(file.read(length))
    return sum(math.prod(entry["shape"]) for name, entry in header.items() if name != "__metadata__")


def facts(checkpoint: Path = CHECKPOINT) -> dict[str, str]:
    """What the checkpoint is, in words and numbers."""
    config = json.loads((checkpoint / "config.json").read_text(encoding="utf-8"))
    curve = pd.read_csv(checkpoint / "learning_curve.csv")
    kinds = [f"{config['layer_types'].count(kind)} {name}" for kind, name in
             (("conv", "short convolutions"), ("full_attention", "attention"))]  # fmt: skip
    return {
        "architecture": config["architectures"][0],
        "parameters": f"{parameters(checkpoint):,}",
        "layers": f"{config['num_hidden_layers']} ({', '.join(kinds)}, alternating)",
        "width, heads": f"{config['hidden_size']}, {config['num_attention_heads']}",
        "vocabulary": f"{config['vocab_size']:,} words, scaffold tokens and bytes",
        "longest input": f"{config['max_position_embeddings']:,} tokens",
        "weights": f"{config['dtype']}, {(checkpoint / 'model.safetensors').stat().st_size / 1e6:.1f} MB",
        "trained on": f"{curve['tokens'].iloc[-1]:,} tokens",
    }


def model_block(checkpoint: Path = CHECKPOINT) -> str:
    """The table of facts."""
    return "\n".join(
        ["| fact | value |", "|---|---|", *(f"| {name} | {text} |" for name, text in facts(checkpoint).items())]
    )


#: the field's words for those that older tables of the exam have
WORDS = {"held to the form": "constrained decoding", "right tool": "tool selection", "right result": "execution",
         "right or wrong call told apart": "right or wrong call discriminated"}  # fmt: skip


def in_words(skill: str) -> str:
    """A skill in the field's words.

    >>> in_words("zero-shot, 4 docs, held to the form: right tool")
    'zero-shot, 4 docs, constrained decoding: tool selection'
    """
    for old, new in WORDS.items():
        skill = skill.replace(old, new)
    return skill


def thresholds(skills: pd.DataFrame) -> tuple[int, int]:
    """How many thresholds are met, of how many the project set itself.

    >>> thresholds(pd.DataFrame({"value": [99.0, 50.0, 10.0], "gate": [98.0, 75.0, None]}))
    (1, 2)
    """
    gated = skills[skills["gate"].notna()]
    return int((gated["value"] >= gated["gate"]).sum()), len(gated)


def skills_block(table: Path = SKILLS) -> str:
    """The exam's table, set by set; a threshold that is missed is said to be."""
    skills = pd.read_csv(table)
    met, asked = thresholds(skills)
    lines = [f"Thresholds met: {met} of {asked}. Percent of items, with a 95 % interval."]
    for name, rows in skills.groupby("set", sort=False):
        lines += ["", f"On {SETS.get(str(name), name)}:", "", "| skill | items | % | interval | threshold |",
                  "|---|---:|---:|---|---|"]  # fmt: skip
        for row in rows.itertuples():
            gate = "" if pd.isna(row.gate) else f"{row.gate:g}, {'met' if row.value >= row.gate else 'missed'}"
            interval = f"{row.ci_low:.1f} to {row.ci_high:.1f}"
            lines.append(f"| {in_words(row.skill)} | {row.n:,} | {row.value:.1f} | {interval} | {gate} |")
    return "\n".join(lines)


def fill(page: str, blocks: dict[str, str]) -> str:
    """A page with the text between `<!-- name -->` and `<!-- end -->` replaced for each block.

    >>> fill("<!-- a -->old<!-- end --> rest", {"a": "new"})
    '<!-- a -->\\nnew\\n<!-- end --> rest'

    Raises:
        ValueError: the page lacks the marks of a block.
    """
    for name, text in blocks.items():
        filled = f"<!-- {name} -->\n{text}\n<!-- end -->"
        page, count = re.subn(rf"<!-- {name} -->.*?<!-- end -->", lambda _, filled=filled: filled, page, flags=re.S)
        if count != 1:
            raise ValueError(f"the page has {count} places marked <!-- {name} --> ... <!-- end -->, not 1")
    return page


def card(page: str, checkpoint: Path = CHECKPOINT, table: Path = SKILLS) -> str:
    """The card's page with its generated parts as the files are now."""
    return fill(page, {"model": model_block(checkpoint), "skills": skills_block(table)})


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m microworld.language.card", description=__doc__.split("\n")[0])
    parser.add_argument("--check", action="store_true", help="only compare with the page that is there")
    options = parser.parse_args()
    old = CARD.read_text(encoding="utf-8")
    new = card(old)
    if options.check and new != old:
        print(f"{CARD.name} would come out otherwise: run python -m microworld.language.card", file=sys.stderr)
        return 1
    if not options.check:
        CARD.write_text(new, encoding="utf-8", newline="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
