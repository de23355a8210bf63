#!/usr/bin/env bash
# Make .venv with everything labkit needs; a second call does nothing. Usage: tools/setup.sh
# PYTHON chooses the interpreter (3.11 or newer); PIP_ARGS is passed to pip, e.g. a package index with smaller, CPU-only torch.
set -euo pipefail
cd "$(dirname "$0")/.."

fail() { echo "setup: $*" >&2; exit 1; }

find_python() {
  local candidate
  for candidate in "${PYTHON:-}" python3.13 python3.12 python3.11 python3; do
    if [ -n "$candidate" ] && command -v "$candidate" >/dev/null &&
      "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
      command -v "$candidate"; return
    fi
  done
  fail "Python 3.11 or newer is needed; on Debian or Ubuntu: apt-get install python3 python3-venv"
}

make_environment() {
  local python; python=$(find_python)
  echo "setup: making .venv with $("$python" --version)"
  if ! "$python" -m venv .venv 2>.venv.log; then
    rm -rf .venv
    # Debian ships venv apart from Python
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
      local version; version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
      echo "setup: installing python$version-venv"
      { apt-get update -qq && apt-get install -y -qq "python$version-venv"; } >>.venv.log 2>&1 || fail "$(tail -1 .venv.log)"
      "$python" -m venv .venv 2>.venv.log || { rm -rf .venv; fail "cannot make .venv: $(tail -1 .venv.log)"; }
    else
      fail "Python's venv module is missing; on Debian or Ubuntu: apt-get install python3-venv"
    fi
  fi
  rm -f .venv.log
}

stamp=$(cat pyproject.toml constraints.txt | sha256sum | cut -c1-16)
[ -f ".venv/.ready-$stamp" ] && exit 0
[ -x .venv/bin/python ] || make_environment
echo "setup: installing; $(sed -n 's/^# download: //p' constraints.txt) on the first run, then nothing"
# pip's bars are for terminals; in a log its lines are progress enough
# shellcheck disable=SC2086
.venv/bin/python -m pip install --disable-pip-version-check ${PIP_ARGS:-} -c constraints.txt -e '.[all]'
rm -f .venv/.ready-*
touch ".venv/.ready-$stamp"
echo "setup: done"
