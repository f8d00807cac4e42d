# `make demo` and `make test` make their own environment in .venv, and can be run again at any time.
PYTHON ?= python3
VENV := .venv
ifeq ($(OS),Windows_NT)
BIN := $(VENV)/Scripts
else
BIN := $(VENV)/bin
endif
PIP := $(BIN)/python -m pip install --disable-pip-version-check --quiet --constraint constraints.txt

.PHONY: demo page napari test check docs nightly search weekly coverage mutation audit release gpu gpu-wheels clean
.DEFAULT_GOAL := help
help:
	@echo "make demo     segment a photograph; learn from clicks through the walk; pictures in results/demo"
	@echo "make page     label an image with strokes in the browser"
	@echo "make napari   the plugin in napari, with an example, in an environment of its own"
	@echo "make test     all tests and doctests"
	@echo "make check    ruff, mypy, import rules, examples"
	@echo "make docs     the pages, with every example run; results/docs/index.html"
	@echo "make nightly  tests too slow for every run, the pages, a search by chance, the lowest and the newest versions"
	@echo "make weekly   coverage of lines and branches, and mutants of the core"
	@echo "make audit    known holes in what is installed; asks a service on the network"
	@echo "make gpu      tests and timings on a GPU, with the Python that has torch for it: make PYTHON=python3 gpu"
	@echo "make release  wheel and sdist in dist/, and both tried in an empty environment"
	@echo "make clean    remove .venv and results"

demo: $(VENV)/demo-installed
	$(BIN)/python examples/cells/demo.py --out results/demo

page: $(VENV)/page-installed
	$(BIN)/python -m graphrw.page $(IMAGE)

napari: .venv-napari/installed
	$(subst $(VENV),.venv-napari,$(BIN))/python -m graphrw.napari

test: $(VENV)/test-installed
	$(BIN)/python -m pytest -n 2 -m "not nightly"

# Experiments are of the environment above. Old packages beside new ones warn of each other.
OF_THE_LIBRARY := -n 2 -q -m "not nightly" --ignore-glob="*/test_experiment*" -W default::DeprecationWarning
nightly: $(VENV)/test-installed .venv-lowest/installed .venv-newest/installed docs search
	$(BIN)/python -m pytest -n 2 -q -m nightly
	$(subst $(VENV),.venv-lowest,$(BIN))/python -m pytest $(OF_THE_LIBRARY)
	$(subst $(VENV),.venv-newest,$(BIN))/python -m pytest $(OF_THE_LIBRARY)

# Properties, and input by chance, for so many seconds each.
SECONDS ?= 40
search: $(VENV)/test-installed
	GRAPHRW_SEARCH_SECONDS=$(SECONDS) $(BIN)/python -m pytest -n 2 -q tests/test_properties.py tests/test_fuzzing.py

weekly: coverage mutation

coverage: $(VENV)/test-installed
	$(BIN)/python -m coverage erase
	$(BIN)/python -m coverage run -m pytest -n 2 -q -m "not nightly"
	$(BIN)/python -m coverage combine -q
	$(BIN)/python -m coverage report

# EVERY=1 takes all mutants, and hours.
EVERY ?= 5
mutation: $(VENV)/test-installed
	OMP_NUM_THREADS=1 $(BIN)/python tests/mutation.py graphrw/solve.py graphrw/core/walk.py graphrw/core/held.py graphrw/solvers/verdict.py
	OMP_NUM_THREADS=1 $(BIN)/python tests/mutation.py graphrw/spectral/*.py --every $(EVERY)

audit: $(VENV)/test-installed
	$(PIP) pip-audit
	$(BIN)/python -m pip_audit

# GALLERY=0 leaves the examples out, which take minutes. A warning is an error.
GALLERY ?= 1
docs: $(VENV)/docs-installed
	rm -rf docs/api docs/gallery results/docs
	$(BIN)/python -m sphinx -W --keep-going -q -D plot_gallery=$(GALLERY) -b html -d results/doctrees docs results/docs
	$(BIN)/python docs/offline.py results/docs

check: $(VENV)/test-installed
	$(BIN)/python -m ruff check .
	$(BIN)/python -m ruff format --check .
	$(BIN)/python -m mypy
	$(BIN)/lint-imports

release: $(VENV)/release-installed
	$(BIN)/python .ci/smoke.py

# Nothing is downloaded: `make gpu-wheels`, elsewhere, brings what such a machine may lack into results/gpu-wheels.
WHEELS ?= $(wildcard results/gpu-wheels)
gpu:
	$(if $(WHEELS),$(PYTHON) -m pip install --quiet --no-index --no-deps --upgrade --target results/gpu-site $(WHEELS)/*.whl)
	PYTHONPATH=$(CURDIR):$(CURDIR)/results/gpu-site:$$PYTHONPATH $(PYTHON) benchmarks/gpu.py

GPU_PYTHON ?= 3.12
gpu-wheels:
	$(PYTHON) -m pip download --quiet --no-deps --only-binary=:all: --python-version $(GPU_PYTHON) --implementation cp \
	  --platform manylinux_2_28_x86_64 --platform manylinux_2_17_x86_64 --platform manylinux2014_x86_64 \
	  --dest results/gpu-wheels rslab lazy-loader

clean:
	rm -rf $(VENV) .venv-lowest .venv-newest .venv-napari results dist

$(BIN)/python:
	@$(PYTHON) -c "import sys; sys.exit(sys.version_info < (3, 11))" || \
	  { echo "graphrw needs Python 3.11 or newer as '$(PYTHON)'. Install it, or name it: make PYTHON=python3.12 demo"; exit 1; }
	@$(PYTHON) -m venv $(VENV) || \
	  { echo "'$(PYTHON) -m venv' failed: install the venv module (Debian, Ubuntu: apt install python3-venv)."; rm -rf $(VENV); exit 1; }

$(VENV)/demo-installed: pyproject.toml constraints.txt | $(BIN)/python
	@echo "Installing graphrw and what the demo needs into $(VENV) (some minutes the first time) …"
	$(PIP) --editable '.[image]'
	@touch $@

$(VENV)/docs-installed: pyproject.toml constraints.txt | $(BIN)/python
	@echo "Installing graphrw and what the pages need into $(VENV) (some minutes the first time) …"
	$(PIP) --editable '.[docs]'
	@touch $@

$(VENV)/page-installed: pyproject.toml constraints.txt | $(BIN)/python
	@echo "Installing graphrw and what the page needs into $(VENV) (some minutes the first time) …"
	$(PIP) --editable '.[page]'
	@touch $@

$(VENV)/test-installed: pyproject.toml constraints.txt | $(BIN)/python
	@echo "Installing graphrw and what the tests need into $(VENV) (some minutes the first time) …"
	$(PIP) --editable '.[dev]'
	@touch $@

$(VENV)/release-installed: pyproject.toml | $(BIN)/python
	$(PIP) build
	@touch $@

# Not in $(VENV): napari comes with a plugin for pytest that does not bear warnings as errors.
.venv-napari/installed: pyproject.toml constraints.txt
	@echo "Installing graphrw and napari into .venv-napari (some minutes the first time) …"
	@$(PYTHON) -m venv .venv-napari
	$(subst $(VENV),.venv-napari,$(PIP)) --editable '.[napari]' pytest pytest-qt
	@touch $@

# The lowest versions that pyproject.toml allows. Where the package index has no CPU build of that torch, this takes gigabytes.
.venv-lowest/installed: pyproject.toml
	@echo "Installing graphrw with the lowest versions allowed into .venv-lowest (some minutes the first time) …"
	@$(PYTHON) -m venv .venv-lowest
	$(subst $(VENV),.venv-lowest,$(BIN))/python -m pip install --quiet uv
	$(subst $(VENV),.venv-lowest,$(BIN))/python -m uv pip install --quiet --resolution lowest-direct --editable '.[test]'
	@touch $@

# What an index gives today, whatever constraints.txt says.
.venv-newest/installed: pyproject.toml
	@echo "Installing graphrw with the newest versions into .venv-newest (some minutes the first time) …"
	@$(PYTHON) -m venv .venv-newest
	$(subst $(VENV),.venv-newest,$(BIN))/python -m pip install --quiet --upgrade --upgrade-strategy eager --editable '.[test]'
	@touch $@
