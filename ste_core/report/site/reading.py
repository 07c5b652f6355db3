"""Notebooks and Markdown as safe HTML: what a model, a tool or a file wrote can be read on a page, and do nothing else.

>>> safe('<b onclick="x()">5 <script>alert(1)</script></b>')
'<b>5 </b>'

nbconvert does the parts (Markdown, colours of code and of error messages, cleaning by bleach); its own pages are left
out because they load MathJax and require.js from elsewhere and carry 300 kB of style each.
"""

import base64
import binascii
import hashlib
import itertools
import re
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from html import escape, unescape
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import nbformat
from nbconvert.filters import Highlight2HTML, ansi2html, markdown2html, strip_ansi
from nbconvert.preprocessors.sanitize import SanitizeHTML

from ste_core.core.errors import UserError

_TAGS = (
    "a abbr b blockquote br caption code dd del div dl dt em h1 h2 h3 h4 h5 h6 hr i img kbd li ol p pre s small span "
    "strong sub sup table tbody td tfoot th thead tr ul"
).split()
_ATTRIBUTES = {
    "*": ["class", "id"],
    "a": ["href", "title"],
    "img": ["src", "alt", "title", "width", "height"],
    "ol": ["start"],
    "td": ["colspan", "rowspan"],
    "th": ["colspan", "rowspan", "scope"],
}
_CLEANER = SanitizeHTML(tags=_TAGS, attributes=_ATTRIBUTES, strip=True)
_NUMBER = re.compile(r"^[-+−]?[\d.,]+(?:e[-+]?\d+)?\s?%?$")

#: characters up to which every cell of a column of words stays in one line
SHORT = 30

#: what of a cell's outputs is shown, the first that there is
_SHOWN = ("text/html", "text/markdown", "image/png", "text/plain")


def safe(html: str) -> str:
    """HTML reduced to text, tables, pictures and links; scripts, styles and handlers are gone."""
    html = re.sub(r"(?is)<(style|script)\b.*?</\1\s*>", "", html)  # else their content would stay, as text
    return str(_CLEANER.sanitize_html_tags(html))


def markdown(text: str) -> str:
    """Markdown as safe HTML; headings are named as GitHub names them, tables scroll by themselves."""
    html = safe(markdown2html(text))
    html = re.sub(r'(<h\d[^>]*? id=")([^"]*)', lambda found: found[1] + slug(unescape(found[2])), html)
    html = re.sub(r'(<a [^>]*?href="#)([^"]*)', lambda found: found[1] + slug(unquote(unescape(found[2]))), html)
    return tables(html)


def slug(heading: str) -> str:
    """The anchor that GitHub gives a heading.

    >>> slug("The authors' release, 2nd part?")
    'the-authors-release-2nd-part'
    """
    return re.sub(r"[^\w-]", "", re.sub(r"\s", "-", heading.strip().lower()))


def tables(html: str) -> str:
    """Safe HTML whose tables scroll within themselves, numbers to the right, short words in one line."""
    return re.sub(r"(?s)<table\b.*?</table>", lambda found: _table(found[0]), html)


def _table(html: str) -> str:
    cells: dict[str, list[str]] = {}
    for column, text in re.findall(r"(?s)<td\b[^>]*\b(col\d+)\b[^>]*>(.*?)</td>", html):
        cells.setdefault(column, []).append(unescape(text).strip())
    for column, texts in cells.items():
        shown = [text for text in texts if text]
        kind = "number" if shown and all(_NUMBER.match(text) for text in shown) else ""
        if not kind and all(len(text) <= SHORT for text in texts):
            kind = "short"
        if kind:
            html = re.sub(rf'(class="[^"]*\b{column})\b', rf"\1 {kind}", html)
    html = re.sub(r'(<t[hd]\b[^>]*?) id="[^"]*"', r"\1", html)  # pandas names every cell
    html = re.sub(r"(<th\b[^>]*>)([^<]*)", lambda found: found[1] + found[2].replace("_", "_<wbr>"), html)
    return f'<div class="wide" tabindex="0" role="region" aria-label="table">{html}</div>'


def reachable(html: str) -> str:
    """A page's body in which a keyboard scrolls what scrolls, and a screen reader tells one table from another.

    >>> reachable('<pre>x</pre><div aria-label="table"></div>')
    '<pre tabindex="0">x</pre><div aria-label="table 1"></div>'
    """
    numbers = itertools.count(1)
    html = re.sub(r'aria-label="table"', lambda _: f'aria-label="table {next(numbers)}"', html)
    return re.sub(r"<pre(?=[ >])(?![^>]*\btabindex=)", '<pre tabindex="0"', html)


@dataclass(frozen=True, slots=True)
class Image:
    """A picture of a notebook: the name its file has by content, its bytes, what it shows."""

    name: str
    data: bytes
    alt: str


@dataclass(slots=True)
class Notebook:
    """An executed notebook as a page's body."""

    path: Path
    title: str
    body: str
    images: list[Image] = field(default_factory=list)
    failed: bool = False


def notebook(path: Path, figure: Callable[[Image], str]) -> Notebook:
    """Read an executed notebook; code is folded away, the parameters that papermill injected are left out.

    Args:
        path: the executed copy.
        figure: the HTML of a picture.

    Raises:
        UserError: not a notebook.
    """
    try:
        cells = nbformat.read(path, as_version=4).cells
    except Exception as error:  # nbformat raises what its parts raise
        raise UserError(f"{path}: not a notebook: {' '.join(str(error).split())[:200]}") from None
    page = Notebook(path, path.stem, "")
    parts: list[str] = []
    code: list[str] = []  # of cells that show nothing, until one does
    for cell in [*cells, nbformat.v4.new_markdown_cell("")]:
        if cell.cell_type == "code" and "injected-parameters" not in cell.metadata.get("tags", []):
            code += [cell.source.strip()] if cell.source.strip() else []
        if code and (cell.cell_type == "markdown" or cell.get("outputs")):
            shown = safe(Highlight2HTML(pygments_lexer="python")("\n\n".join(code)))
            parts.append(f'<details class="code"><summary>Code</summary>{shown}</details>')
            code.clear()
        if cell.cell_type == "markdown":
            heading = re.match(r"# +(.+)", cell.source)
            if heading and page.title == path.stem:
                page.title = plain_line(heading[1])
            parts.append(markdown(cell.source))
        parts += [_output(one, page, figure) for one in cell.get("outputs", [])]
    page.body = "\n".join(parts)
    return page


def _output(output: Any, page: Notebook, figure: Callable[[Image], str]) -> str:
    if output.output_type == "stream":
        return "" if output.name == "stderr" else f"<pre>{escape(strip_ansi(output.text))}</pre>"
    if output.output_type == "error":
        page.failed = True
        return f"<pre>{safe(ansi2html(chr(10).join(output.traceback)))}</pre>"
    kind = next((one for one in _SHOWN if one in output.data), None)
    if kind is None:
        return ""
    value = output.data[kind]
    if kind == "text/html":
        return tables(safe(value))
    if kind == "text/markdown":
        return markdown(value)
    if kind == "text/plain":
        return f"<pre>{escape(value)}</pre>"
    about = output.metadata.get(kind) or {}
    image = png(value, str(about.get("alt") or f"A figure of the notebook: {page.title}"))
    if image is None:
        return "<p>(a picture that cannot be read)</p>"
    page.images.append(image)
    return figure(image)


def png(text: str, alt: str) -> Image | None:
    """A PNG from its base64 text; None if it is none."""
    try:
        data = base64.b64decode(text)
    except (binascii.Error, ValueError):
        return None
    if not data.startswith(b"\x89PNG\r\n\x1a\n") or len(data) < 24:
        return None
    return Image(f"{hashlib.sha256(data).hexdigest()[:16]}.png", data, alt)


def png_size(data: bytes) -> tuple[int, int]:
    """Width and height of a PNG, pixels."""
    width, height = struct.unpack(">II", data[16:24])
    return width, height


def plain_line(text: str) -> str:
    """A line of Markdown as plain text.

    >>> plain_line("What does `ste` do, *really*?")
    'What does ste do, really?'
    """
    return unescape(re.sub(r"<[^>]+>", "", safe(re.sub(r"[`*]", "", text)))).strip()
