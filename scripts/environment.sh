# Sourced by demo.sh and test.sh: installs the locked packages into an environment beside this checkout, once, and
# enters it. PYTHON names the interpreter to use; otherwise one of 3.11 to 3.13 is looked for, and left to uv if
# there is none.
cd "$(dirname "${BASH_SOURCE[0]}")/.."

find_python() {
  local candidate
  for candidate in ${PYTHON:-python3 python3.13 python3.12 python3.11}; do
    if "$candidate" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null; then
      command -v "$candidate"
      return
    fi
  done
  if [ -z "${PYTHON:-}" ] && command -v uv >/dev/null; then
    echo 3.13
    return
  fi
  echo "tf_inversion needs Python 3.11 to 3.13: install one and name it by PYTHON=..., or install uv" >&2
  return 1
}

# enter_environment            TensorFlow 2.17 with tensorflow-io, or on Python 3.13 the newest TensorFlow
# enter_environment --latest   the newest TensorFlow
enter_environment() {
  local python folder=.venv lock=requirements.lock stamp
  python=$(find_python)
  if [ "${1:-}" = --latest ] || [ "$python" = 3.13 ] || "$python" -c 'import sys; sys.exit(sys.version_info < (3, 13))'; then
    folder=.venv-latest lock=requirements-latest.lock
  fi
  stamp=$(echo "$python" | cat - "$lock" setup.py "${BASH_SOURCE[0]}" | cksum)
  if [ "$(cat "$folder/installed" 2>/dev/null)" != "$stamp" ]; then
    echo "Installing into $folder (about 2 GB, a few minutes) ..."
    rm -rf "$folder"
    if command -v uv >/dev/null; then
      uv venv --quiet --python "$python" "$folder"
      uv pip install --quiet --python "$folder/bin/python" -r "$lock"
      uv pip install --quiet --python "$folder/bin/python" --no-deps --editable .
    else
      if ! "$python" -c 'import venv, ensurepip' 2>/dev/null; then
        echo "$python lacks the venv module: install the package python3-venv (Debian, Ubuntu), or uv" >&2
        return 1
      fi
      "$python" -m venv "$folder"
      "$folder/bin/python" -m pip install -qq --disable-pip-version-check --upgrade pip
      "$folder/bin/python" -m pip install -qq --disable-pip-version-check -r "$lock"
      "$folder/bin/python" -m pip install -qq --disable-pip-version-check --no-deps --editable .
    fi
    echo "$stamp" > "$folder/installed"
  fi
  export PATH="$PWD/$folder/bin:$PATH"
}
