"""A small study to put faults into, and disks that are full or read-only."""

import asyncio
import os
import shutil
import subprocess

import pytest
import yaml
from faults import chat_server

from ste_core.core import config
from ste_core.models.base import Budget, Choice, Completion


class Scripted:
    """Answers as the scripted server does, in this process."""

    name = identity = "scripted"

    def __init__(self):
        self.budget, self.asked = Budget(), 0

    async def complete(self, messages, *, seed=None, **options):
        self.asked += 1
        await asyncio.sleep(0)
        return Completion((Choice(chat_server.reply(messages, seed or 0), "stop"),), 100, 12)


@pytest.fixture
def scripted():
    return Scripted


@pytest.fixture
def make(tmp_path, monkeypatch):
    """Writes a study file that explores three tools and loads it; results lie in `results`, by default the test's."""
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)

    def write(url="http://127.0.0.1:9/v1", *, results=None, model=None, **options):
        monkeypatch.setenv("STE_RESULTS", str(results or tmp_path / "results"))
        content = {
            "name": "trial",
            "world": {"tools": "microworld.tools:toolbox", "test_set": "none", "dev_set": "none"},
            "models": {"m": {"kind": "openai", "model": "m", "base_url": url} | (model or {})},
            "exploration": {"model": "m", "episodes": 1, "trials": 2, "tools": ["add_days", "sort_words", "filing_fee"]}
            | options,
        }
        path = tmp_path / "trial.yaml"
        path.write_text(yaml.safe_dump(content))
        return config.load(path)

    return write


@pytest.fixture
def files():
    """The files of trials of a study."""

    def found(at):
        return {path.name: path.read_bytes() for path in sorted(at.explored("full", 0).glob("*.jsonl"))}

    return found


class Disk:
    """A file system of its own, in memory."""

    def __init__(self, path):
        self.path = path

    def fill(self):
        """Leave no room."""
        with (self.path / "ballast").open("wb", buffering=0) as file:
            for size in (4096, 1):
                try:
                    while file.write(b"x" * size):
                        pass
                except OSError:
                    pass

    def empty(self):
        (self.path / "ballast").unlink()

    def remount(self, mode):
        subprocess.run(["mount", "-o", f"remount,{mode}", str(self.path)], check=True)


@pytest.fixture
def disk(tmp_path):
    """A tmpfs of 512 kB, where we may mount one."""
    if os.geteuid() != 0 or shutil.which("mount") is None:
        pytest.skip("only root can mount a small disk")
    path = tmp_path / "disk"
    path.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=512k", "tmpfs", str(path)], capture_output=True, text=True, check=False
    )
    if mounted.returncode:
        pytest.skip(f"a small disk cannot be mounted here: {mounted.stderr.strip()}")
    yield Disk(path)
    subprocess.run(["umount", "--lazy", str(path)], check=True)
