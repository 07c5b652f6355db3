"""Execute one notebook with parameters, and keep the executed copy clean.

>>> execute(Path("notebooks/10_audit_verdicts.ipynb"), Path("out.ipynb"), {"study": "audit"})       # doctest: +SKIP

papermill does the work. Around it: an unknown parameter is an error before anything runs (papermill only warns); what
differs from run to run without meaning (times, paths, random cell ids) is taken out of the executed copy, so that the
same results give the same file; a failure is one line, with the failed notebook kept.
"""

import ast
import logging
import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

from ste_core.core import quick_jsonschema  # noqa: F401, before what imports it

# isort: split
import nbformat
import papermill
from nbclient.exceptions import DeadKernelError
from papermill.exceptions import PapermillExecutionError

from ste_core.core.errors import UserError, one_line
from ste_core.core.store import write_text

#: how long a kernel may take to start; on a machine with much to do a minute, papermill's own limit, is not enough
START_SECONDS = 600


def execute(notebook: Path, output: Path, parameters: dict[str, Any]) -> None:
    """Execute `notebook` with `parameters` and write the executed copy to `output`.

    Raises:
        UserError: no such notebook, an unknown parameter, a kernel that does not start, or a failed cell (named by
            its number); the notebook with the failure stands in `output`.
    """
    if not notebook.is_file():
        raise UserError(f"{notebook}: no such notebook")
    _listen(logging.getLogger("papermill"))
    known = _parameters(notebook)
    for name in parameters:
        if name not in known:
            raise UserError(f"{notebook}: no parameter '{name}'; parameters: {', '.join(known) or 'none'}")
    os.environ["STE_EXECUTES"] = "1"  # the kernel inherits it: no progress bars in the executed copy
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        papermill.execute_notebook(
            _literal(notebook), _literal(output), parameters, cwd=notebook.parent, kernel_name="python3",
            progress_bar=False, log_output=True, start_timeout=START_SECONDS,
            extra_arguments=["--log-level=CRITICAL"],
        )  # fmt: skip
    except PapermillExecutionError as error:
        reason = one_line(error.evalue, 500)
        kind = "" if error.ename in ("UserError", "DataUnavailable") else f"{error.ename}: "
        raise UserError(f"{notebook}: cell {error.exec_count}: {kind}{reason} (see {output})") from None
    except DeadKernelError:
        raise UserError(
            f"{notebook}: its kernel died (killed, or out of memory); run it again (see {output})"
        ) from None
    except RuntimeError as error:  # of the kernel's client, which waits for its first answer
        raise UserError(f"{notebook}: its kernel did not start ({one_line(error)}); run it again") from None
    except OSError as error:
        raise UserError(f"{output}: cannot be written: {error.strerror or error}") from None
    finally:
        if output.exists():
            with suppress(nbformat.reader.NotJSONError):  # half written, on a full disk
                _clean(output)


def _literal(path: Path) -> str:
    """A path as papermill takes it, which fills in what stands in braces."""
    return str(path).replace("{", "{{").replace("}", "}}")


class _Told(logging.Handler):
    """Shows what cells tell (`errors.tell`) while they run; all else that papermill would say is in our own line."""

    def emit(self, record: logging.LogRecord) -> None:
        for line in record.getMessage().splitlines():
            if line.startswith("ste: "):
                print(line, file=sys.stderr, flush=True)


def _listen(logger: logging.Logger) -> None:
    logger.setLevel(logging.WARNING)  # as which it reports a cell's standard error
    logger.propagate = False
    logger.handlers = [_Told()]


def _parameters(notebook: Path) -> list[str]:
    """The names that the cell of parameters assigns (papermill's own reading of it fails on a default with `=`)."""
    try:
        cells = nbformat.read(notebook, as_version=4).cells
        source = "\n".join(cell.source for cell in cells if "parameters" in cell.metadata.get("tags", []))
        assigned = [node for node in ast.parse(source).body if isinstance(node, ast.Assign | ast.AnnAssign)]
    except (ValueError, SyntaxError, nbformat.ValidationError) as error:
        raise UserError(f"{notebook}: not a notebook ({one_line(error, 200)})") from None
    targets = [target for node in assigned for target in getattr(node, "targets", None) or [node.target]]
    return [target.id for target in targets if isinstance(target, ast.Name)]


def _clean(path: Path) -> None:
    """Take out of an executed notebook what differs between equal runs."""
    notebook = nbformat.read(path, as_version=4)
    notebook.metadata = {"kernelspec": notebook.metadata.get("kernelspec", {}), "language_info": {"name": "python"}}
    for number, cell in enumerate(notebook.cells):
        cell.id = f"cell-{number}"
        tags = cell.metadata.get("tags", [])
        cell.metadata = {"tags": tags} if tags else {}
    write_text(path, nbformat.writes(notebook) + "\n")
