"""The environment that a run finds: homes and caches that cannot be written, locales without letters, no temporary
folder, readers that leave, odd proxies, certificates that are gone, paths of any characters. Real processes: it works,
or one line says what to change. The shapes are from public threads, named beside each."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from support import ROOT, ChatServer, one_line, run_ste

TOOLS = '''
def double(number: int) -> str:
    """Das Zweifache einer Zahl – für 東京 geschätzt."""
    return f"Größe: {2 * number} ✓"
'''

#: what a user's shell may hold that would hide what a test sets
PLAIN = dict.fromkeys(
    ("http_proxy", "https_proxy", "all_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY",
     "SSL_CERT_FILE", "SSL_CERT_DIR", "PYTHONIOENCODING", "PYTHONUTF8", "LC_ALL"),
)  # fmt: skip


def says(asked):
    """A model that imagines, calls and answers with letters that ASCII does not have."""
    last = asked["messages"][-1]["content"]
    said = f"Größe von ✓ 東京: what is twice {asked.get('seed', 7) % 97}?"
    if "Informative:" in last:
        said = "Informative: Yes\nFaithful: Yes\nAppropriate: Yes"
    elif last.startswith("Observation:"):
        said = "Final Answer: es sind 14 – ✓"
    elif "Action Input:" in last:
        said = 'Thought: schön\nAction: double\nAction Input: {"number": 7}'
    elif "Yes or No" in last:
        said = "Yes"
    choice = {"index": 0, "message": {"role": "assistant", "content": said}, "finish_reason": "stop"}
    return 200, json.dumps({"choices": [choice], "usage": {"prompt_tokens": 9, "completion_tokens": 9}}).encode()


@pytest.fixture(scope="module")
def server():
    with ChatServer(says) as running:
        yield running


def ste(*words, timeout=1200, **changes):
    """The command, with time enough on a busy machine."""
    return run_ste(*words, timeout=timeout, **changes)


def study(folder: Path, url: str, file: str = "mine") -> Path:
    """A study of one function, in a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "my_tools.py").write_text(TOOLS, encoding="utf-8")
    value = {
        "name": "mine",
        "world": {"functions": str(folder / "my_tools.py")},
        "models": {"m": {"kind": "openai", "model": "m", "base_url": url, "retries": 1}},
        "exploration": {"model": "m", "episodes": 1, "trials": 2},
        "distillation": {"model": "m", "target": 4, "max_paraphrases": 2},
    }
    path = folder / f"{file}.yaml"
    path.write_text(json.dumps(value, ensure_ascii=False), encoding="utf-8")
    return path


def explored(results: Path) -> None:
    """The trials are there, and hold every letter."""
    lines = [line for path in results.rglob("seed0/*.jsonl") for line in path.read_text("utf-8").splitlines()]
    trials = [one for one in map(json.loads, lines) if isinstance(one, dict) and "steps" in one]
    assert len(trials) == 2
    for one in trials:
        assert one["query"].startswith("Größe von ✓ 東京") and one["answer"] == "es sind 14 – ✓"
        assert one["steps"][0]["observation"] == "Größe: 14 ✓"


#: what is set -> the variables; A_FILE is a file, where a folder should be (it stops root as well)
A_FILE = object()
HOMES = ("HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_RUNTIME_DIR", "HF_HOME", "MPLCONFIGDIR",
         "IPYTHONDIR", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR")  # fmt: skip
NO_LETTERS = {"LC_ALL": "POSIX", "LANG": "POSIX", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
ENVIRONMENTS = {
    # NousResearch/hermes-agent#108356, ComparativeGenomicsToolkit/cactus#1803: containers with a user of no name
    "no HOME": {"HOME": None},
    # OHF-Voice/wyoming-faster-whisper#27: "Read-only file system: '/nonexistent'"
    "HOME is not there": {"HOME": "/proc/nonexistent"},
    # imgag/megSAP#332, DiamondLightSource/blueapi#867: a home that cannot be written
    "no home or cache can be written": dict.fromkeys(HOMES, A_FILE),
    # Backblaze/B2_Command_Line_Tool#914, canonical/ubuntu-pro-client#859: consoles without a locale
    "LC_ALL=C": {"LC_ALL": "C", "LANG": "C"},
    "a locale without letters": NO_LETTERS,
    # mattrobenolt/jinja2-cli#48: a pipe that takes ASCII
    "an ASCII terminal": NO_LETTERS | {"PYTHONIOENCODING": "ascii:strict"},
    # langgenius/dify-sandbox#117, conjure-up/conjure-up#964
    "TMPDIR is not there": {"TMPDIR": "/proc/nonexistent", "TMP": "", "TEMP": ""},
    "TMPDIR is a file": {"TMPDIR": A_FILE},
    # OpenHands/OpenHands-CLI#632: GNOME's proxy; one without a scheme: curl/curl#9773
    "proxies that nothing can use": {"ALL_PROXY": "socks://127.0.0.1:9", "http_proxy": "127.0.0.1:9",
                                     "HTTPS_PROXY": "gopher://there"},
}  # fmt: skip


def environment(changes, tmp_path: Path):
    a_file = tmp_path / "a file"
    a_file.write_text("")
    return PLAIN | {name: str(a_file) if value is A_FILE else value for name, value in changes.items()}


@pytest.mark.parametrize("found", list(ENVIRONMENTS))
def test_exploring_goes_on_whatever_the_environment(server, tmp_path, found):
    path = study(tmp_path / "there", server.url, "größe" if "letters" in found or "ASCII" in found else "mine")
    done = ste("explore", path, **environment(ENVIRONMENTS[found], tmp_path), STE_RESULTS=tmp_path / "results")
    assert done.returncode == 0 and done.stderr == "", done
    explored(tmp_path / "results")


@pytest.mark.parametrize(
    ("found", "folder", "file"),
    [
        ("no home or cache can be written", "there", "mine"),
        ("an ASCII terminal", "it's a “große” {x} $HOME %s", "größe"),
        ("TMPDIR is not there", "OneDrive - Company & Co; [1] *", "mine"),
    ],
)
def test_a_whole_study_runs_whatever_the_environment(server, tmp_path, found, folder, file):
    """Snakemake, shells, papermill and a kernel between the command and the work (matplotlib/matplotlib#832: its folder
    cannot be written; snakemake/snakemake#2981: a folder of any name)."""
    path = study(tmp_path / folder, server.url, file)
    results = tmp_path / folder / "results"
    done = ste(
        "run", path, "--cores", 1, **environment(ENVIRONMENTS[found], tmp_path), STE_RESULTS=results,
        STE_FIGURES=tmp_path / folder / "figures",
    )  # fmt: skip
    assert done.returncode == 0 and "Traceback" not in done.stderr, done
    explored(results)
    assert "Größe von ✓" in (results / "mine" / "learnt" / "demonstrations.jsonl").read_text(encoding="utf-8")


def test_a_path_that_the_locale_cannot_spell_is_named_in_one_line(tmp_path):
    """A study file that is not there, with letters that the terminal lacks: they are escaped, and the line stands."""
    done = ste("explore", tmp_path / "größe 東京.yaml", **environment(ENVIRONMENTS["an ASCII terminal"], tmp_path))
    assert done.returncode == 2 and one_line(done.stderr).startswith("ste: ") and done.stderr.isascii()


@pytest.mark.parametrize(
    "words", [("models",), ("run", "smoke", "--dry-run"), ("--help",), ("explore", "smoke", "--dry-run")]
)
def test_a_reader_that_leaves_is_no_error(words):
    """`ste ... | head -1`: Backblaze/B2_Command_Line_Tool#1071, jedbjorn/subfloor#299; unbuffered, as in containers:
    Sherin-SEF-AI/CanLab#24."""
    for unbuffered in ("", "1"):
        process = subprocess.Popen(
            [sys.executable, "-m", "ste_core", *words], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            env=os.environ | {"PYTHONUNBUFFERED": unbuffered},
        )  # fmt: skip
        assert process.stdout is not None
        process.stdout.close()  # sooner than any `head`
        _, errors = process.communicate(timeout=1200)
        assert errors == b"" and process.returncode in (0, 141, -13), (process.returncode, errors)


def test_no_standard_streams_at_all(server, tmp_path):
    """Started with its output closed (`>&-`), as services are: the work is done."""
    path = study(tmp_path, server.url)
    words = f'exec "{sys.executable}" -m ste_core explore "{path}" >&- 2>&-'
    done = subprocess.run(
        ["sh", "-c", words], cwd=ROOT, timeout=1200, check=False,
        env=os.environ | {"STE_RESULTS": str(tmp_path / "results")},
    )  # fmt: skip
    assert done.returncode == 0
    explored(tmp_path / "results")


def test_certificates_that_are_gone_are_one_line(server, tmp_path):
    """IBM/mcp-context-forge#5868, Aider-AI/aider#3710: SSL_CERT_FILE names a file that was moved."""
    path = study(tmp_path, "https://models.example.org/v1")
    done = ste("explore", path, **environment({"SSL_CERT_FILE": "/nonexistent.pem"}, tmp_path),
                   STE_RESULTS=tmp_path / "results")  # fmt: skip
    assert done.returncode == 2 and "SSL_CERT_FILE in the environment" in one_line(done.stderr)


@pytest.mark.parametrize("proxy", ["socks5://127.0.0.1:9", "gopher://127.0.0.1:9", "127.0.0.1:9", "http://"])
def test_a_proxy_that_cannot_be_used_is_one_line(tmp_path, proxy):
    """A far server behind a proxy of an odd scheme, without one, without a host, or that is not there."""
    path = study(tmp_path, "http://models.example.org/v1")
    done = ste("explore", path, **environment({"http_proxy": proxy}, tmp_path), STE_RESULTS=tmp_path / "results")
    assert done.returncode == 2 and "models.example.org" in one_line(done.stderr)
    assert not [one for one in (tmp_path / "results").rglob("seed0/*.jsonl") if one.stat().st_size]
