# Short names for what the scripts under tools/ do.
VENV ?= .venv
export VENV

.PHONY: setup check lint types imports docs test test-wheel wheel generate grammar bench fixtures clean

setup:            ## a virtual environment with everything that the checks use
	tools/setup --dev

check:            ## set up and run every check, as CI does
	tools/check

lint types imports docs wheel: ## one stage of the checks
	tools/check $@

test-wheel: wheel ## the built wheel, in an environment of its own

test:             ## the tests, examples in the documents included
	tools/check tests

generate grammar: ## write what is made from the LineFormat registry and the classes
	$(VENV)/bin/python -m oomparse.grammar.generate
	$(VENV)/bin/python docs/generate.py

bench:            ## measure; see benchmarks/
	$(VENV)/bin/python -m benchmarks.run

fixtures:         ## what the corpus holds
	$(VENV)/bin/oomparse fixtures list

clean:
	rm -rf build dist docs/_build .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
