# One command per task. `make serve` and `make test` set up all they need.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
NODE := tests/node/node_modules/.package-lock.json
CLIENTS := .venv-clients
NODE_CLIENTS := tests/node-clients/node_modules/.package-lock.json
ARGS ?= fixtures/ --default text/hello

.PHONY: serve test test-slow test-clients fuzz lint format bench bench-check soak chat-page-runs fault-table site image image-test dist-test clean

serve: $(VENV)/.serve
	$(BIN)/respool serve $(ARGS)

test: $(VENV)/.dev $(NODE)
	$(BIN)/python -m pytest -n auto --dist worksteal -m "not slow and not clients"

test-slow: $(VENV)/.dev $(NODE)
	$(BIN)/python -m pytest -n auto --dist worksteal -m slow

test-clients: $(VENV)/.dev $(NODE) $(CLIENTS)/.ready $(NODE_CLIENTS)
	$(BIN)/python -m pytest -n auto --dist worksteal -m clients

fuzz: ARGS = --minutes 15
fuzz: $(VENV)/.dev
	$(BIN)/python -m pytest -n auto --dist worksteal -m hypothesis --hypothesis-profile fuzz $(ARGS)

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(VENV)/.dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(VENV)/.dev
	$(BIN)/python -m bench

bench-check: $(VENV)/.dev
	$(BIN)/python -m bench --quick --check

soak: ARGS =
soak: $(VENV)/.dev
	$(BIN)/python -m bench.soak $(ARGS)

chat-page-runs: RUNS ?= 200
chat-page-runs: $(VENV)/.dev
	RESPOOL_CHAT_PAGE_RUNS=$(RUNS) $(BIN)/python -m pytest -q -n 0 tests/test_chat_page.py

fault-table: $(VENV)/.dev $(NODE)
	$(BIN)/python docs/make_fault_table.py

site: $(VENV)/.docs
	$(BIN)/python docs/make_site.py

dist-test:
	PYTHON=$(PYTHON) tests/wheel/run

image:
	docker build -t respool .

image-test:
	sh tests/image/run

clean:
	rm -rf $(VENV) $(CLIENTS) .cache tests/node/node_modules tests/node-clients/node_modules

$(VENV)/.serve: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install -q --disable-pip-version-check -e .
	touch $@

# pip from 25.1 on knows dependency groups.
$(VENV)/.dev: $(VENV)/.serve
	$(BIN)/pip install -q --disable-pip-version-check --upgrade 'pip>=25.1'
	$(BIN)/pip install -q --group dev
	touch $@

$(VENV)/.docs: $(VENV)/.dev
	$(BIN)/pip install -q --group docs
	touch $@

# The packages for Node, for the tests that need them; without npm those are skipped, and say so.
# npm writes this file last.
$(NODE): tests/node/package.json tests/node/package-lock.json
	if command -v npm >/dev/null; then cd tests/node && npm ci --loglevel=error; fi

# SDKs for Python, in an environment of their own: they need other versions of what Respool needs, and pytest is not theirs.
$(CLIENTS)/.ready: tests/clients/requirements.txt
	$(PYTHON) -m venv $(CLIENTS)
	$(CLIENTS)/bin/pip install -q --disable-pip-version-check -r $<
	touch $@

$(NODE_CLIENTS): tests/node-clients/package.json tests/node-clients/package-lock.json
	if command -v npm >/dev/null; then cd tests/node-clients && npm ci --loglevel=error; fi
