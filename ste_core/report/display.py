"""What notebooks show: a reading with computed numbers, a table without an index.

>>> say(f"{3} of {4} parts matter.")                                     # doctest: +SKIP

Text from models, tools and files is data: `table` escapes it.
"""

import os
import zlib

import pandas as pd
from IPython.display import HTML, Markdown, display


def by_hand() -> bool:
    """Whether a person runs the notebook and may like a progress bar; not where `ste notebook` executes it."""
    return not os.environ.get("STE_EXECUTES")


def say(text: str) -> None:
    """Show a paragraph of Markdown; numbers in it come from tables, by f-string."""
    display(Markdown(" ".join(line.strip() for line in text.strip().splitlines())))


def table(frame: pd.DataFrame, *, decimals: int = 1, rows: int = 60) -> HTML:
    """A data frame as an HTML table: escaped, rounded, words to the left and numbers to the right, without index.

    At most `rows` rows are shown, and a line says how many are left out.
    """
    shown = frame.head(rows).convert_dtypes().rename_axis(columns=None)
    for name in shown.select_dtypes("float"):
        if str(name) == "p" or str(name).startswith("p_"):  # never zero
            shown[name] = [pd.NA if pd.isna(p) else "< 0.001" if p < 0.001 else f"{p:.3f}" for p in shown[name]]
    words = list(shown.select_dtypes(exclude="number").columns)
    style = shown.style.format(precision=decimals, na_rep="", escape="html").hide(axis="index")
    style = style.set_properties(subset=words, **{"text-align": "left"}).set_table_styles(
        {name: [{"selector": "th.col_heading", "props": "text-align: left"}] for name in words}
    )
    more = f"<p>{len(frame) - rows:,} further rows are in the file.</p>" if len(frame) > rows else ""
    name = f"{zlib.crc32(shown.to_csv().encode('utf-8')):08x}"  # by content: unique in a page, the same in every run
    return HTML(style.set_uuid(name).to_html() + more)
