# Everything runs in .venv, which the first target that needs it makes from what Python there is.
# `make` alone lists the targets.

PYTHON ?= python3
LOGS := logs
VENV := .venv
BIN := $(VENV)/bin

.DEFAULT_GOAL := help
# Two installations at once would break each other.
.NOTPARALLEL:
.PHONY: help results test test-jax test-browser coverage docs lint wheel tensorboard some-logs clean

help:
	@echo "make results       run every experiment: tables, figures and verdicts in results/"
	@echo "make tensorboard   watch what make results trained; one of them: LOGS=logs/keras_layers"
	@echo "make test          run the tests"
	@echo "make test-jax      run the tests that need no TensorFlow on Keras's JAX backend"
	@echo "make test-browser  look at TensorBoard's pages in chromium, which make test does too"
	@echo "make coverage      which branches of kerasreg the tests reach, on both backends together"
	@echo "make docs          the API's pages, from the docstrings: build/docs/index.html"
	@echo "make lint          check style and types"
	@echo "make wheel         build the wheel, and try it in an environment with nothing else but JAX"
	@echo "make clean         remove .venv and all caches"
	@echo
	@echo "Another Python: make test PYTHON=python3.12"

results: $(VENV)/installed-run
	$(BIN)/python -m experiments --jobs 2 --logs $(LOGS)

# The tests with a browser share it, and what it looks at: not among workers.
test: $(VENV)/installed-test
	$(BIN)/python -m pytest -n 2 --ignore tests/browser
	$(BIN)/python -m pytest tests/browser

test-browser: $(VENV)/installed-test
	$(BIN)/python -m pytest tests/browser

test-jax: $(VENV)/installed-test-jax
	KERAS_BACKEND=jax $(BIN)/python -m pytest -n 2 -m "not tensorflow and not backend_free"

# In two processes, as a process has one backend. Branches are counted, and processes started by
# the tests are not.
coverage: $(VENV)/installed-test $(VENV)/installed-test-jax
	$(BIN)/python -m pytest -n 2 --ignore tests/browser --cov --cov-report=
	KERAS_BACKEND=jax $(BIN)/python -m pytest -n 2 -m "not tensorflow and not backend_free" \
	    --cov --cov-append --cov-report=
	$(BIN)/python -m coverage report

docs: $(VENV)/installed-docs
	TF_CPP_MIN_LOG_LEVEL=3 $(BIN)/python .docs/pages.py build/docs

lint: $(VENV)/installed-dev
	$(BIN)/python -m ruff check .
	$(BIN)/python -m ruff format --check .
	$(BIN)/python -m mypy

# What somebody gets who installs kerasreg alone, and then beside JAX.
wheel: $(VENV)/installed-dev
	rm -rf build/wheel build/wheel-venv
	$(BIN)/python -m pip wheel --quiet --disable-pip-version-check --no-deps --wheel-dir build/wheel .
	$(PYTHON) -m venv build/wheel-venv
	build/wheel-venv/bin/python -m pip install --quiet --disable-pip-version-check \
	    -c constraints.txt build/wheel/*.whl
	cd build && wheel-venv/bin/python -c "import kerasreg; print('kerasreg', kerasreg.__version__)"
	build/wheel-venv/bin/python -m pip install --quiet --disable-pip-version-check \
	    -c constraints.txt "$$(echo build/wheel/*.whl)[jax]"
	cd build && KERAS_BACKEND=jax wheel-venv/bin/python ../tests/installed.py

# TensorBoard prints its address; nothing but this machine can reach it.
tensorboard: some-logs $(VENV)/installed-run
	TF_CPP_MIN_LOG_LEVEL=3 $(BIN)/python -m tensorboard.main --logdir $(LOGS) --host 127.0.0.1

some-logs:
	@find $(LOGS) -name '*tfevents*' 2>/dev/null | grep -q . || { \
	    echo "There is nothing to watch in $(LOGS)/ yet: run make results first." >&2; exit 1; }

clean:
	rm -rf $(VENV) .coverage build *.egg-info .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find kerasreg experiments tests -name __pycache__ -type d -prune -exec rm -rf {} +

# The extras of each kind of installation.
EXTRAS_run := [tensorflow]
EXTRAS_test := [test]
EXTRAS_test-jax := [test,jax]
EXTRAS_dev := [dev]
EXTRAS_docs := [docs]

# An environment is whole only where the file `whole` stands in it. An installation takes the file
# away and puts it back at its end, so that an interrupted one is done again from nothing.
$(VENV)/installed-%: pyproject.toml constraints.txt
	@if [ ! -e $(VENV)/whole ]; then \
	    $(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null || { \
	        echo "kerasreg needs Python 3.11, 3.12 or 3.13." \
	            "Received: $(PYTHON), $$($(PYTHON) --version 2>&1 | tail -n 1)." \
	            "Name another one: make $(MAKECMDGOALS) PYTHON=python3.11" >&2; \
	        exit 1; \
	    }; \
	    echo "Making $(VENV)"; \
	    $(PYTHON) -m venv --clear $(VENV) || exit 1; \
	fi
	@rm -f $(VENV)/whole
	@echo "Installing kerasreg$(EXTRAS_$*)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".$(EXTRAS_$*)"
	@touch $(VENV)/whole $@
