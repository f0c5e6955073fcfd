# A machine with Python 3.11 (with venv) and make is enough: see README.md.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: demo test proof check bench quality dictionary clean

demo: $(VENV)/installed
	$(BIN)/python manage.py demo

test: $(VENV)/installed-dev
	$(BIN)/python -m pytest -n auto --dist loadfile --no-loadscope-reorder $(PYTEST_ARGS)

# The long stories, which the suite leaves out or tells shortened, at their full length; about an hour.
proof: export SCREENTRIAL_MUTANTS := 10000
proof: export SCREENTRIAL_OUTAGE := 2000
proof: export SCREENTRIAL_RUSH := 5000
proof: export SCREENTRIAL_WAYS := all
proof: $(VENV)/installed-dev
	$(BIN)/python -m pytest --timeout 5400 -m proof
	$(BIN)/python -m pytest --timeout 5400 tests/screening/test_sandbox.py tests/test_ways_in.py

check: $(VENV)/installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy .
	$(BIN)/lint-imports
	$(BIN)/python manage.py makemigrations --check --dry-run

bench: $(VENV)/installed-dev
	$(BIN)/python -m tests.bench

quality: $(VENV)/installed-dev
	$(BIN)/python -m tests.quality

dictionary: $(VENV)/installed-dev
	$(BIN)/python -m tests.data_dictionary

clean:
	rm -rf $(VENV) var

$(VENV)/installed: requirements.txt
	test -d $(VENV) || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --requirement requirements.txt
	touch $@

$(VENV)/installed-dev: requirements-dev.txt $(VENV)/installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --requirement requirements-dev.txt
	touch $@
