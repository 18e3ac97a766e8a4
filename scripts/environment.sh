# Sourced by demo.sh and test.sh: makes .venv beside this checkout, once, and enters it.
# PYTHON names the interpreter to use; otherwise the newest of 3.9 to 3.12 is taken.
cd "$(dirname "${BASH_SOURCE[0]}")/.."

find_python() {
  local candidate
  for candidate in ${PYTHON:-python3.12 python3.11 python3.10 python3.9 python3}; do
    if "$candidate" -c 'import sys, venv; sys.exit(not (3, 9) <= sys.version_info < (3, 13))' 2>/dev/null; then
      echo "$candidate"
      return
    fi
  done
  echo "tf_inversion needs Python 3.9 to 3.12 with the venv module; set PYTHON to one" >&2
  return 1
}

enter_environment() {  # enter_environment FOLDER PIP_ARGUMENTS...
  local folder=$1 python stamp
  shift
  python=$(find_python)
  stamp=$(cat requirements.lock setup.py scripts/*.sh | cksum)
  if [ "$(cat "$folder/installed" 2>/dev/null)" != "$stamp" ]; then
    echo "Installing into $folder (about 2 GB, a few minutes) ..."
    "$python" -m venv --clear "$folder"
    "$folder/bin/python" -m pip install -qq --disable-pip-version-check --upgrade pip
    "$folder/bin/python" -m pip install -qq --disable-pip-version-check "$@"
    "$folder/bin/python" -m pip install -qq --disable-pip-version-check --no-deps --editable .
    echo "$stamp" > "$folder/installed"
  fi
  export PATH="$PWD/$folder/bin:$PATH"
}
