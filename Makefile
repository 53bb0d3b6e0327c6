# `make help` lists the targets. Everything is installed into .venv/, everything that runs keeps its data in var/.
.DEFAULT_GOAL := help
.PHONY: help run test bench drills check screenshots messages
# Another project's Python must not reach into ours.
unexport PYTHONHOME PYTHONPATH PYTHONSAFEPATH VIRTUAL_ENV
export DJANGO_SETTINGS_MODULE := portal.settings
PY := .venv/bin/python

help: ## list the targets
	@echo "make TARGET, where TARGET is"
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  \1|\2/p' Makefile | awk -F'|' '{ printf "%-11s %s\n", $$1, $$2 }'
	@echo "Settings come from the environment: PORT=8001 DATA_DIR=/srv/chargeward make run"

run: .venv/.installed ## start the portal with its servers, worker and beat; Ctrl-C stops all of it
	@exec $(PY) -m portal.stack run

test: .venv/.traces ## run every test with throwaway servers; ARGS="-k word" passes options to pytest
	@exec $(PY) -m portal.stack test -- $(PY) -m pytest $(ARGS)

bench: .venv/.installed ## run the benchmarks with throwaway servers
	@exec $(PY) -m portal.stack test -- $(PY) -m tests.benchmarks $(ARGS)

drills: .venv/.traces ## kill, stop and change everything under load, for some minutes, and print what came of it
	@exec env DRILLS=long $(PY) -m portal.stack test -- $(PY) -m pytest -v -n 0 tests/drills tests/engine/test_volume.py \
		tests/chargers/test_gateway_restarts.py tests/stack/test_traces.py $(ARGS)

check: .venv/.traces ## ruff, mypy, import rules, migrations, Django's deployment checks
	@exec sh .ci/check

screenshots: .venv/.installed ## take the pictures of docs/pictures anew, with Chromium
	@exec $(PY) -m tests.browser.screenshots

messages: .venv/.installed ## collect the portal's texts for translation, and compile what is translated (wants gettext)
	@$(PY) manage.py makemessages --all --no-obsolete --no-location --ignore ".venv/*" --ignore "var/*" --ignore "tests/*" && exec $(PY) manage.py compilemessages --ignore ".venv"

.venv/.installed: requirements.lock pyproject.toml
	@sh .ci/install

.venv/.traces: .venv/.installed requirements-traces.lock
	@sh .ci/install requirements-traces.lock .venv/.traces
