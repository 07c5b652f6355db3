"""The page `docs/bring_your_own_tools.md`: every block runs as it stands, in a process of its own."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

from contract_server import KEY, ContractServer, toolbench_answer

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs/bring_your_own_tools.md"
FACT = {
    "description": "Get a mathematical property of a number.",
    "required_parameters": [{"name": "number", "type": "STRING", "description": "The integer.", "default": "1729"}],
    "optional_parameters": [],
    "parent_tool_name": "Numbers",
    "parent_tool_description": "",
}


def test_every_block_runs(contract: ContractServer, tmp_path: Path) -> None:
    (tmp_path / "API_descriptions.json").write_text(json.dumps({"Numbers%%Get math fact": json.dumps(FACT)}))
    (tmp_path / "ste_core").symlink_to(ROOT / "ste_core")  # as if installed: an MCP server does not inherit PYTHONPATH
    environment = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "TOOLBENCH_KEY": KEY,
        "TOOLBENCH_URL": contract.url,
        "RAPIDAPI_KEY": KEY,
        "RAPIDAPI_URL": contract.url,
    }

    def output(name: str, code: str) -> str:
        (tmp_path / name).write_text(code, encoding="utf-8")
        done = subprocess.run(
            [sys.executable, name],
            cwd=tmp_path,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    functions, shop, client, toolbench, rapidapi = re.findall(
        r"^```python\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE
    )
    assert output("functions.py", functions) == (
        "Price with value-added tax. API: gross. "
        "Args: price (number) net price in euro, rate (number, optional)\n119.0\n"
    )
    assert shop.startswith("# shop.py\n")
    assert output("shop.py", shop) == ""  # its stdin is closed: it ends
    assert output("client.py", client) == "How many of an item are left. API: stock. Args: item (string)\n3\n"

    contract.answer = toolbench_answer
    for _ in range(2):
        assert json.loads(output("bench.py", toolbench)) == {"api": "Get math fact", "input": {"number": 7}}
    assert len(contract.requests) == 1

    contract.answer = lambda asked: (200, {}, f"{asked['path']} at {asked['headers']['X-RapidAPI-Host']}")
    assert output("rapid.py", rapidapi) == "/7/math at numbersapi.p.rapidapi.com\n"
    assert contract.requests[-1]["headers"]["X-RapidAPI-Key"] == KEY
