"""The faults survived, as a table: run the tests that make them, and write what came of each.

    python -m benchmarks.faults_table [PYTEST OPTIONS]

All tests in `tests/faults/` are faults; the first line of a docstring says which. Those that live beside what they test
are named in `ELSEWHERE`, with the line that the table shows. A fault is survived only if its test has run and passed,
all its cases included. Writes `results/bench/faults.csv`, and `docs/measured.md` with it.
"""

import ast
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from xml.etree import ElementTree

import pandas as pd

from benchmarks import page
from benchmarks.harness import BENCH, ROOT
from ste_core.core.errors import UserError
from ste_core.core.store import write_text

ELSEWHERE = {
    "tests/test_explore_run.py": {
        "test_killed_twenty_times_the_files_are_those_of_an_uninterrupted_run":
            "Exploration killed (-9) twenty times at random moments: the same files as of an uninterrupted run.",
        "test_a_torn_line_is_mended": "A trial torn by a kill: not believed, made again, the same bytes.",
        "test_two_runs_do_not_write_one_file": "Two explorations of one tool: the second is refused in a line.",
        "test_a_failing_model_loses_nothing": "A model that is gone in the middle of an exploration: nothing is lost.",
        "test_a_fifth_of_requests_failing_loses_nothing":
            "A fifth of requests failing (429, 500, silence, cut connections, garbage): the same files.",
        "test_a_file_that_is_not_ours_is_refused": "Trials doubled, missing or of another kind: refused.",
        "test_an_unreachable_model_is_one_line_and_loses_nothing": "No server there: one line, nothing lost.",
    },
    "tests/test_predict.py": {
        "test_a_killed_run_ends_in_the_same_bytes": "Prediction killed (-9): the same file, no answer asked for twice.",
        "test_a_full_disk_is_one_line_and_loses_nothing": "No room for another answer: one line, the others are kept.",
        "test_a_damaged_file_is_made_anew": "A damaged prediction file or summary: made anew, the same bytes.",
        "test_what_a_model_makes_up_behind_its_call_is_cut_off": "A model that goes on to invent results: cut off.",
    },
    "tests/test_finetune.py": {
        "test_a_killed_run_goes_on_to_the_same_model": "Fine-tuning killed (-9), a checkpoint torn: the same weights.",
        "test_no_room_for_a_file_is_one_line_and_leaves_nothing": "No room for a model: one line, none half written.",
        "test_another_run_at_the_same_folder_is_refused": "Two fine-tunings into one folder: the second is refused.",
    },
    "tests/test_pipeline.py": {
        "test_killed_and_run_again_it_ends_the_same": "A whole study killed (-9): run again, the same bytes.",
        "test_two_runs_on_one_folder_do_not_mix": "Two runs of one study: the second is refused in a line.",
        "test_a_failed_notebook_is_named_in_a_line_and_kept": "A cell that fails: one line, the notebook is kept.",
        "test_a_run_that_cannot_write_says_why_in_a_line": "Figures that cannot be written: one line.",
    },
    "tests/test_store.py": {
        "test_kill_loses_nothing_that_was_appended": "A writer of records killed (-9): every appended record is there.",
    },
    "tests/test_chat.py": {
        "test_the_cache_bears_concurrent_writers_and_kills": "Many writers of one cache, some killed: no entry lost.",
        "test_a_damaged_cache_is_set_aside_with_one_line": "A damaged cache: set aside with a line, begun anew.",
        "test_a_cache_that_is_set_aside_or_deleted_under_way_goes_on": "A cache deleted while it is used: goes on.",
        "test_a_cache_that_cannot_be_is_one_line": "A cache that cannot be opened: one line.",
        "test_passing_failures_are_tried_again": "Each passing failure of a server: tried again.",
        "test_lasting_failures_are_one_line": "Each lasting failure of a server: one line.",
    },
    "tests/test_explore.py": {
        "test_hostile_replies_become_trials_that_can_be_written_and_read":
            "Replies with NaN, lone surrogates, deep nesting, 5,000 digits: trials that can be written and read.",
        "test_any_text_becomes_a_trial": "Any text as a reply (property test): a trial that can be written and read.",
    },
    "tests/test_toolbox.py": {
        "test_a_hanging_tool_is_given_up": "A tool that hangs: given up, the model is told.",
        "test_a_hanging_tool_keeps_no_other_waiting": "A tool that hangs: no other waits for it.",
        "test_what_a_tool_raises_becomes_an_observation": "Whatever a tool raises: an observation.",
        "test_ten_megabytes_are_cut": "Ten megabytes from a tool: cut.",
        "test_a_result_cannot_pass_for_the_prompt": "A tool's result that imitates the prompt: contained.",
        "test_two_hundred_calls_at_once_keep_apart": "Two hundred calls at once: each its own result.",
    },
}  # fmt: skip


def faults() -> dict[str, str]:
    """What each fault is, by test (`file::function`), in order.

    Raises:
        UserError: a test without a docstring, or one that is named and not there.
    """
    found = {}
    for path in sorted((ROOT / "tests" / "faults").glob("test_*.py")):
        name = str(path.relative_to(ROOT))
        for test in _tests(path):
            said = (ast.get_docstring(test) or "").split("\n\n")[0]
            if not said:
                raise UserError(f"{name}::{test.name}: has no docstring to say which fault it is")
            found[f"{name}::{test.name}"] = " ".join(said.split())
    for name, tests in ELSEWHERE.items():
        there = {test.name for test in _tests(ROOT / name)}
        for test, said in tests.items():
            if test not in there:
                raise UserError(f"{name}::{test}: no such test; mend ELSEWHERE in benchmarks/faults_table.py")
            found[f"{name}::{test}"] = said
    return found


def _tests(path: Path) -> Iterator[ast.FunctionDef]:
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
            yield node


def run(tests: Sequence[str], options: Sequence[str] = ()) -> dict[str, str]:
    """What came of each test: "survived", "NOT SURVIVED", or "not tested here"."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        command = [sys.executable, "-m", "pytest", f"--junitxml={report}", "-o", "junit_family=xunit1"]
        subprocess.run([*command, *options, *tests], cwd=ROOT, check=False)
        if not report.is_file():
            raise UserError("faults: pytest left no report; see what it says above")
        cases = list(ElementTree.parse(report).iter("testcase"))
    outcomes: dict[str, set[str]] = {}
    for case in cases:
        test = f"{case.get('file')}::{(case.get('name') or '').partition('[')[0]}"
        kinds = {child.tag for child in case}
        came = "bad" if kinds & {"failure", "error"} else "skipped" if "skipped" in kinds else "passed"
        outcomes.setdefault(test, set()).add(came)
    said = {}
    for test in tests:
        came = outcomes.get(test, set())
        said[test] = "NOT SURVIVED" if "bad" in came else "survived" if came == {"passed"} else "not tested here"
    return said


def main() -> int:
    try:
        known = faults()
        outcomes = run(list(known), sys.argv[1:])
    except UserError as error:
        print(f"benchmarks.faults_table: {error}", file=sys.stderr)
        return error.exit_code
    table = pd.DataFrame([{"fault": known[test], "outcome": outcomes[test], "test": test} for test in known])
    write_text(BENCH / "faults.csv", table.to_csv(index=False, lineterminator="\n"))
    print(table["outcome"].value_counts().to_string(), page.write(), sep="\n")
    return 1 if "NOT SURVIVED" in set(outcomes.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
