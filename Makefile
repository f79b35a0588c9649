# Two commands do everything on a fresh machine: `make demo` and `make test`.
# Neither needs root, a system package or a download of weights.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
OUT ?= out/demo
PIP := $(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt

.PHONY: install demo test test-slow lint format bench docs clean

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.base: pyproject.toml constraints.txt | $(BIN)/python
	$(PIP) -e ".[onnx]"
	@touch $@

$(VENV)/.dev: $(VENV)/.base
	$(PIP) -e ".[all]"
	@touch $@

install: $(VENV)/.dev

demo: $(VENV)/.base
	OMP_WAIT_POLICY=PASSIVE $(BIN)/likeness demo --out $(OUT)

test: $(VENV)/.dev
	OMP_NUM_THREADS=1 $(BIN)/pytest -n 2

test-slow: $(VENV)/.dev
	OMP_NUM_THREADS=1 $(BIN)/pytest -m slow

lint: $(VENV)/.dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

format: $(VENV)/.dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(VENV)/.dev
	OMP_NUM_THREADS=1 $(BIN)/python benchmarks/loop.py
	OMP_NUM_THREADS=1 $(BIN)/python benchmarks/raster.py
	OMP_WAIT_POLICY=PASSIVE $(BIN)/python -m benchmarks.audio2face --json out/benchmarks/audio2face.json
	$(BIN)/python benchmarks/audio2face_preprocessing.py --quick

docs: $(VENV)/.dev
	@mkdir -p docs/config
	$(BIN)/likeness config reference face-encoder > docs/config/face-encoder.md
	$(BIN)/likeness config reference audio2face > docs/config/audio2face.md

clean:
	rm -rf $(VENV) out runs build dist *.egg-info
