# `make demo` and `make test` need nothing but python3 (3.10.12, 3.11.4, 3.12 or later, with venv) and make; all else goes into .venv.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
LINT := $(BIN)/ruff check && $(BIN)/ruff format --check && $(BIN)/lint-imports && $(BIN)/mypy
LINTED := $(VENV)/lint.log
# A worker a core, each of which imports NeMo once; more than four would take more memory than a small machine has.
WORKERS := --numprocesses logical --maxprocesses 4 --dist worksteal
# The processes that we start share the machine: one thread each unless the caller says otherwise.
export OMP_NUM_THREADS ?= 1
export TOKENIZERS_PARALLELISM = false
export ONE_LOGGER_JOB_CATEGORY ?= test

.DEFAULT_GOAL := help
.PHONY: help venv lint test test-slow demo results-digits results-sentences results-dual-attention results-dual-attention-scratch results-context example-report map docs dist clean

help:  ## show the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 18

venv: $(STAMP)  ## create .venv with everything, pinned by constraints.txt

# torch first: where a wheel for the CPU is offered, the rest must not pull in another one.
$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c "import tarfile; tarfile.data_filter" 2>/dev/null || { echo "$(PYTHON) is too old: NeMo unpacks \
	checkpoints with filters, which Python has from 3.10.12, 3.11.4 and 3.12 on. Say PYTHON=<another>."; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --upgrade pip==26.3  # the resolver is pinned like the rest
	$(BIN)/python -m pip install --constraint constraints.txt torch==2.13.0
	$(BIN)/python -m pip install --constraint constraints.txt --editable ".[dev,demo,rooms,media,faster-whisper,adapters]" --group docs
	$(BIN)/python -m pip install --constraint constraints.txt kenlm || echo "kenlm was not built, which \
	takes a C++ compiler: its tests skip"
	touch $@

lint: $(STAMP)  ## ruff, import-linter, mypy
	$(LINT)

# Side by side; what the linters say comes after the tests, which print as they go.
test: $(STAMP)  ## lint and every test that is not slow
	@($(LINT)) > $(LINTED) 2>&1 & linters=$$!; \
	$(BIN)/python -m pytest -m "not slow" -rs $(WORKERS); tests=$$?; \
	wait $$linters; lint=$$?; cat $(LINTED); \
	test $$tests -eq 0 -a $$lint -eq 0 || { echo "make test: tests exit $$tests, linters exit $$lint"; exit 1; }

test-slow: $(STAMP)  ## the slow tests
	$(BIN)/python -m pytest -m slow -rs

demo: $(STAMP)  ## synthesise, train, evaluate; writes demo_output/
	$(BIN)/nemo-noise demo

results-digits: $(STAMP)  ## the table of docs/results; resumes where it stopped
	$(BIN)/python experiments/run.py --config-name=digits/digits

results-sentences: $(STAMP)  ## the same with read sentences
	$(BIN)/python experiments/run.py --config-name=sentences/sentences

results-dual-attention: $(STAMP)  ## an attention decoder with and without a second attention
	$(BIN)/python experiments/run.py --config-name=dual_attention/dual_attention

results-dual-attention-scratch: $(STAMP)  ## the same, both decoders from nothing
	$(BIN)/python experiments/run.py --config-name=dual_attention/dual_attention_scratch

results-context: $(STAMP)  ## what a noise context knows before and after pretraining
	$(BIN)/python experiments/run.py --config-name=context_probes/context_probes

example-report: $(STAMP)  ## docs/example_report: a stock recogniser against a noise-aware one
	$(BIN)/python experiments/run.py --config-name=example_report/example_report
	mkdir -p docs/example_report
	cp results/example_report/page/report.html results/example_report/page/summary.json docs/example_report/
	cp results/example_report/page/wer_over_snr.png docs/example_report/
	cp results/example_report/page/README.md docs/example_report/model_card.md

map: $(STAMP)  ## write the map of the folders in docs/architecture.md
	$(BIN)/python -m tests.house.architecture

docs: $(STAMP)  ## the site of docs/ in site/; fails on any warning, dead links and anchors included
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict

dist: $(STAMP)  ## sdist and wheel in dist/, as PyPI gets them
	$(BIN)/python -m build --outdir dist

clean:  ## remove what was built, .venv excepted
	rm -rf build dist site *.egg-info demo_output .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
