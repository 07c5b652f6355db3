"""The authors' release and the paper's reported figures.

>>> release = find_release("../paper_release")                          # doctest: +SKIP
>>> predictions = release.predictions("mistral_FT")                     # doctest: +SKIP

The release is the public repository `microsoft/simulated-trial-and-error` at one commit, MIT licence. None of it stands
in this project: it is read from a directory the user names, or downloaded, and every file is checked against its git
blob id (`data/release_manifest.csv`, which also knows the files a copy may lack).
"""

import csv
import hashlib
import json
import os
import random
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any, Literal

import pandas as pd
from pydantic import ValidationError

from ste_core.core import store
from ste_core.core.errors import DataUnavailable, UserError
from ste_core.core.records import Call, Prediction, StoredVerdict
from ste_core.method.training_data import GeneralTask

REPOSITORY = "microsoft/simulated-trial-and-error"
COMMIT = "c1c97fd3fabbf1fe67a15ba6eab51fbd12be5c7f"
URL = f"https://raw.githubusercontent.com/{REPOSITORY}/{COMMIT}/"

PREDICTIONS = "STE/saved_results"
API_LIST = "STE/tool_metadata/API_list.json"
BATCHES = "STE/tool_metadata/CL_batches.json"
TEST_SET = "llama-recipes/ft_datasets/tool_test.json"
DOCUMENTATION = "llama-recipes/ft_datasets/API_descriptions.json"
NEIGHBOURS = "llama-recipes/ft_datasets/api2neighbors.json"
FLAN = "llama-recipes/ft_datasets/flan_v2_2k.json"

#: of its tasks, the last so many are never trained on
FLAN_HELD_OUT = 200

#: prediction file (without .json) -> (system, setting), named as in the reported figures
FILES = {
    "toolLLMv2": ("ToolLLaMA-v2", "baseline"),
    "llama-7Bf": ("Llama-2-Chat-7B", "baseline"),
    "llama-7Bf_ICL": ("Llama-2-Chat-7B", "ICL"),
    "llama-7Bf_FT": ("Llama-2-Chat-7B", "FT"),
    "llama-13Bf": ("Llama-2-Chat-13B", "baseline"),
    "llama-13Bf_ICL": ("Llama-2-Chat-13B", "ICL"),
    "llama-13Bf_FT": ("Llama-2-Chat-13B", "FT"),
    "mistral": ("Mistral-Instruct-7B", "baseline"),
    "mistral_ICL": ("Mistral-Instruct-7B", "ICL"),
    "mistral_FT": ("Mistral-Instruct-7B", "FT"),
    "gpt35": ("GPT-3.5-turbo-16k-0613", "baseline"),
    "gpt35_ICL": ("GPT-3.5-turbo-16k-0613", "ICL"),
    "gpt4": ("GPT-4-8k-0613", "baseline"),
    "gpt4_ICL": ("GPT-4-8k-0613", "ICL"),
    "llama-7Bf_FT_no_exec": ("Llama-2-Chat-7B", "FT without execution feedback"),
    "llama-7Bf_FT_no_STM": ("Llama-2-Chat-7B", "FT without short-term memory"),
    "llama-7Bf_FT_no_LTM": ("Llama-2-Chat-7B", "FT without long-term memory"),
    "llama-7Bf_FT_no_reflection": ("Llama-2-Chat-7B", "FT without self-reflection"),
    "llama-7Bf_FT_flan": ("Llama-2-Chat-7B", "joint FT with general data"),
    "CL_round_0": ("Llama-2-Chat-7B", "replay round 0"),
    "CL_round_1": ("Llama-2-Chat-7B", "replay round 1"),
    "CL_round_2": ("Llama-2-Chat-7B", "replay round 2"),
    "CL_round_3": ("Llama-2-Chat-7B", "replay round 3"),
    "CL_round_1_no_replay": ("Llama-2-Chat-7B", "no replay round 1"),
    "CL_round_2_no_replay": ("Llama-2-Chat-7B", "no replay round 2"),
    "CL_round_3_no_replay": ("Llama-2-Chat-7B", "no replay round 3"),
}

#: the APIs whose arguments the release judges by string match (`STE/evaluation.ipynb`); a model judges the other 19
STRING_RULE_APIS = (
    "Global Email V4%%Global Email V4",
    "BART%%Advisory information",
    "JAK_API%%Ben 10",
    "colegiosantaana%%Disciplina-1",
    "MikuAPI%%getRandomImage",
    "Handball Data%%Daily Match List-Scheduled",
    "Token API%%generate",
    "Numbers Translator%%Numbers Translator",
    "Password Generator API%%Password of length 50",
    "Places%%Geographic coordinates by placename",
    "pizzaallapala%%Get Producto Promo",
    "Password Generator API%%Base",
    "JAK_API%%Brawl Stars",
    "siteDomain%%language list",
    "Fluximmo%%get_portail_api",
    "NumbersToLetters%%Convertir cantidad a letra Moneda MXN Ingles",
    "thailand%%thai4",
    "colegiosantaana%%Mensajes-1",
    "Soccer Data%%Tournament List",
    "Marvel Vs Capcom 2%%All Characters",
    "JAK_API%%Miraculous",
    "NumbersToLetters%%Convertir cantidad a letra Moneda MXN Español",
    "F1 Latest News%%GET recent F1 news from all sources",
    "get_today_date",
    "Numbers%%Get math fact",
    "forecast_weather",
    "Car database%%Makes",
    "colegiosantaana%%Evaluaciones-1",
    "JAK_API%%Genshin Impact",
    "Football Dolphin%%Head to head statistics",
    "add_date",
)


# --- the manifest -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ManifestFile:
    """One data file of the release: path in the repository, git blob id, size in bytes (None where not known)."""

    path: str
    git_blob: str
    bytes: int | None


@cache
def manifest() -> dict[str, ManifestFile]:
    """Every data file of the release by path."""
    with resources.files("ste_core.release").joinpath("release_manifest.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return {r["path"]: ManifestFile(r["path"], r["git_blob"], int(r["bytes"]) if r["bytes"] else None) for r in rows}


def needed() -> list[str]:
    """The files the audit reads: all predictions, the list of APIs, the batches, the test set, what open models saw."""
    others = [API_LIST, BATCHES, TEST_SET, DOCUMENTATION, NEIGHBOURS]
    return [path for path in manifest() if path.startswith(f"{PREDICTIONS}/")] + others


def git_blob(data: bytes) -> str:
    """The git blob id of a file's content (what `git hash-object FILE` prints)."""
    return hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()


def reported() -> pd.DataFrame:
    """The paper's figures in percent: table, system, setting, split, wellformed, api_match, correct.

    Source: the paper's tables as printed by the release's `STE/evaluation.ipynb` at the pinned commit.
    """
    with resources.files("ste_core.release").joinpath("paper_reported.csv").open(encoding="utf-8") as file:
        return pd.read_csv(file)


# --- a copy of the release --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Release:
    """A copy of the release on disk, checked.

    Attributes:
        directory: its root, laid out as the repository.
        status: of each data file of the release: "released" (blob id as upstream), "altered" or "absent".
    """

    directory: Path
    status: dict[str, str]

    def has(self, path: str) -> bool:
        return self.status.get(path, "absent") != "absent"

    def read(self, path: str) -> Any:
        """A JSON file of the release.

        Raises:
            UserError: it is absent, or not JSON.
        """
        return store.read_json(self.directory / path, shown=path)

    def apis(self) -> list[str]:
        """The 50 API names, in the release's order."""
        return _strings(self.read(API_LIST), API_LIST)

    def batches(self) -> list[list[str]]:
        """The four continual-learning batches of API names."""
        return [_strings(batch, BATCHES) for batch in _list(self.read(BATCHES), BATCHES)]

    def files(self) -> list[str]:
        """Names of the prediction files this copy has, in the order of `FILES`."""
        return [name for name in FILES if self.has(f"{PREDICTIONS}/{name}.json")]

    def items(self) -> list[Prediction]:
        """The test set, without answers; where the copy lacks its file, as the largest prediction file has it."""
        if self.has(TEST_SET):
            value = self.read(TEST_SET)
            bare = {api: [row | {"model_output": ""} for row in _list(rows, TEST_SET)] for api, rows in value.items()}
            return list(parse_predictions(bare, system="", setting="", shown=TEST_SET))
        files = [self.predictions(name) for name in self.files()]
        asked = max(files, key=len)
        return [one.model_copy(update={"output": "", "stored": None, "system": "", "setting": ""}) for one in asked]

    def predictions(self, name: str) -> list[Prediction]:
        """The predictions of one file, in file order.

        Raises:
            UserError: the file is absent, not JSON, or an item lacks what the scorer needs.
        """
        system, setting = FILES[name]
        path = f"{PREDICTIONS}/{name}.json"
        return list(parse_predictions(self.read(path), system=system, setting=setting, shown=path))


def find_release(directory: str | os.PathLike[str] | None = None, *, allow_altered: bool | None = None) -> Release:
    """A checked copy of the release: `directory`, else `$STE_RELEASE`, else the user's cache, filled by download.

    Raises:
        UserError: the directory does not exist, holds nothing of the release, lacks the metadata, or a file in it is
            truncated or altered (unless `allow_altered`, then the file is used and reported as altered).
        DataUnavailable: nothing was named, and the download failed.
    """
    if allow_altered is None:
        allow_altered = bool(os.environ.get("STE_ALLOW_ALTERED"))
    named = directory or os.environ.get("STE_RELEASE")
    root = Path(named) if named else fetch()
    if not root.is_dir():
        raise UserError(f"{root}: no such directory; name the release by RELEASE=DIR or STE_RELEASE")
    status = {path: _status(root, path) for path in manifest()}
    if all(state == "absent" for state in status.values()):
        raise UserError(f"{root}: holds no file of the release (expected {PREDICTIONS}/*.json)")
    for path in (API_LIST, BATCHES):
        if status[path] == "absent":
            raise UserError(f"{path}: missing in {root}; the audit cannot do without it")
    if not any(path.startswith(PREDICTIONS) and state != "absent" for path, state in status.items()):
        raise UserError(f"{root}: holds no prediction file ({PREDICTIONS}/*.json)")
    for path in needed():
        if status[path] == "altered" and not allow_altered:
            raise UserError(f"{path}: {_what_is_wrong(root, path)}; restore it, remove it, or pass --allow-altered")
    return Release(root, status)


def _status(root: Path, path: str) -> str:
    file = root / path
    if not file.is_file():
        return "absent"
    try:
        return "released" if git_blob(file.read_bytes()) == manifest()[path].git_blob else "altered"
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror}") from error


def _what_is_wrong(root: Path, path: str) -> str:
    data = (root / path).read_bytes()
    expected = manifest()[path]
    found = f"git blob {git_blob(data)[:12]}, released {expected.git_blob[:12]}"
    if expected.bytes is not None and len(data) < expected.bytes:
        found = f"truncated to {len(data):,} of {expected.bytes:,} bytes ({found})"
    else:
        found = f"altered ({found})"
    try:
        value = store.read_json(root / path, shown=path)
        if path.startswith(PREDICTIONS):
            for _ in parse_predictions(value, system="", setting="", shown=path):
                pass
    except UserError as error:
        found += ", " + str(error).removeprefix(f"{path}: ")
    return found


def fetch() -> Path:
    """Download what the audit needs into the user's cache directory; what is there and right is kept.

    Returns:
        The directory, laid out as the repository.

    Raises:
        DataUnavailable: a file cannot be had.
    """
    import pooch  # imported here: most runs never download

    base = os.environ.get("STE_RELEASE_URL", URL)
    root = Path(pooch.os_cache("ste-study")) / COMMIT
    wanted = [path for path in needed() if _status(root, path) != "released"]
    fetcher = pooch.create(path=root, base_url=base, registry=dict.fromkeys(needed()), retry_if_failed=2)
    pooch.get_logger().setLevel("ERROR")
    for number, path in enumerate(wanted, 1):
        (root / path).unlink(missing_ok=True)
        print(f"downloading {number} of {len(wanted)}: {path}", flush=True)
        try:
            fetcher.fetch(path, downloader=pooch.HTTPDownloader(progressbar=True, timeout=30))
        except Exception as error:  # pooch passes on whatever requests raises
            raise DataUnavailable(
                f"{path}: not here and not to be downloaded from {base} ({type(error).__name__}); "
                "name a copy of the release by RELEASE=DIR or STE_RELEASE"
            ) from error
        if _status(root, path) != "released":
            wrong = _what_is_wrong(root, path)
            (root / path).unlink()
            raise DataUnavailable(f"{path}: downloaded from {base}, but {wrong}")
    return root


# --- general tasks ---------------------------------------------------------------------------------------------------


def flan_tasks(count: int, seed: int, split: Literal["train", "heldout"]) -> list[GeneralTask]:
    """Tasks of the release's Flan v2 sample, drawn by the seed; see `ste_core.pipeline.resources.general_tasks`.

    Raises:
        UserError: no copy of the release is named by STE_RELEASE, or it has fewer tasks.
    """
    named = os.environ.get("STE_RELEASE")
    if not named:
        raise UserError("STE_RELEASE: not set; the general tasks are the release's, name the folder where it lies")
    rows = _list(store.read_json(Path(named) / FLAN, shown=FLAN), FLAN)
    tasks = []
    for number, row in enumerate(rows):
        try:
            text = "\n\n".join(turn["content"] for turn in row["dialog_history"])
            tasks.append(GeneralTask(task=text, reply=row["response"]))
        except (KeyError, TypeError, ValueError):
            raise UserError(f"{FLAN}: row {number}: not a dialogue with a response") from None
    tasks = list({one.task: one for one in tasks}.values())  # some stand there twice
    own = tasks[:-FLAN_HELD_OUT] if split == "train" else tasks[-FLAN_HELD_OUT:]
    if count > len(own):
        raise UserError(f"{FLAN}: has {len(own):,} tasks to {split}, {count:,} are asked for")
    return random.Random(seed).sample(own, count)


# --- reading prediction files -----------------------------------------------------------------------------------------


def parse_predictions(value: Any, *, system: str, setting: str, shown: str) -> Iterator[Prediction]:
    """Predictions from a file in the release's format, `{api: [item, ...]}`.

    Raises:
        UserError: the first item that lacks its query, gold call or output, named by API and position.
    """
    if not isinstance(value, dict):
        raise UserError(f"{shown}: expected an object that maps each API to its items")
    for api, items in value.items():
        for index, item in enumerate(_list(items, f"{shown}: {api}")):
            where = f"{shown}: {api}, item {index}"
            if not isinstance(item, dict):
                raise UserError(f"{where}: expected an object")
            for key in ("query", "action", "action_input"):
                if not isinstance(item.get(key), str):
                    what = "gold call" if key.startswith("action") else "query"
                    raise UserError(f"{where}: no {what} (field '{key}' is missing or not text)")
            if item["action"] != api:
                raise UserError(f"{where}: gold call names '{item['action']}' (field 'action')")
            try:
                yield Prediction(
                    system=system, setting=setting, item=index, query=item["query"],
                    gold=Call(tool=api, arguments=_object(item["action_input"], f"{where}: gold arguments")),
                    stored=_stored(item), **_output(item, where),
                )  # fmt: skip
            except ValidationError as error:
                first = error.errors()[0]
                raise UserError(f"{where}: {'.'.join(map(str, first['loc']))}: {first['msg']}") from None


def _stored(item: dict[str, Any]) -> StoredVerdict | None:
    if "no_call" not in item and "err" not in item:
        return None  # a prediction file that nobody scored yet
    fields = {key: item[key] for key in StoredVerdict.model_fields if key in item}
    return StoredVerdict.model_validate({"no_call": 0, "err": 0} | fields)


def _output(item: dict[str, Any], where: str) -> dict[str, Any]:
    """The raw output; of the GPT files, the parsed call that `STE/test_gpt.py` stored in its place."""
    if isinstance(item.get("model_output"), str):
        return {"output": item["model_output"]}
    parsed = item.get("parsed_result")
    if not isinstance(parsed, dict):
        raise UserError(f"{where}: no prediction (field 'model_output' is missing or not text)")
    if parsed.get("finish"):
        return {"kind": "final"}
    if not parsed.get("parse_successful"):
        return {"kind": "malformed"}
    try:
        arguments = json.loads(parsed["action_input"])
    except (KeyError, TypeError, ValueError, RecursionError):
        return {"kind": "malformed"}
    return {"kind": "call", "call": Call(tool=parsed["action"], arguments=arguments)}


def _object(text: str, where: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        raise UserError(f"{where}: not valid JSON") from None
    if not isinstance(value, dict):
        raise UserError(f"{where}: expected a JSON object")
    return value


def _list(value: Any, where: str) -> list[Any]:
    if not isinstance(value, list):
        raise UserError(f"{where}: expected a list")
    return value


def _strings(value: Any, where: str) -> list[str]:
    if not all(isinstance(name, str) for name in _list(value, where)):
        raise UserError(f"{where}: expected a list of names")
    return value
