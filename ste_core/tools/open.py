"""The tools that a study file names under `world`: an MCP server, Python functions, ToolBench's APIs, a toolbox.

>>> toolbox = open_toolbox(World(functions="my_tools"), where="study 'mine': world", root=Path("."))    # doctest: +SKIP

What is wrong is one line that names the key: a server that does not start or has no tools, a module that cannot be
imported, a folder that is not there, a name in `only` or `without` that no tool has.
"""

import difflib
import importlib
import importlib.util
import inspect
import os
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any, Self

from ste_core.core import aio
from ste_core.core.config import McpServer, ToolBench, World
from ste_core.core.errors import UserError
from ste_core.core.records import Tool
from ste_core.tools.base import Toolbox

#: the file of a folder that holds ToolBench's descriptions, as the release calls it
DESCRIPTIONS = "API_descriptions.json"


def open_toolbox(world: World, *, where: str, root: Path, cache: Path | None = None) -> Toolbox:
    """The toolbox of a study's world.

    Args:
        where: how an error calls the section.
        root: the project's folder, from which relative paths and commands start; its modules can be imported.
        cache: a folder for answers of APIs that cost (ToolBench); None keeps none.

    Raises:
        UserError: what the section names is not there, or is not tools; of a server, on entry.
    """
    if world.mcp is not None:
        return _server(world, world.mcp, where, root)
    if world.functions is not None:
        toolbox = _functions(world.functions, f"{where}.functions", root)
    elif world.toolbench is not None:
        toolbox = _toolbench(world.toolbench, f"{where}.toolbench", root, cache)
    else:
        toolbox = _made(world.tools or "", f"{where}.tools", root)
        if world.only is None and not world.without:
            return toolbox
    toolbox._set_tools(choose(toolbox.tools, world, where), toolbox.notes)
    return toolbox


def list_tools(world: World, *, where: str, root: Path) -> Toolbox:
    """The tools of a study's world as far as they can be listed without a key: to plan, not to call.

    Raises:
        UserError: as `open_toolbox`.
    """
    if world.toolbench is None:
        return open_toolbox(world, where=where, root=root)
    tools = _described(world.toolbench, f"{where}.toolbench", root)
    return Toolbox(choose({tool.name: tool for tool in tools}, world, where))


def choose(tools: Mapping[str, Tool], world: World, where: str) -> list[Tool]:
    """The tools that `only` and `without` leave, in listing order.

    Raises:
        UserError: there are none, or a name is no tool's.
    """
    if not tools:
        raise UserError(f"{where}: there are no tools")
    for key, names in (("only", world.only or ()), ("without", world.without)):
        for name in names:
            if name not in tools:
                close = difflib.get_close_matches(name, tools, n=1)
                hint = f"did you mean '{close[0]}'?" if close else f"there are: {', '.join(tools)[:300]}"
                raise UserError(f"{where}.{key}: no tool '{name}'; {hint}")
    left = [tool for name, tool in tools.items() if world.leaves(name)]
    if not left:
        raise UserError(f"{where}: 'only' and 'without' leave no tool")
    return left


# --- an MCP server ----------------------------------------------------------------------------------------------------


def _server(world: World, server: McpServer, where: str, root: Path) -> Toolbox:
    from ste_core.tools.mcp import McpToolbox

    env = {name: _variable(name, f"{where}.mcp.env_names") for name in server.env_names}
    url = server.url if server.url_env is None else _variable(server.url_env, f"{where}.mcp.url_env")
    # the interpreter that runs us: where .venv is not activated, there may be no other
    command = [sys.executable if word == "python" and not at else word for at, word in enumerate(server.command or ())]

    class Server(McpToolbox):
        """The server, started in the project's folder; listed at the first look at `tools`, if not entered before."""

        async def __aenter__(self) -> Self:
            try:
                await super().__aenter__()
            except UserError as error:
                raise UserError(f"{where}.mcp: {error}") from None
            try:
                if not self._tools:
                    raise UserError(f"{where}.mcp: MCP server {self._name}: has no tools")
                self._set_tools(choose(self._tools, world, where), self.notes)
            except UserError:
                await self.__aexit__(None, None, None)
                raise
            return self

        @property
        def tools(self) -> Mapping[str, Tool]:
            if not self._tools:
                aio.run(self._list())
            return self._tools

        def documentation(self, names: Iterable[str] | None = None) -> str:
            return super().documentation(self.tools if names is None else names)

        async def _list(self) -> None:
            async with self:
                pass

    return Server(
        command or None,
        url=url,
        env=env,
        cwd=root,
        timeout=server.timeout,
        start_timeout=server.start_timeout,
        secret_url=server.url_env is not None,
    )


def _variable(name: str, where: str) -> str:
    value = os.environ.get(name, "").strip()
    if not value:
        raise UserError(f"{where}: {name}: not set in the environment")
    return value


# --- Python -----------------------------------------------------------------------------------------------------------


def _made(named: str, where: str, root: Path) -> Toolbox:
    module, function = named.split(":")
    make = getattr(_import(module, f"{where}: {named}", root), function, None)
    if not callable(make):
        raise UserError(f"{where}: {named}: module '{module}' has no function '{function}'")
    try:
        toolbox = make()
    except UserError:
        raise
    except Exception as error:
        raise UserError(f"{where}: {named}: {_said(error)}") from None
    if not isinstance(toolbox, Toolbox):
        raise UserError(f"{where}: {named}: gives a {type(toolbox).__name__}, not a Toolbox")
    return toolbox


def _functions(named: str, where: str, root: Path) -> Toolbox:
    from ste_core.tools.functions import FunctionToolbox, as_tool

    module = _import(named, f"{where}: {named}", root)
    found = tools_of(module)
    if not found:
        raise UserError(f"{where}: {named}: no function there that could be a tool (public, and defined in it)")
    for function in found:
        if inspect.iscoroutinefunction(function):
            raise UserError(f"{where}: {named}: {function.__name__}: is async; a tool has to be a plain function")
        try:
            if getattr(function, "tool", None) is None:
                as_tool(function)
        except Exception as error:  # a type without a name, or without a schema
            hint = "mark the tools with @function_tool, or begin the names of other functions with _"
            raise UserError(f"{where}: {named}: {_said(error)}; {hint}") from None
    return FunctionToolbox(found)


def tools_of(module: ModuleType) -> list[Callable[..., Any]]:
    """A module's tools: the functions that `function_tool` marks; where it marks none, its own public ones."""
    functions = [one for one in vars(module).values() if inspect.isfunction(one)]
    marked = [one for one in functions if isinstance(getattr(one, "tool", None), Tool)]
    return marked or [
        one for one in functions if one.__module__ == module.__name__ and not one.__name__.startswith("_")
    ]


def _import(named: str, where: str, root: Path) -> ModuleType:
    """A module by name, or by the path of its file from the project's folder."""
    if str(root) not in sys.path:  # at the end: what is installed goes first
        sys.path.append(str(root))
    try:
        if not named.endswith(".py"):
            return importlib.import_module(named)
        path = root / named
        if not path.is_file():
            raise UserError(f"{where}: no such file, seen from {root}")
        name = f"ste_world_{path.stem}"
        spec = importlib.util.spec_from_file_location(name, path)
        assert spec is not None and spec.loader is not None
        module = sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module
    except UserError:
        raise
    except (Exception, SystemExit) as error:  # whatever the module does when it is imported
        raise UserError(f"{where}: cannot be imported: {_said(error)}") from None


def _said(error: BaseException) -> str:
    kind = "" if isinstance(error, ImportError | TypeError) else f"{type(error).__name__}: "
    return f"{kind}{' '.join(str(error).split())[:300]}"


# --- ToolBench --------------------------------------------------------------------------------------------------------


def _described(bench: ToolBench, where: str, root: Path) -> list[Tool]:
    from ste_core.tools.docs import load_descriptions

    path = root / os.path.expandvars(bench.descriptions)
    path = path / DESCRIPTIONS if path.is_dir() else path
    if not path.is_file():
        raise UserError(f"{where}.descriptions: {path}: no such file; name the folder that holds {DESCRIPTIONS}")
    return load_descriptions(path)


def _toolbench(bench: ToolBench, where: str, root: Path, cache: Path | None) -> Toolbox:
    from ste_core.tools.toolbench import SEPARATOR, ToolBenchToolbox

    tools = _described(bench, where, root)
    if bench.url is None:
        raise UserError(
            f"{where}.url: missing; name the endpoint of a ToolBench server, as http://127.0.0.1:8080/virtual"
        )
    served = [tool for tool in tools if SEPARATOR in tool.name and tool.family]  # the release has others beside them
    return ToolBenchToolbox(served, url=bench.url, rate=bench.rate, timeout=bench.timeout, cache=cache)
