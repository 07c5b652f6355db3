"""Doors through which tools come in: each module makes one kind of tool a `ste_core.toolbox.Toolbox`."""
