"""Run the benchmarks that this machine can run, draw the growth curves, write `docs/measured.md`.

    python -m benchmarks                            # make bench
    python -m benchmarks --full                     # what is published; an hour or more
    python -m benchmarks generate rescore           # some of them

Each runs in a process of its own and leaves `results/bench/<name>.csv`, so one that fails takes nothing with it; the
exit code is 1 if one failed, and 0 where a limit is not met: that is a result.
"""

import argparse
import subprocess
import sys

from benchmarks import figure, page
from benchmarks.harness import NAMES, PROFILES, ROOT


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="measure speed and growth")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"which (default: all): {', '.join(NAMES)}")
    profile = parser.add_mutually_exclusive_group()
    profile.add_argument("--profile", choices=PROFILES, default="quick")
    profile.add_argument("--full", dest="profile", action="store_const", const="full")
    options = parser.parse_args()
    unknown = [name for name in options.names if name not in NAMES]
    if unknown:
        parser.error(f"no benchmark '{unknown[0]}'; there are: {', '.join(NAMES)}")
    failed = []
    for name in options.names or NAMES:
        command = [sys.executable, "-m", f"benchmarks.{name}", "--profile", options.profile]
        if subprocess.run(command, cwd=ROOT, check=False).returncode:
            failed.append(name)
    figure.draw()
    print(f"all of it: {page.write()}")
    if failed:
        print(f"benchmarks: failed: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
