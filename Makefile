# Everything runs in .venv, which the first call of any target makes: python3 and make suffice.
PYTHON ?= python3
BIN := .venv/bin
# One worker more than there are processors, because tests also wait.
PYTEST := $(BIN)/python -m pytest --numprocesses $$(( $$(getconf _NPROCESSORS_ONLN) + 1 )) \
	--dist loadscope --no-loadscope-reorder
READY := .venv/.ready
BEAM := $(shell sed -n 's/^apache-beam==\([0-9.]*\).*/\1/p' requirements.lock)
FLINK ?= 2.2
EVAL ?= $(or $(NEWSBEAM_EVAL),../shared/eval)
MAVEN_COPY := mvn -B -q org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy

.PHONY: demo test test-fast test-long coverage lint format bench bench-pipeline bench-polling bench-sink bench-search bench-topics scale connector eval real-pages real-feeds prism flink spark engines docs lock help clean

demo: $(READY)  ## run the main job on the embedded newsroom
	@$(BIN)/newsbeam demo

test: $(READY)  ## all tests, the long proofs too
	@$(PYTEST)

test-fast: $(READY)  ## all but the long proofs: before each commit
	@$(PYTEST) -m "not slow"

test-long: $(READY)  ## models and properties with new examples, at length (hours)
	@NEWSBEAM_EXAMPLES=long $(PYTEST) -m hypothesis

coverage: $(READY)  ## all tests, and which lines they reach (half as long again)
	@$(PYTEST) --cov --cov-report=term

lint: $(READY)  ## style, types, import contracts
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

format: $(READY)  ## mend what ruff can
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

soak: $(READY)  ## thirty minutes of a stream under faults, its figures and a plot in newsbeam-soak/
	@$(BIN)/python -m tests.kit.soak newsbeam-soak --plot newsbeam-soak/memory.png

bench: bench-pipeline bench-polling bench-sink bench-search bench-topics  ## all figures (an hour; let nothing else run)

bench-pipeline: $(READY)  ## ratios of one run against the bare extraction
	@$(BIN)/python -m benchmarks.pipeline

bench-polling: $(READY)  ## ratios of polling 5,000 feeds against a bare loop (five minutes)
	@$(BIN)/python -m benchmarks.polling

bench-sink: $(READY)  ## ratios of the way into the database, with a million articles (half an hour)
	@$(BIN)/python -m benchmarks.sink

bench-search: $(READY)  ## ratios of full-text search, with a million articles (a quarter of an hour)
	@$(BIN)/python -m benchmarks.search

bench-topics: $(READY)  ## tagging with 100 to 100,000 phrases against the bare automaton (a minute)
	@$(BIN)/python -m benchmarks.topics

scale: $(READY)  ## what a poll, a page and a row cost here, and the model of docs/engineer/scale.md
	@$(BIN)/python -m benchmarks.scale

eval: $(READY) .venv/eval/.ready  ## quality and CPU of extraction beside other tools, on the pages of EVAL (../shared/eval)
	@NEWSBEAM_EVAL="$(EVAL)" $(BIN)/python -m benchmarks.eval

# The tools that it is compared with are no part of the program: a folder of their own.
.venv/eval/.ready: requirements-eval.lock $(READY)
	@rm -rf .venv/eval && mkdir -p .venv/eval
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --no-warn-conflicts --no-deps \
	    --require-hashes --target .venv/eval -r requirements-eval.lock && touch $@ || \
	    echo "the other tools could not be had: make eval names those that are absent"

real-pages: $(READY)  ## the pipeline over real pages and feeds: each comes to a row or a reason
	@$(BIN)/python -m benchmarks.real_pages

real-feeds: $(READY)  ## read every feed of ../shared/eval, if it is there
	@$(BIN)/python -m benchmarks.real_feeds

connector: $(READY)  ## the Beam connector as a distribution of its own, in dist/
	@rm -rf build/connector && mkdir -p build/connector dist
	@cp -R sinks/connector build/connector/beam_duckdb
	@rm -rf build/connector/beam_duckdb/__pycache__
	@mv build/connector/beam_duckdb/pyproject.toml build/connector/beam_duckdb/README.md build/connector
	@cp LICENSE build/connector
	@cd build/connector && $(abspath $(BIN))/python -c \
	    "from setuptools.build_meta import *; build_sdist('../../dist'); build_wheel('../../dist')" > /dev/null
	@ls dist/beam_duckdb-*

prism: .engines/prism-$(BEAM)  ## build Prism, Beam's own local engine, with Go

.engines/prism-$(BEAM):
	@command -v go > /dev/null || { echo "Prism is built with Go, which is not here"; exit 1; }
	@GOBIN=$(CURDIR)/.engines/bin go install github.com/apache/beam/sdks/v2/go/cmd/prism@v$(BEAM)
	@mv .engines/bin/prism $@

flink: .engines/beam-runners-flink-$(FLINK)-job-server-$(BEAM).jar  ## bring Beam's job server for Flink, with Maven

spark: .engines/beam-runners-spark-3-job-server-$(BEAM).jar  ## bring Beam's job server for Spark, with Maven

.engines/%-$(BEAM).jar:
	@command -v mvn > /dev/null || { echo "$* comes by Maven, which is not here"; exit 1; }
	@$(MAVEN_COPY) -Dartifact=org.apache.beam:$*:$(BEAM) -DoutputDirectory=.engines || \
	    { echo "Maven did not bring org.apache.beam:$*:$(BEAM)"; exit 1; }

engines: $(READY)  ## the newsroom on every engine that is here, against the local run
	@$(BIN)/python -m benchmarks.engines

docs: $(READY)  ## renew the data dictionary, the reference of commands, and the answers in docs/analyst
	@$(BIN)/python -m sinks.tables.dictionary docs/analyst
	@$(BIN)/python -m pipeline.reference docs/operator
	@$(BIN)/python -m tests.test_sql_docs

lock: $(READY)  ## renew requirements.lock for all supported versions of Python
	@$(BIN)/pip install --quiet uv
	@$(BIN)/uv pip compile pyproject.toml --extra dev --extra ducklake --extra metrics --extra serve --universal --python-version 3.11 \
	    --generate-hashes --no-annotate --no-header --upgrade \
	    --quiet --output-file requirements.lock
	@echo 'duckdb>=2,<2.1' | $(BIN)/uv pip compile - --no-config --universal --python-version 3.11 \
	    --generate-hashes --no-annotate --no-header --upgrade \
	    --quiet --output-file requirements-duckdb-2.lock
	@sed -n '/^eval = /,/^]/s/^ *"\(.*\)",/\1/p' pyproject.toml | $(BIN)/uv pip compile - --no-config \
	    --constraint requirements.lock --universal --python-version 3.11 \
	    --generate-hashes --no-annotate --no-header --upgrade --quiet --output-file requirements-eval.lock

# The locks name all there is: --no-deps keeps pip from looking for what was released since.
$(READY): requirements.lock requirements-duckdb-2.lock pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@echo "Setting up .venv (once; a minute or two) …"
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --no-deps --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --no-deps --no-build-isolation -e .
	@rm -rf .venv/duckdb-2 && $(BIN)/python -m pip install -qq --disable-pip-version-check \
	    --no-warn-conflicts --no-deps --require-hashes --target .venv/duckdb-2 -r requirements-duckdb-2.lock
	@touch $(READY)

help:  ## this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' Makefile

clean:  ## remove what targets made
	rm -rf .venv .engines build dist *.egg-info newsbeam-demo
