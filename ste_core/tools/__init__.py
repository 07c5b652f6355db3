"""Tools behind one interface (`base`), and how they come in: Python functions, MCP, HTTP, ToolBench.

`open` makes the toolbox that a study names.
"""
