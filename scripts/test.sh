#!/usr/bin/env bash
# Installs what the tests need and runs them all.
#   bash scripts/test.sh                  with TensorFlow 2.17; by Python 3.13 with the newest
#   bash scripts/test.sh --latest         with the newest TensorFlow
#   bash scripts/test.sh tests/audio -x   pytest's own arguments are passed on
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"

stack=
if [ "${1:-}" = --latest ]; then stack=$1; shift; fi
enter_environment "$stack"
ruff check .
ruff format --check .
mypy
# Each file in one process, so that what its tests share is made once.
exec python -m pytest --numprocesses=auto --maxprocesses=4 --dist=loadfile "$@"
