# Two commands: `make study` runs the study, `make test` passes the tests. Everything else is a part of these.
# Needs Python 3.11 or newer and make; builds .venv from constraints.txt and does again only what has changed.

PYTHON ?= python3
STUDY ?= quick
BIN := .venv/bin

.PHONY: help install study audit figures site lab test bench lint clean
.DEFAULT_GOAL := help

help:  ## show this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 10
	@echo
	@echo "  STUDY=name    the study to run, a file in study/ (default: $(STUDY))"
	@echo "  DRY=1         with make study: say what it will take, and stop"
	@echo "  PROFILE=dir   with make study: run each job through an executor, see docs/cluster.md (SHARDS=n: in n parts)"
	@echo "  RELEASE=dir   a copy of the authors' release (else \$$STE_RELEASE, else it is downloaded)"
	@echo "  PYTHON=path   the Python to build .venv with (default: $(PYTHON))"

install: .venv/installed  ## build .venv, and run nothing

study: .venv/installed  ## run the study (STUDY=name): notebooks, tables, figures
	@$(BIN)/ste run $(STUDY) $(if $(RELEASE),--release "$(RELEASE)") $(if $(DRY),--dry-run) \
	  $(if $(PROFILE),--profile "$(PROFILE)") $(if $(SHARDS),--shards $(SHARDS))

audit: .venv/installed  ## re-score the authors' released predictions
	@$(BIN)/ste run audit $(if $(RELEASE),--release "$(RELEASE)")

figures: .venv/installed  ## make every figure again from the committed tables
	@$(BIN)/ste figures

site: .venv/installed  ## notebooks, figures and trajectories as pages that open from disk
	@$(BIN)/ste site

lab: .venv/installed  ## open the notebooks in JupyterLab
	@$(BIN)/jupyter lab --notebook-dir notebooks

test: .venv/installed-test  ## run the tests (those of the release need RELEASE=dir or $STE_RELEASE)
	@$(if $(RELEASE),STE_RELEASE="$(abspath $(RELEASE))") OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n logical --dist loadfile

bench: .venv/installed-test  ## measure speed and growth (BENCH="--full", or names); writes docs/measured.md
	@$(BIN)/python -m benchmarks $(BENCH)

lint: .venv/installed-test  ## check style
	@$(BIN)/ruff check . && $(BIN)/ruff format --check .

clean:  ## remove what was built (not results)
	rm -rf .venv .snakemake .pytest_cache .ruff_cache .hypothesis build *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.venv/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "$(PYTHON): Python 3.11 or newer is needed; name one by PYTHON=path"; exit 1; }
	@$(PYTHON) -m venv .venv || { echo "$(PYTHON) -m venv failed; on Debian install python3-venv"; exit 1; }
	@touch $@

.venv/installed: .venv/python pyproject.toml constraints.txt
	@echo "installing into .venv (some minutes the first time)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e .
	@touch $@

.venv/installed-test: .venv/installed
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[test]"
	@touch $@
