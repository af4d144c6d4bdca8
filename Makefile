# What people, CI and pre-commit run. `make up` needs Python 3.11 with venv, and make; nothing else.
.DEFAULT_GOAL := help
PYTHON := .venv/bin/python

.PHONY: help
help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 16

.PHONY: install
install: ## .venv with what running needs
	@devstack/install.sh run

.PHONY: install-dev
install-dev: ## .venv with what development needs
	@devstack/install.sh dev

.PHONY: up
up: install ## start everything (DETACH=1 returns when it is ready; CRYPTWIRE_PORT=8080)
	@exec $(PYTHON) -m cryptwire up $(if $(DETACH),--detach)

.PHONY: down
down: ## stop what `make up DETACH=1` started
	@if [ -x $(PYTHON) ]; then exec $(PYTHON) -m cryptwire down; fi

.PHONY: status
status: ## what runs
	@if [ -x $(PYTHON) ]; then exec $(PYTHON) -m cryptwire status; else echo "Cryptwire does not run"; exit 1; fi

.PHONY: test
test: install-dev ## every test, on real servers
	@$(PYTHON) -m devstack.app --test
	@$(PYTHON) -m pytest --numprocesses 4 --dist loadfile --no-loadscope-reorder

.PHONY: test-full
test-full: install-dev ## the same with full counts: ten million ticks
	@CRYPTWIRE_FULL=1 $(PYTHON) -m pytest --timeout 1800

.PHONY: soak
soak: install-dev ## thirty minutes of the whole stack, its candles checked
	@$(PYTHON) -m bench.soak

.PHONY: faults
faults: install-dev ## 100,000 calls through the gateway while a fifth of upstream's answers is faulty
	@$(PYTHON) -m bench.faults

.PHONY: crashes
crashes: install-dev ## a controller killed a thousand times: nothing done twice, nothing lost
	@CRYPTWIRE_FULL=1 $(PYTHON) -m pytest --timeout 7200 -s tests/integration/controller/test_crashes.py

.PHONY: polls
polls: install-dev ## a thousand hoppers polled for ten minutes: not one request too many
	@$(PYTHON) -m bench.polls

.PHONY: check
check: install-dev ## linters, types, import contracts, generated code
	@$(PYTHON) -m ruff check
	@$(PYTHON) -m ruff format --check
	@.venv/bin/lint-imports --no-cache
	@$(PYTHON) -m mypy cryptwire api gateway webhook streamer tracker candles analyser controller processor replay devstack simulator tests bench
	@$(MAKE) --no-print-directory protos-check

.PHONY: docs
docs: install-dev ## api/schema.graphql, docs/api.md and docs/exports.md, from the code
	@$(PYTHON) -c "from api.schema import SCHEMA; open('api/schema.graphql', 'w').write(SCHEMA.as_str() + '\n')"
	@$(PYTHON) -m api.document
	@$(PYTHON) -m api.document_files

.PHONY: fuzz
fuzz: install-dev ## twenty thousand operations nobody would send, against the API
	@CRYPTWIRE_FULL=1 $(PYTHON) -m pytest --timeout 3600 tests/integration/api/test_fuzz.py

.PHONY: mutants
mutants: install-dev ## change what the controller decides in every place, and see whether tests notice (an hour)
	@$(PYTHON) -m bench.mutants

.PHONY: bench
bench: install-dev ## measure against the budgets of docs/architecture.md
	@$(PYTHON) -m bench

.PHONY: protos
protos: install-dev ## generated/ from protos/
	@$(PYTHON) -m devstack.protos

.PHONY: protos-check
protos-check:
	@$(PYTHON) -m devstack.protos --check

.PHONY: lock
lock: install-dev ## lock the newest versions that requirements/*.in allow
	@for name in dev run; do .venv/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
		--no-emit-index-url --no-emit-find-links --no-header requirements/$$name.in \
		$$([ $$name = run ] && echo --constraints requirements/dev.txt) -o requirements/$$name.txt; done

.PHONY: clean
clean: down ## remove what was made here, the data too
	@rm -rf .venv .cryptwire web/node_modules web/dist
