"""What a user can get wrong, said in one line.

Everything that comes from outside (study files, the release, model output files, parameters) is checked where it
enters; what is wrong is raised as a `UserError` whose text is one line that names the field and the fix. The command
line prints that line and leaves with its `exit_code`; no traceback.
"""

import sys


class UserError(Exception):
    """A mistake in what the user gave us: one line, exit code 2."""

    exit_code = 2


class DataUnavailable(UserError):
    """Data that are neither here nor to be had (no copy, no network): one line, exit code 1."""

    exit_code = 1


class RequestRefused(UserError):
    """A model's server does not answer this request, however often it is asked: for its text, or for its options."""


def tell(line: object) -> None:
    """Say something while work goes on, as one line on standard error; `ste run` shows it of its notebooks too."""
    print(f"ste: {one_line(line, 600)}", file=sys.stderr, flush=True)


def one_line(said: object, length: int = 300) -> str:
    """What a library says, on one line of at most `length` characters.

    >>> one_line(ValueError("no such\\n  file"))
    'no such file'
    """
    return " ".join(str(said).split())[:length]
