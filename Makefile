# `make demo` and `make test` are all a newcomer types; both make .venv first.
PYTHON ?= python3
BIN := .venv/bin
OUT ?= out

.PHONY: env demo test soak accuracy bench lint size schemas lock clean

env: .venv/made  ## everything the project needs, from the lock file, into .venv

.venv/made: requirements.lock pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed")'
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --require-hashes -r requirements.lock
	$(BIN)/pip install --quiet --no-deps --no-build-isolation --editable .
	touch $@

demo: env  ## a real clip to real alerts through a real Kafka; OUT=DIR keeps everything
	$(BIN)/gridalert demo --out $(OUT)

test: env  ## every test; those of Kafka run on a real one
	$(BIN)/python -m pytest -q -n 2 --dist loadfile --no-loadscope-reorder

soak: env  ## ten million random records through the fold
	$(BIN)/python -m tests.soak

accuracy: env  ## measure scenarios/ on ../shared/data and write docs/accuracy.md
	@test -d ../shared/data || { echo "The clips are not here: ../shared/data is missing, nothing was measured."; exit 1; }
	mkdir -p $(OUT)
	$(BIN)/gridalert evaluate scenarios/*.toml --json $(OUT)/accuracy.json --report $(OUT)/accuracy
	$(BIN)/python -m docs.accuracy $(OUT)/accuracy.json

bench: env  ## what a look costs beside inference, as a ratio
	PYTHONPATH=. $(BIN)/python tests/benchmarks/overhead.py

lint: env  ## style, types, and who may import whom
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

size: env  ## lines, dependencies and commands
	$(BIN)/python docs/size.py

schemas: env  ## write docs/contracts anew: schemas from the types, examples from the fold
	$(BIN)/python -m docs.schemas

lock:  ## resolve the dependencies anew (needs uv)
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --extra cpu --group dev pyproject.toml -o requirements.lock

clean:
	rm -rf .venv .kafka build *.egg-info
