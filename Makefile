# The two commands of the README; both install what they need.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: run hello test check install install-dev browser bench bench-speed-peers bench-openapi bench-peers demo-faults eval

run: install
	$(BIN)/python app.py

# The gateway with the embedded estate, one question and its answer; then it serves on.
hello: install
	$(BIN)/python app.py hello

# Everything that must hold: style, types, layers, then all tests. Three processes, for two cores too: tests of the whole
# product mostly wait for it.
test: install-dev browser check
	$(BIN)/pytest -n 3 --dist loadgroup

check: install-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy app.py assembly.py main.py agent blueprints commands demo integrations schemas tests/conftest.py tests/support tests/eval tests/e2e tests/browser bench/*.py bench/speed/*.py
	$(BIN)/lint-imports

install: $(VENV)/.installed
install-dev: $(VENV)/.installed-dev

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed; name it with: make PYTHON=/path/to/python"; exit 1; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || sh tests/support/install-debian.sh python3-venv
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: requirements.txt | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	@touch $@

$(VENV)/.installed-dev: requirements.txt requirements-dev.txt | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $@ $(VENV)/.installed

browser:
	@sh tests/support/install-browser.sh

# OpenAPI engines over a folder of documents, side by side: those of bench/requirements-peers.txt too once `make bench-peers` was run.
bench-openapi: install-dev
	@test -n "$(CORPUS)" || { echo "Name a folder of OpenAPI documents: make bench-openapi CORPUS=DIR"; exit 2; }
	$(BIN)/python -m bench.openapi $(CORPUS)

bench-peers:
	$(PYTHON) -m venv .venv-bench
	.venv-bench/bin/python -m pip install --quiet --disable-pip-version-check -r bench/requirements-peers.txt

# Every fault of the embedded estate on every operation, with what the resident reads; two to five minutes.
demo-faults: install-dev
	$(BIN)/python -m bench.demo_faults

# How much of the evaluation sets (tests/eval) the embedded model gets right, by domain, language and kind.
eval: install-dev
	$(BIN)/python -m tests.eval.run

# Servers compared by CPU time: a table, a plot, all figures (bench/README.md). SHORT=1 takes less than three minutes.
bench: install-dev bench-speed-peers
	$(BIN)/python -m bench.speed.all $(if $(SHORT),--short)

bench-speed-peers: .venv-speed/.installed

.venv-speed/.installed: bench/requirements-speed.txt
	$(PYTHON) -m venv .venv-speed
	.venv-speed/bin/python -m pip install --quiet --disable-pip-version-check -r bench/requirements-speed.txt
	@touch $@
