"""Imports jsonschema without the grammar of IRIs, which takes seconds to build and which no check here asks for.

Where Jupyter is installed, so is `rfc3987_syntax`; jsonschema imports it if it is there. Who imports jsonschema, or
what imports it, imports this first.
"""

import sys

if "jsonschema" not in sys.modules and "rfc3987_syntax" not in sys.modules:
    sys.modules["rfc3987_syntax"] = None  # type: ignore[assignment]  # to Python: not installed
    try:
        import jsonschema.validators  # noqa: F401, as it is slow to import: now, not while a first call is waited for
    finally:
        del sys.modules["rfc3987_syntax"]
