# What a developer and CI run. Everything may be run again at any time; what is done already is skipped.
.DEFAULT_GOAL := help
.PHONY: help demo demo-stop setup test unit e2e faults walk adoptions tokens recipes cluster bench soak lint format lock clean
.NOTPARALLEL:
MAKEFLAGS += --no-print-directory
unexport PYTHONDONTWRITEBYTECODE  # each start of bgctl would compile all of it, which tests do a thousand times

PYTHON  := .venv/bin/python
STAGE   := setup/stage
LOCK    := .venv/bin/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-header \
           $(if $(UPGRADE),--upgrade)
ENGINES := docker podman
SCRIPTS = $(shell grep -rlIE '^(\#!.*(ba)?sh|\# shellcheck shell=.*)$$' .ci setup compose tests)

help:  ## This list
	@sed -nE 's/^([a-z0-9-]+):[^#]*## (.*)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 20

demo:  ## A whole release under load, on this machine (KEEP=1 leaves the stack running)
	@setup/venv
	@setup/engine docker
	@setup/images docker --demo
	@$(PYTHON) -m demo $(if $(KEEP),--keep)

demo-stop:  ## Stop and remove what `make demo KEEP=1` left running
	@$(PYTHON) -m demo --stop

setup:  ## Tools, engines and images (ENGINES="docker podman")
	@$(STAGE) venv setup/venv
	@for engine in $(ENGINES); do \
	    $(STAGE) "$$engine" setup/engine "$$engine" && $(STAGE) "$$engine images" setup/images "$$engine" || exit 1; \
	done

# More processes than cores: end-to-end tests mostly wait. tests/order.py says which tests go together.
PYTEST   = $(PYTHON) -m pytest --dist loadscope --no-loadscope-reorder
TOGETHER = $(PYTEST) -n 4 -m "not faults"
OTHERS   = $(foreach kind,flaskshop notes blog members,--ignore tests/e2e/release/test_walk_$(kind).py) \
           $(foreach kind,django express fastapi nextjs php rails spa,--ignore tests/e2e/recipes/test_recipe_$(kind).py) \
           --deselect tests/e2e/recipes/test_recipe_flask.py::test_flask_in_browsers \
           --ignore tests/e2e/adopt/test_adoptions.py \
           $(foreach kind,judges lab_faults bad_input one_to_three,--ignore tests/e2e/cluster/test_$(kind).py)
NEED     = setup/venv && setup/engine docker && setup/images docker

test: lint setup  ## Lint, then every test, on both engines
	@$(STAGE) "test tools" setup/testtools
	@$(STAGE) "project bases" setup/standins docker
	@BGCTL_MODEL_SEQUENCES=600 $(STAGE) tests $(TOGETHER) tests $(OTHERS)

unit:  ## Single modules, in Python and in Lua: no engine, no program and no whole command
	@setup/venv
	@$(PYTEST) -n 2 -m "not whole" tests/unit tests/lua

e2e:  ## Real stacks on docker (ONLY=failover: those whose names have that)
	@$(NEED) && setup/testtools && setup/standins docker
	@$(TOGETHER) $(if $(ONLY),-k "$(ONLY)") tests/e2e $(OTHERS)

faults:  ## The longest tests at their full length, of which `make test` takes a short form (needs npm)
	@$(NEED) && setup/testtools && setup/standins docker
	@mkdir -p .cache/sockets && cp tests/cases/sockets/* .cache/sockets/ && cd .cache/sockets && npm ci --silent
	@BGCTL_NODE_SOCKETS=.cache/sockets $(PYTEST) -n 2 -m faults tests/e2e
	@$(PYTEST) tests/model/test_model_sequences.py

walk:  ## Ordinary projects through two releases each, under load, from the wheel
	@setup/venv
	@for engine in $(ENGINES); do \
	    setup/engine "$$engine" && setup/images "$$engine" && setup/standins "$$engine" || exit 1; \
	done
	@$(PYTEST) -n 2 -rP -k "not short" tests/e2e/release/test_walk_*.py

adoptions:  ## Ordinary projects adopted under load, again and again, and killed at every step (ROUNDS=20)
	@$(NEED) && setup/standins docker
	@ROUNDS=$(or $(ROUNDS),20) $(PYTEST) -rP tests/e2e/adopt/test_adoptions.py

tokens:  ## 20,000 tokens of PyJWT, authlib, joserfc, jsonwebtoken and jose: proxy and session API agree on each
	@setup/venv
	@mkdir -p .cache/node && cp tests/cases/tokens/node/* .cache/node/ && cd .cache/node && npm ci --silent
	@BGCTL_TOKENS=$(or $(TOKENS),20000) BGCTL_NODE=.cache/node $(PYTEST) tests/lua/tokens/test_libraries.py

recipes:  ## An app of each framework from plain compose to a second version, as docs/recipes tells it
	@$(NEED) && setup/testtools && setup/standins docker --recipes
	@$(PYTEST) -n 2 -rP tests/e2e/recipes

cluster:  ## Three hosts on this machine: they are cut off, killed and come back; then a release on all (as root)
	@$(NEED) && setup/packages iproute2 docker-registry redis-server curl
	@$(PYTEST) tests/e2e/cluster
	@$(PYTHON) -m tests.cluster

bench:  ## What the proxy costs beside a plain nginx and others, a switch, the session API; 15 minutes (ONLY=warm,tls)
	@$(NEED) && setup/standins docker --bench && setup/packages wrk nghttp2-client redis-server
	@$(PYTHON) -m tests.bench $(if $(ONLY),--only $(ONLY))
	@$(PYTHON) -m tests.bench.markdown

soak:  ## A thousand switches in a row under load (SWITCHES=1000)
	@setup/venv && setup/engine docker && setup/images docker
	@$(PYTHON) -m tests.soak $(if $(SWITCHES),--switches $(SWITCHES))

lint:  ## ruff, mypy, luacheck, shellcheck
	@$(STAGE) venv setup/venv
	@$(STAGE) linters setup/linters
	@$(STAGE) ruff $(PYTHON) -m ruff check .
	@$(STAGE) format $(PYTHON) -m ruff format --check .
	@$(STAGE) mypy $(PYTHON) -m mypy
	@$(STAGE) luacheck luacheck --quiet lua
	@$(STAGE) shellcheck shellcheck $(SCRIPTS)

format:  ## Put Python code into its form: ruff format, and what ruff can mend
	@setup/venv
	@$(PYTHON) -m ruff check --fix .
	@$(PYTHON) -m ruff format .

lock:  ## Resolve pyproject.toml's groups into locks/ (UPGRADE=1 moves to the newest)
	@setup/venv
	@$(LOCK) --python-version 3.11 pyproject.toml --extra include --extra grpc --extra acme --extra redis --group session-api --group demo --group certificates --group podman --group test \
	    -o locks/dev.txt
	@$(LOCK) --python-version 3.13 --group session-api -o locks/session-api.txt
	@$(LOCK) --python-version 3.13 --group demo -o locks/demo-app.txt
	@$(LOCK) --python-version 3.13 --group projects -o locks/projects.txt
	@$(LOCK) --python-version 3.13 --group recipes -o locks/recipes.txt
	@$(LOCK) --python-version 3.13 --group node -o locks/node.txt

clean:  ## Remove .venv, caches and this project's images; stop a dockerd that setup started
	@for engine in $(ENGINES); do setup/images "$$engine" --remove || exit 1; done
	@setup/engine docker --stop
	rm -rf .venv .cache .demo /var/lib/bgctl-lab/registry
