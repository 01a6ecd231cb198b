# One command for every habit: `make check` is what CI, pre-commit and the README run.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
# Tests of the whole thing, which mostly wait: for windows, and for processes and networks.
WINDOWS := tests/fiji
PROCESSES := tests/integration tests/faults tests/in_napari

# Set-ups from nothing: how many, beside which other commit.
N ?= 5
AGAINST ?=
MINUTES ?= 10

.PHONY: help demo check check-parts check-windows check-processes lint test quick docs pictures package conda pythons findings first-runs soak format clean

help:  ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/'

# The Java sources too: their jar is built with the package.
$(VENV)/.installed: pyproject.toml hatch_build.py $(shell find java_glue/pom.xml java_glue/src/main -type f)
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	touch $@

demo: $(VENV)/.installed  ## set everything up and do the main job on real images
	$(BIN)/samj-bridge demo

lint: $(VENV)/.installed  ## ruff, mypy, import layers
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

test: $(VENV)/.installed  ## every test
	$(BIN)/python -m pytest

check: $(VENV)/.installed  ## everything that has to pass; in three parts side by side, since most tests wait for something
	$(MAKE) --no-print-directory -j3 check-parts check-windows check-processes

# Windows, processes and networks, on cores that the others want too: a test that fails there runs once more, and that
# decides. The first failure stays in the log. Whatever else ends a run (a crash, nothing found) is final.
check-parts: lint
check-parts: TESTS = tests $(WINDOWS:%=--ignore=%) $(PROCESSES:%=--ignore=%)
check-windows: TESTS = $(WINDOWS)
check-processes: TESTS = $(PROCESSES)
check-parts check-windows check-processes: $(VENV)/.installed
	$(BIN)/python -m pytest -o cache_dir=.pytest_cache/$@ $(TESTS) || \
	{ [ $$? -eq 1 ] && $(BIN)/python -m pytest -o cache_dir=.pytest_cache/$@ $(TESTS) --last-failed; }

# Not part of CI: it takes a minute or two for each of them. What was run is kept: started again, it goes on.
first-runs: $(VENV)/.installed  ## set-ups from nothing on every Python, idle, busy, on bad lines, interrupted: N=20, AGAINST=COMMIT
	$(BIN)/python -m benchmarks.first_runs --n $(N) $(if $(AGAINST),--against $(AGAINST)) $(FIRST_RUNS)

soak: $(VENV)/.installed  ## commands that look and commands that change, side by side in one home: MINUTES=10
	$(BIN)/python -m benchmarks.soak --minutes $(MINUTES)

# No torch, no Java, no long searches by hypothesis: for every change.
quick: $(VENV)/.installed  ## the daily habit: lint and the host's own tests, in a minute
	$(BIN)/ruff check .
	$(BIN)/python -m pytest -q -m 'not worker and not imagej and not slow' --hypothesis-profile=quick tests/unit tests/architecture

$(VENV)/.docs: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[docs]'
	touch $@

docs: $(VENV)/.docs  ## the site, into build/site: warnings are errors, links between pages are checked
	$(BIN)/python -m sphinx --fail-on-warning --keep-going --quiet -b html docs build/site
	@echo "Open build/site/index.html"

# On a screen of its own (Xvfb, openbox). Look at what it made before you commit it.
pictures: $(VENV)/.installed  ## the pictures of ImageJ, napari and the page in the docs, all of them anew
	SAMJ_PICTURES=$(CURDIR)/docs/images $(BIN)/python -m pytest -q tests/fiji/test_pictures.py
	$(BIN)/python tests/in_napari/pictures.py docs/images
	$(BIN)/python tests/integration/server/page_pictures.py docs/images

package: $(VENV)/.installed  ## wheel and sdist: built, installed where no checkout is, and the demo run from the wheel
	tests/package/check.sh

conda: $(VENV)/.installed  ## conda-forge's recipe, built here with packages made on the spot (not part of CI)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check 'py-rattler-build>=0.70'
	$(BIN)/python -W ignore packaging/conda/build_here.py

pythons: $(VENV)/.installed  ## the host's own tests on every Python from 3.10 to 3.14 that is here
	$(BIN)/python tests/package/pythons.py

findings:  ## what surprised us about others' software: does it still hold? (not part of CI)
	bash findings/run.sh

format: $(VENV)/.installed  ## mend what ruff can mend
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:  ## remove the virtual environment and caches
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .import_linter_cache
