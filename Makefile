# Two commands do everything: `make app` and `make test`. Each sets up .venv by itself; a second call skips what is done.
SHELL := /bin/bash
PY := .venv/bin/python
# two test workers with one thread each: torch jobs with two threads each would stand in each other's way
WORKERS ?= 2
ONE_THREAD := OMP_NUM_THREADS=1 OMP_WAIT_POLICY=PASSIVE
PYTEST := $(ONE_THREAD) $(PY) -m pytest -q -n $(WORKERS)
# JupyterLab refuses to run as root unless told that it may
AS_ROOT := $(if $(filter 0,$(shell id -u)),--allow-root)

# tests/install builds and installs the wheel: a stage of its own, behind the others
OTHERS := --ignore=tests/install
STAGES := lint docs unit browser-tests notebook-tests install-tests soak-share

.PHONY: help app test check lint style types imports docstrings docs unit browser-tests notebook-tests install-tests soak soak-share \
	notebooks bench train setup clean

help:            ## list the targets
	@grep -hE '^[a-z-]+: .*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 18

app: setup       ## open the dashboard (set-up included)
	$(PY) -m labkit app

test: setup      ## everything: lint, docs, unit, browser, notebook and installation tests, a share of the soak, each whatever the others say
	@MAKE="$(MAKE)" tools/stages.sh $(STAGES)

check: setup     ## the fast set, under 3 minutes
	@$(MAKE) --no-print-directory lint
	$(PYTEST) -m "not slow and not browser and not notebook"

lint: style types imports docstrings ## style, types, import contract, docstrings

style: setup
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .

types: setup
	$(PY) -m mypy

imports: setup
	.venv/bin/lint-imports

docstrings: setup
	$(PY) tools/docstrings.py

docs: setup      ## build the documentation into site/; a warning is an error
	NO_MKDOCS_2_WARNING=1 $(PY) -m mkdocs build --strict

unit: setup      ## every test without a browser, notebook kernel or installation
	$(PYTEST) $(OTHERS) -m "not browser and not notebook"

# none of them measures time; a file stays on one worker, whose dashboard it shares
browser-tests: setup
	@tools/browser.sh
	$(PYTEST) $(OTHERS) -m browser -n 0

notebook-tests: setup
	$(PYTEST) -n 0 --nbmake --nbmake-timeout=1200 notebooks

install-tests: setup ## wheel and source distribution: build, install, use
	@tools/browser.sh
	$(PYTEST) -n 0 tests/install

soak: setup      ## hostile inputs, kills, full disks, many sessions: about an hour; stopped, it goes on where it was (SEED=number)
	$(PY) -m tools.soak --seed $(or $(SEED),0)

# always the same inputs, and none left from an earlier call
soak-share: setup ## a short share of each part of the soak (SHARE=minutes each)
	@rm -rf out/soak-share
	$(PY) -m tools.soak --share $(or $(SHARE),1) --folder out/soak-share

# waiting threads give way to the browser; .jupyterlab answers JupyterLab's first-run question about news: no
notebooks: setup ## open JupyterLab at the tour
	OMP_WAIT_POLICY=PASSIVE .venv/bin/jupyter lab notebooks/00_tour.ipynb "--LabApp.app_settings_dir=$(CURDIR)/notebooks/.jupyterlab" $(AS_ROOT)

bench: setup     ## run every benchmark and write benchmarks/results/*.json (BUDGET=minutes each)
	@for script in $$(grep -l __main__ benchmarks/*.py); do echo "== $$script"; $(PY) $$script --budget $(or $(BUDGET),120) || exit 1; done

train: setup     ## train every reference model again (about an hour on 2 cores)
	@for name in mlp_adult mlp_mnist lenet_mnist resnet_fashion vit_fashion; do $(PY) -m labkit train $$name || exit 1; done

setup:
	@tools/setup.sh

clean:           ## remove the environment and caches
	rm -rf .venv .mypy_cache .ruff_cache .hypothesis build dist site *.egg-info
