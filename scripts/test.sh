#!/usr/bin/env bash
# Installs what the tests need and runs them all.
#   bash scripts/test.sh                  with the locked versions
#   bash scripts/test.sh --latest         with the newest TensorFlow
#   bash scripts/test.sh tests/audio -x   pytest's own arguments are passed on
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"

if [ "${1:-}" = --latest ]; then
  shift
  enter_environment .venv-latest --upgrade '.[test]'
else
  enter_environment .venv -r requirements.lock
fi
ruff check .
ruff format --check .
# Each file in one process, so that what its tests share is made once.
exec python -m pytest --numprocesses=auto --maxprocesses=4 --dist=loadfile "$@"
