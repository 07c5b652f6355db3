"""The `ste` command: run a study, a notebook, a judge; make figures; fetch the release.

    ste run audit                       # or: make audit
    ste notebook IN.ipynb OUT.ipynb -p study audit
    ste figures [NAME ...]              # every figure again, or some, from committed tables
    ste site                            # results as pages that open from disk
    ste fetch                           # the authors' release into the user's cache
    ste score FILE ... --against "Mistral-Instruct-7B/FT"       # predictions of your own; no key, no GPU
    ste judge --model NAME --base-url URL
    ste explore STUDY --dry-run         # what exploring would take; without --dry-run, explore
    ste run STUDY --dry-run             # what the whole study would take
    ste pack STUDY                      # its trials, examples and answers in one file that may be committed
    ste unpack STUDY                    # put them back, to go on from there or to score them again
    ste models                          # the language models that one command fetches; get NAME fetches one
    ste serve-tools STUDY               # its tools as an MCP server, with what trials taught in their descriptions
    ste serve MODEL --port 8017         # a model of ours behind the OpenAI protocol

A user's mistake is one line on standard error and exit code 2 (1 where data cannot be had), never a traceback.
"""

import argparse
import io
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO
from urllib.parse import quote

from ste_core.core.errors import UserError
from ste_core.pipeline import processes

if TYPE_CHECKING:
    from ste_core.core.config import Study

# Heavy modules (pandas, matplotlib, papermill) are imported where they are used: a run with nothing to do stays quick.


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:  # closed by who started us: else a file of ours would take its place
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))
    for stream in (sys.stdout, sys.stderr):  # a locale that lacks a letter of a path costs the letter, not the run
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        try:
            options = _parser().parse_args(arguments)
        finally:
            sys.stdout.flush()  # of --help; here, not at the very end, where a reader that has left is an error
        code: int = options.run(options)
        sys.stdout.flush()
        return code
    except UserError as error:
        print(f"ste: {error}", file=sys.stderr)
        return error.exit_code
    except BrokenPipeError:  # the reader has seen enough (`ste run ... | head`)
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:  # what no one nearer has put into words: a disk that is full or read-only
        print(f"ste: {error.filename or 'the disk'}: {error.strerror or error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("ste: interrupted; run the same command again to go on", file=sys.stderr)
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="ste", description="Reproducibility study of simulated trial and error (STE)."
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for add in (_add_run, _add_parts_of_a_run, _add_explore, _add_tools, _add_archives, _add_models, _add_scoring):
        add(commands)
    return parser


def _add_run(commands: Any) -> None:
    run = commands.add_parser("run", help="run a study: all its notebooks, tables and figures")
    run.add_argument("study", help="name in study/ or path of a study file")
    run.add_argument(
        "--release", metavar="DIR", help="a copy of the authors' release (else $STE_RELEASE, else download)"
    )
    run.add_argument("--allow-altered", action="store_true", help="score release files that differ from upstream")
    run.add_argument("--cores", type=int, default=os.cpu_count() or 1, metavar="N")
    run.add_argument("--gpus", type=int, default=1, metavar="N", help="GPUs that jobs here may take (default: 1)")
    run.add_argument("--profile", metavar="DIR", help="run each job through an executor, see docs/cluster.md")
    run.add_argument("--shards", type=int, default=1, metavar="N", help="jobs that share an exploration's tools")
    run.add_argument("--dry-run", action="store_true", help="show what it will take, stage by stage, and stop")
    run.add_argument(
        "--assume", action="append", default=[], metavar="NAME=NUMBER", help="of --dry-run: as gpu_tflops=400"
    )
    run.set_defaults(run=_run)


def _add_parts_of_a_run(commands: Any) -> None:
    notebook = commands.add_parser("notebook", help="execute one notebook")
    notebook.add_argument("notebook", type=Path)
    notebook.add_argument("output", type=Path)
    notebook.add_argument("-p", nargs=2, action="append", default=[], metavar=("NAME", "VALUE"), dest="parameters")
    notebook.set_defaults(run=_notebook)

    figures = commands.add_parser("figures", help="make every figure again from the tables of results/")
    figures.add_argument("names", nargs="*", metavar="NAME", help="these figures only (default: all)")
    figures.set_defaults(run=_figures)

    site = commands.add_parser("site", help="executed notebooks, figures and trajectories as pages that open from disk")
    site.add_argument("--out", type=Path, metavar="DIR", help="where to build it (default: site/ in the project)")
    site.set_defaults(run=_site)

    fetch = commands.add_parser("fetch", help="download and check the authors' release")
    fetch.set_defaults(run=_fetch)

    record = commands.add_parser("record", help="write a study's run.json")
    record.add_argument("study")
    record.set_defaults(run=_record)


def _add_explore(commands: Any) -> None:
    explore = commands.add_parser("explore", help="explore a study's tools, from where an earlier run stopped")
    explore.add_argument("study", help="name in study/ or path of a study file")
    explore.add_argument("--variant", metavar="NAME", help="one variant (default: the study's)")
    explore.add_argument("--seed", type=int, metavar="K", help="one seed (default: the study's)")
    part = explore.add_mutually_exclusive_group()
    part.add_argument("--tools", metavar="A,B", help="these tools only")
    part.add_argument("--shard", metavar="I/N", help="every N-th tool, from the I-th on: N jobs share the work")
    explore.add_argument("--dry-run", action="store_true", help="estimate requests, tokens, time and cost, and stop")
    explore.set_defaults(run=_explore)


def _add_tools(commands: Any) -> None:
    tools = commands.add_parser(
        "serve-tools", help="serve a study's tools over MCP, with what trials taught about them"
    )
    tools.add_argument("study", help="name in study/ or path of a study file")
    tools.add_argument("--all", action="store_true", help="with notes, too, that no held-out query speaks for")
    tools.add_argument("--http", type=int, metavar="PORT", help="by HTTP on this loopback port, not stdin and stdout")
    tools.set_defaults(run=_serve_tools)


def _add_archives(commands: Any) -> None:
    pack = commands.add_parser("pack", help="a study's trials, examples and answers in one file that may be committed")
    pack.add_argument("study")
    pack.set_defaults(run=_pack)

    unpack = commands.add_parser("unpack", help="put back what `ste pack` packed, to go on from there")
    unpack.add_argument("study")
    unpack.set_defaults(run=_unpack)


def _add_models(commands: Any) -> None:
    models = commands.add_parser("models", help="list the language models that one command fetches, or fetch one")
    models.set_defaults(run=_models)
    wanted = models.add_subparsers(metavar="get NAME").add_parser("get", help="fetch a model and make it ready")
    wanted.add_argument("name", metavar="NAME")
    wanted.set_defaults(run=_get_model)

    serve = commands.add_parser("serve", help="serve a model over the OpenAI protocol")
    serve.add_argument("model", help="a folder, a .gguf file, a name of `ste models` or a hub name")
    serve.add_argument("--name", help="what requests call it (default: the last part of the path)")
    serve.add_argument("--host", default="127.0.0.1", help="default: this machine only")
    serve.add_argument("--port", type=int, default=8017, metavar="N", help="0: any that is free")
    serve.add_argument("--threads", type=int, default=1, metavar="N", help="torch's, on a CPU")
    serve.set_defaults(run=_serve)


def _add_scoring(commands: Any) -> None:
    scoring = commands.add_parser(
        "score", help="score predictions of your own, and compare them with the audit's systems"
    )
    kinds = "release format (.json), ours (.jsonl) or query,gold,output (.csv)"
    scoring.add_argument("files", nargs="+", type=Path, metavar="FILE", help=kinds)
    beside = 'of the audit, or "all"; may be repeated'
    scoring.add_argument("--against", action="append", default=[], metavar="SYSTEM/SETTING", help=beside)
    scoring.add_argument("--name", help="what to call the system (one file only; default: the file's name)")
    scoring.add_argument(
        "--release", metavar="DIR", help="a copy of the authors' release (else $STE_RELEASE, else download)"
    )
    scoring.add_argument("--out", type=Path, metavar="DIR", help="write the tables there: CSV, LaTeX, Markdown")
    scoring.set_defaults(run=_score)

    judge = commands.add_parser("judge", help="judge released calls anew with a language model")
    judge.add_argument("--model", required=True)
    judge.add_argument("--base-url", help="an OpenAI-compatible server (default: the OpenAI API)")
    judge.add_argument("--release", metavar="DIR")
    judge.add_argument("--files", nargs="*", metavar="NAME", help="prediction files, such as mistral_FT (default: all)")
    judge.add_argument("--concurrency", type=int, default=16, metavar="N")
    judge.add_argument("--dry-run", action="store_true", help="show the number of requests and tokens, and stop")
    judge.set_defaults(run=_judge)


def _load(study: str) -> "Study":
    from ste_core.core import config

    return config.load(study)


def _run(options: argparse.Namespace) -> int:
    from ste_core.core.config import project_root

    study = _load(options.study)
    environment = processes.environment() if options.profile is None else dict(os.environ)
    environment["PYTHONUTF8"] = "1"  # paths of any letters, whatever the locale, through Snakemake to jobs and kernels
    if options.dry_run:
        from ste_core.pipeline import plan

        print(plan.plan(study, plan.assume(options.assume)).text(), flush=True)
        if study.audit is not None and not (options.release or os.environ.get("STE_RELEASE")):
            print("jobs: known when the authors' release is at hand; name it by RELEASE=DIR")
            return 0
    if study.audit is not None:
        from ste_core.core import store
        from ste_core.release import audit, paper

        allow = options.allow_altered or study.audit.allow_altered
        release = paper.find_release(options.release, allow_altered=allow)
        table = audit.release_table(release)
        store.write_table(table, study.tables / "release.csv")
        for row in table[~table["status"].isin(("released", "not needed"))].itertuples():
            print(f"{row.path}: {row.status}")
        environment["STE_RELEASE"] = str(release.directory.resolve())
        environment["STE_ALLOW_ALTERED"] = "1" if allow else ""
    if not options.dry_run:  # a dry run has said so
        from ste_core.pipeline import resources

        lacking = resources.lacking(study)
        if lacking:
            raise UserError(lacking[0])
        _fetch_models(study)
    root = project_root()
    path = Path(os.fsencode(options.study).decode("utf-8", "surrogateescape"))  # as the jobs read it, in UTF-8 mode
    named = (
        os.path.abspath(path) if path.suffix in (".yaml", ".yml") else options.study
    )  # seen from the project's folder
    command = [
        sys.executable, "-m", "snakemake", "--snakefile", str(root / "Snakefile"), "--directory", str(root),
        "--config", f"study={quote(named)}", f"shards={options.shards}", "--rerun-incomplete", "--nolock",
    ]  # fmt: skip
    if options.profile is None:
        command += ["--cores", str(options.cores), "--resources", f"gpu={options.gpus}"]
    else:
        command += ["--profile", _profile(options.profile)]
    with _alone(study), processes.with_homes(environment) as there:  # Snakemake's own lock would outlive a kill
        if options.dry_run:
            return _jobs(command, there)
        problem = _snakemake(command, there, study.results / "run.log")
    if problem:
        print(f"ste: the run of '{study.name}' failed: {problem}", file=sys.stderr)
        return 1
    _report(study)
    return 0


def _fetch_models(study: "Study") -> None:
    """Get the models that a study needs, after saying how much that is."""
    from ste_core.models import weights
    from ste_core.pipeline import resources

    missing = weights.missing_weights(resources.models_named(study))
    for one in missing:
        download, disk = weights.to_do(one)
        sizes = weights.readable_size(download), weights.readable_size(disk)
        print(f"{one.name}: {sizes[0]} to download, {sizes[1]} of disk", flush=True)
    for one in missing:
        weights.get(one.name)


def _jobs(command: list[str], environment: dict[str, str]) -> int:
    """Print how many jobs of each rule there are to run."""
    done = subprocess.run([*command, "--dry-run"], env=environment, check=False, capture_output=True, text=True)
    if done.returncode:
        raise UserError(f"the jobs cannot be planned: {' '.join((done.stderr.strip() or done.stdout).split())[-500:]}")
    _, there, rest = done.stdout.partition("Job stats:\n")
    print("jobs\n" + rest.split("\n\n")[0] if there else "jobs: none, all is done")
    return 0


def _profile(folder: str) -> str:
    """A profile's folder, which Snakemake itself would also look for elsewhere."""
    if not any((Path(folder) / name).is_file() for name in ("config.yaml", "config.v8+.yaml", "config.v9+.yaml")):
        raise UserError(f"--profile {folder}: no folder with a config.yaml; there are: profiles/*")
    return str(Path(folder).resolve())


def _snakemake(command: list[str], environment: dict[str, str], log: Path) -> str:
    """Run Snakemake, its talk in `log`, our jobs' messages on the terminal; returns what failed, "" if nothing.

    It is read to its end even where `log` cannot take it: after a broken pipe Snakemake may wait for ever.
    """
    said, lost, errors, start = "", "", [], processes.ends_with_parent()
    with (
        log.open("wb", buffering=0) as file,
        subprocess.Popen(
            command, env=environment, stderr=subprocess.PIPE, text=True, errors="replace", preexec_fn=start
        ) as process,
    ):
        assert process.stderr is not None
        try:
            for line in process.stderr:
                if not lost:
                    lost = _cannot_write(file, line)
                if line.startswith("ste: "):
                    print(line, end="", file=sys.stderr, flush=True)
                    said = "see the line above"
                elif "Error" in line or "Exception" in line:
                    errors.append(line.strip())
        except OSError:  # nobody reads us
            process.kill()
            raise
    rest = f"{log} cannot be written: {lost}" if lost else f"all of it: {log}"
    if process.returncode:
        return f"{said or (errors[-1] if errors else f'exit code {process.returncode}')} ({rest})"
    if lost:
        print(f"ste: {rest}", file=sys.stderr)
    return ""


def _cannot_write(file: BinaryIO, line: str) -> str:
    """Write a line; why that cannot be, "" if it can."""
    try:
        file.write(line.encode("utf-8"))
    except OSError as error:
        return error.strerror or str(error)
    return ""


def _report(study: "Study") -> None:
    """Where to look, whether the committed tables came out again, and the headline table."""
    from ste_core.core.store import changes

    print(f"\ntables     {os.path.relpath(study.tables)}/\nnotebooks  {os.path.relpath(study.results / 'notebooks')}/")
    own = study.results / "figures"  # where they are unless the study is one whose figures stand in figures/
    print(f"figures    {os.path.relpath(own if own.is_dir() else study.figures)}/\n")
    if (changed := changes(study.tables)) is not None:
        tables = os.path.relpath(study.tables)
        print(f"{changed} committed tables differ: git diff {tables}\n" if changed else "as the committed tables\n")
    headline = study.results / "headline.txt"
    if headline.exists():
        print(headline.read_text(encoding="utf-8"), end="")


def _notebook(options: argparse.Namespace) -> int:
    processes.end_with_run()  # before imports that take seconds
    from ste_core.core.config import looks_like_a_key
    from ste_core.pipeline.notebook import execute

    for name, value in options.parameters:
        if looks_like_a_key(name, value):  # parameters are kept in the executed notebook
            raise UserError(f"-p {name}: a key does not belong in a parameter; put it in an environment variable")
    start = time.monotonic()
    print(f"executing {options.notebook}", flush=True)
    execute(options.notebook, options.output, dict(options.parameters))
    print(f"done      {options.notebook} in {time.monotonic() - start:.0f} s", flush=True)
    return 0


def _figures(options: argparse.Namespace) -> int:
    from ste_core.report import figures
    from ste_core.report.places import study_of

    for name in options.names:
        if name not in figures.FIGURES:
            raise UserError(f"{name}: no such figure; there are: {', '.join(figures.FIGURES)}")
    for name in options.names or figures.FIGURES:
        spec = figures.FIGURES[name]
        study = _load(study_of(name))
        missing = [f"{table}.csv" for table in spec.tables if not (study.tables / f"{table}.csv").exists()]
        if missing:
            print(f"left {name}: the study {study.name} has no {' and no '.join(missing)} here")
            continue
        figures.make(name, study)
        print(f"made {name}")
    return 0


def _site(options: argparse.Namespace) -> int:
    from ste_core.core.config import project_root
    from ste_core.report import site

    built = site.build(options.out or project_root() / "site")
    for line in built.left_out:
        print(f"left out {line}")
    print(f"{len(built.pages)} pages: open {os.path.relpath(built.folder / 'index.html')}")
    return 0


def _fetch(options: argparse.Namespace) -> int:
    from ste_core.release import paper

    print(f"the release is complete and checked: {paper.find_release(paper.fetch()).directory}")
    return 0


def _record(options: argparse.Namespace) -> int:
    from ste_core.core import store

    study = _load(options.study)
    seconds = {path.stem: store.read_benchmark(path) for path in sorted((study.results / "benchmarks").glob("*.tsv"))}
    file = study.results / "run.json"
    before = store.read_json(file) if file.exists() else {}
    there = {path.stem for path in (study.results / "notebooks").glob("*.ipynb")}  # some were run on other machines
    taken = {name: one for name, one in before.get("notebooks", {}).items() if name in there} | seconds
    record = store.provenance(study.model_dump(exclude_none=True)) | {"notebooks": dict(sorted(taken.items()))}
    release = study.tables / "release.csv"
    if release.exists():
        from ste_core.release import paper

        table = store.read_table(release)
        record["release"] = {"commit": paper.COMMIT, "files": dict(zip(table["path"], table["status"], strict=True))}
    store.write_text(file, json.dumps(record, indent=1) + "\n")
    return 0


def _score(options: argparse.Namespace) -> int:
    from ste_core.release import paper, score_files

    if options.name and len(options.files) > 1:
        raise UserError("--name: names one file, several are given")
    study = _load("audit")
    wanted = options.release or os.environ.get("STE_RELEASE") or options.against
    release = paper.find_release(options.release) if wanted else None
    report = score_files.score_report(options.files, study, release, against=options.against, name=options.name)
    print(report.text())
    if options.out is not None:
        for path in score_files.write_scores(options.out, report.scores, report.compared):
            print(f"written: {os.path.relpath(path)}, with .tex and .md beside")
    return 0


def _judge(options: argparse.Namespace) -> int:
    import asyncio

    from tqdm import tqdm

    from ste_core.models.openai import OpenAIChat
    from ste_core.release import audit, paper
    from ste_core.scoring import score

    study = _load("audit")
    release = paper.find_release(options.release)
    unknown = [name for name in options.files or () if name not in release.files()]
    if unknown:
        raise UserError(f"--files: no prediction file '{unknown[0]}'; there are: {', '.join(release.files())}")
    scored = audit.score_release(release, options.files)
    rows = score.to_judge(scored, paper.STRING_RULE_APIS)
    judge = score.ModelJudge(OpenAIChat(options.model, base_url=options.base_url, concurrency=options.concurrency))
    characters = sum(len(judge.prompt(row)) for row in rows.itertuples())
    print(f"{len(rows):,} requests, about {characters // 4:,} tokens in and at most {256 * len(rows):,} out")
    if options.dry_run:
        return 0
    path = study.results / "judge" / f"{_file_name(options.model)}.jsonl"
    with tqdm(total=len(rows), unit="call", disable=not sys.stderr.isatty()) as bar:
        judgements = asyncio.run(score.rejudge(rows, judge, path, done=bar.update))
    print(audit.judge_agreement(rows, judgements).to_string(index=False))
    print(f"every reply: {os.path.relpath(path)}")
    return 0


def _explore(options: argparse.Namespace) -> int:
    from ste_core.pipeline import explore_run

    study = _load(options.study)
    part: dict[str, Any] = {
        "variants": None if options.variant is None else [options.variant],
        "seeds": None if options.seed is None else [options.seed],
        "tools": None if options.tools is None else [name.strip() for name in options.tools.split(",")],
        "shard": None if options.shard is None else explore_run.read_shard(options.shard),
    }
    print(explore_run.expected_cost(study, **part).text(), flush=True)
    if options.dry_run:
        return 0
    for run in explore_run.explore(study, **part, progress=sys.stderr.isatty()):
        folder = os.path.relpath(study.explored(run.variant, run.seed))
        print(
            f"{run.trials:,} trials, {run.requests:,} requests, {run.tokens:,} tokens, {run.seconds:.0f} s: {folder}/"
        )
    return 0


def _pack(options: argparse.Namespace) -> int:
    from ste_core.pipeline import archive

    with _alone(_load(options.study)) as study:
        path, count = archive.pack(study)
    print(f"{count:,} files, {path.stat().st_size / 1e6:,.1f} MB: {os.path.relpath(path)}")
    return 0


def _unpack(options: argparse.Namespace) -> int:
    from ste_core.pipeline import archive

    with _alone(_load(options.study)) as study:
        print(f"{archive.unpack(study):,} files: {os.path.relpath(study.results)}/; ste run {study.name} goes on there")
    return 0


@contextmanager
def _alone(study: "Study") -> Iterator["Study"]:
    """Keep other runs away from a study's results."""
    from ste_core.core import store

    busy = f"{study.results}: another run is at work there; wait for it, or stop it"
    with store.alone(study.results / ".lock", busy):
        yield study


def _models(options: argparse.Namespace) -> int:
    from ste_core.models import weights

    print(weights.shown_table(), end="")
    return 0


def _get_model(options: argparse.Namespace) -> int:
    from ste_core.models import weights

    print(weights.get(options.name))
    return 0


def _serve_tools(options: argparse.Namespace) -> int:
    from ste_core.pipeline import learnt_run

    transport: Any = "stdio" if options.http is None else "http"
    learnt_run.serve_learnt(_load(options.study), everything=options.all, transport=transport, port=options.http or 0)
    return 0


def _serve(options: argparse.Namespace) -> int:
    import torch

    from ste_core.models import server
    from ste_core.models.local import LocalChat

    torch.set_num_threads(options.threads)
    model = LocalChat.load(options.model, name=options.name)
    server.serve_model(model, options.host, options.port)
    return 0


def _file_name(model: str) -> str:
    return "".join(character if character.isalnum() or character in "-._" else "_" for character in model)
