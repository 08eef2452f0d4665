# The two commands of the README are `make demo` and `make test`; each installs what it lacks (scripts/setup.sh).

PYTHON := .venv/bin/python
SAMPLE ?= submissions/alice
PYTEST_ARGS ?=
SECONDS ?= 60

.PHONY: help demo test lint validity fuzz soak season attack bench timing image fixtures clean

help: ## show this list
	@sed -n 's/^\([a-z]*\):.*## /make \1\t/p' Makefile | expand -t 16

demo: ## grade submissions/alice in a real sandbox and say where the report is
	@sh scripts/setup.sh demo
	@sh scripts/demo.sh $(SAMPLE)

test: ## run every test, both sandboxes for real
	@sh scripts/setup.sh test
	@sh scripts/with_engine.sh sh scripts/with_image.sh sh scripts/run_tests.sh $(PYTEST_ARGS)

lint: ## check format, lint and types
	@sh scripts/setup.sh demo
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -m ruff check .
	$(PYTHON) -m mypy

validity: ## grade the corpus of right and wrong submissions; fails on any surprise (minutes)
	@sh scripts/setup.sh demo
	.venv/bin/grader validity --sandbox bubblewrap --jobs 2 --out build/validity && cp build/validity/validity.md docs/validity.md

attack: ## grade the whole hostile corpus in both sandboxes, with the rubric's own limits (most of an hour)
	@sh scripts/setup.sh test
	@sh scripts/with_engine.sh sh scripts/with_image.sh $(PYTHON) -m pytest tests/test_hostile.py --all-attacks -q

fuzz: ## fuzz the wire and the door, SECONDS=60 for each of four targets
	@sh scripts/setup.sh demo
	@sh scripts/fuzz.sh $(SECONDS)

bench: ## measure the figures of bench/README.md, on a machine that does nothing else (half an hour)
	@sh scripts/setup.sh test
	$(PYTHON) bench/grade_wall.py
	$(PYTHON) bench/throughput.py
	@sh scripts/with_engine.sh sh scripts/with_image.sh $(PYTHON) bench/grade_wall.py --sandbox docker
	@sh scripts/with_engine.sh sh scripts/with_image.sh $(PYTHON) bench/no_wall.py

timing: ## judge the timing criteria 200 times in each of 48 cells: variant, sandbox, busy loops beside (hours)
	@sh scripts/setup.sh test
	@sh scripts/with_engine.sh sh scripts/with_image.sh $(PYTHON) bench/timing_luck.py

season: ## grade 300 submissions on a cluster of three nodes that are lost and come back (half an hour)
	@sh scripts/setup.sh demo
	$(PYTHON) -m pytest tests/test_cluster.py -k nothing_is_lost --season 300 -q

soak: ## grade 200 submissions with a grader that is killed ten times; fails on any trace or wrong verdict (minutes)
	@sh scripts/setup.sh demo
	$(PYTHON) bench/soak.py

image: ## build the sandbox image on a base made here, where none can be pulled
	@sh scripts/setup.sh test
	@sh scripts/with_engine.sh sh scripts/make_image.sh

fixtures: ## train the checkpoints and write the expected texts again (a few minutes)
	@sh scripts/setup.sh demo
	$(PYTHON) reference/train.py

clean: ## remove the environment, caches and reports; images stay (grader doctor names them)
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis build dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
	find reports -mindepth 1 ! -name .gitkeep -delete
