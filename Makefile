# SPDX-License-Identifier: Apache-2.0
# What a newcomer types. Everything is installed into .venv, which needs Python 3.11 or newer and a
# C++ compiler (clang++ or g++; where there is neither, the ziglang wheel is installed and used).

PYTHON ?= python3
BIN := .venv/bin
COMPILER_EXTRA := $(shell command -v clang++ >/dev/null || command -v g++ >/dev/null || echo ,compiler)

.PHONY: demo test lint docs verilog bench clean

demo: .venv/ready
	$(BIN)/flightllm-hw run --prompt "Once upon a time" --tokens 100

# A thread for each worker: products of small matrices are slower with more. A file stays with one
# worker: what its tests share, such as a compiled design, is made once.
test: .venv/ready
	OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto \
	    --dist loadfile --no-loadscope-reorder

# Hours: every measurement of docs/bench.md, and tables, sentences and pictures of all pages.
bench: .venv/ready
	$(BIN)/python docs/examples/simulation_speed.py
	$(BIN)/python docs/examples/measurements.py
	$(BIN)/python docs/examples/prose.py
	$(BIN)/python docs/examples/estimates.py
	$(BIN)/python docs/examples/plots.py

lint: .venv/ready
	$(BIN)/ruff check .
	$(BIN)/mypy

# The site, build/docs/index.html: warnings are errors. Then its examples, links and commands.
docs: .venv/ready
	$(BIN)/sphinx-build -q -W --keep-going docs build/docs
	$(BIN)/python -m pytest -q -n0 tests/docs/test_pages.py

verilog: .venv/ready
	$(BIN)/flightllm-hw verilog --preset u280 -o build/u280

clean:
	rm -rf .venv build

.venv/ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev$(COMPILER_EXTRA)]'
	touch $@
