#!/usr/bin/env python3
"""Submit a Snakemake job script as a process of its own, as a cluster's `sbatch` would; prints the job's id.

A folder of the id under $STE_JOBS (default .snakemake/jobs) holds pid, log and exit code; status.py and cancel.py read
it. The job outlives whoever submitted it. Standard library only.
"""

import os
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

jobs = Path(os.environ.get("STE_JOBS", ".snakemake/jobs"))
jobs.mkdir(parents=True, exist_ok=True)
folder = Path(tempfile.mkdtemp(prefix="job", dir=jobs)).resolve()
script, code = shlex.quote(sys.argv[1]), shlex.quote(str(folder / "code"))
with (folder / "log").open("wb") as log:
    process = subprocess.Popen(
        ["sh", "-c", f"sh {script}; echo $? > {code}.part && mv {code}.part {code}"],
        stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
    )  # fmt: skip
(folder / "pid").write_text(str(process.pid))
print(folder)
