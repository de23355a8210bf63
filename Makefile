# Two commands do everything: `make app` and `make test`. Each sets up .venv by itself; a second call skips what is done.
SHELL := /bin/bash
PY := .venv/bin/python
# two test workers with one thread each: torch jobs with two threads each would stand in each other's way
WORKERS ?= 2
ONE_THREAD := OMP_NUM_THREADS=1 OMP_WAIT_POLICY=PASSIVE
PYTEST := $(ONE_THREAD) $(PY) -m pytest -q -n $(WORKERS)
# JupyterLab refuses to run as root unless told that it may
AS_ROOT := $(if $(filter 0,$(shell id -u)),--allow-root)

.PHONY: help app test check lint unit browser-tests notebook-tests notebooks bench train setup clean

help:            ## list the targets
	@grep -hE '^[a-z-]+: .*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 18

app: setup       ## open the dashboard (set-up included)
	$(PY) -m labkit app

test: setup      ## everything: lint, types, import contract, unit, browser and notebook tests
	@tools/browser.sh
	@$(MAKE) --no-print-directory lint unit browser-tests notebook-tests

check: setup     ## the fast set, under 3 minutes
	@$(MAKE) --no-print-directory lint
	$(PYTEST) -m "not slow and not browser and not notebook"

lint: setup      ## style, types, import contract
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy
	.venv/bin/lint-imports

unit: setup      ## every test without a browser or notebook kernel
	$(PYTEST) -m "not browser and not notebook"

browser-tests: setup
	$(PYTEST) -m browser -n 0

notebook-tests: setup
	$(PYTEST) -n 0 --nbmake --nbmake-timeout=120 notebooks

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
	rm -rf .venv .mypy_cache .ruff_cache .hypothesis build *.egg-info
