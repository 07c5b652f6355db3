"""How much faster fifty tools are explored at once than one after the other, against a server that takes its time.

    python benchmarks/explore_concurrency.py [--tools 50] [--trials 2] [--delay 0.1]

The server stands on loopback, in a process of its own, and answers each request after `delay` seconds, however many
there are. The same exploration runs twice, all tools at once and one trial at a time; both make the same requests and
leave the same files behind (checked). The limit of the ratio is the number of tools.
"""

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from faults import chat_server  # noqa: E402

from ste_core import study  # noqa: E402
from ste_core.exploration import explore, read  # noqa: E402

STUDY = """
name: benchmark
world: {{tools: "microworld.tools:toolbox", test_set: none, dev_set: none}}
models: {{m: {{kind: openai, model: scripted, base_url: "{url}", concurrency: {concurrency}}}}}
exploration: {{model: m, episodes: 1, trials: {trials}, concurrency: {concurrency}}}
"""


def run(folder: Path, url: str, concurrency: int, options: argparse.Namespace) -> tuple[float, int, dict[str, bytes]]:
    """Seconds, requests, and the files."""
    os.environ["STE_RESULTS"] = str(folder / f"at{concurrency}")
    path = folder / "benchmark.yaml"
    path.write_text(STUDY.format(url=url, concurrency=concurrency, trials=options.trials))
    one = study.load(path)
    start = time.perf_counter()
    (record,) = explore(one, tools=list(one.toolbox().tools)[: options.tools])
    seconds = time.perf_counter() - start
    assert len(read(one, "full", 0)) == options.tools * options.trials
    files = {path.name: path.read_bytes() for path in one.explored("full", 0).glob("*.jsonl")}
    return seconds, record.requests, files


def main() -> int:
    parser = argparse.ArgumentParser(description="exploration at once against one after the other")
    parser.add_argument("--tools", type=int, default=50)
    parser.add_argument("--trials", type=int, default=2, help="for each tool")
    parser.add_argument("--delay", type=float, default=0.1, help="seconds the server takes for an answer")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, chat_server.running(delay=options.delay) as url:
        run(Path(folder), url, 2, argparse.Namespace(tools=2, trials=1))  # imports
        fast, requests, files = run(Path(folder), url, options.tools, options)
        print(f"all at once: {requests:,} requests in {fast:.2f} s, {requests / fast:.0f} a second", flush=True)
        slow, slow_requests, slow_files = run(Path(folder), url, 1, options)
    print(f"one by one:  {slow_requests:,} requests in {slow:.2f} s, {slow_requests / slow:.1f} a second")
    same = files == slow_files and requests == slow_requests
    print(f"ratio {slow / fast:.1f} (limit {options.tools}); {'the same' if same else 'DIFFERENT'} files and requests")
    return 0 if same else 1


if __name__ == "__main__":
    sys.exit(main())
