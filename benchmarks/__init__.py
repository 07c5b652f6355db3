"""Measured: how fast, how it grows, what it survives. `python -m benchmarks` runs it; `docs/measured.md` says it."""
