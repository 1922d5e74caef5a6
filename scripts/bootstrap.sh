#!/usr/bin/env bash
# Make the development environment: a virtual environment with uv, then everything from the hashed lock file.
# Usage: scripts/bootstrap.sh [FOLDER]    Needs a Python 3.10-3.13 with venv on PATH, and a package index.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
venv=${1:-.venv}

say() { printf 'setup: %s\n' "$*" >&2; }

find_python() {
  local candidate
  for candidate in "${PYTHON:-python3}" python3.12 python3.11 python3.13 python3.10; do
    if "$candidate" -c 'import sys; raise SystemExit(not (3, 10) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null; then
      command -v "$candidate"
      return
    fi
  done
  say "no Python from 3.10 to 3.13 was found on PATH (python3 is $(python3 --version 2>&1 || true))."
  say "Install one, or name it: PYTHON=/path/to/python3.12 make"
  return 1
}

python=$(find_python)
if ! "$venv/bin/python" -c '' 2>/dev/null; then
  say "making $venv with $("$python" --version)"
  rm -rf "$venv"
  if ! "$python" -m venv "$venv"; then
    say "$python has no working venv module. On Debian and Ubuntu: apt-get install python3-venv"
    rm -rf "$venv"
    exit 1
  fi
fi
if ! "$venv/bin/uv" --version 2>/dev/null | grep -qF "$(sed -n 's/^uv==\([^ ]*\).*/\1/p' infrastructure/locks/uv.txt)"; then
  say "installing uv"
  "$venv/bin/python" -m pip --quiet --disable-pip-version-check install --require-hashes -r infrastructure/locks/uv.txt
fi
say "installing the development tools from infrastructure/locks/dev.txt"
"$venv/bin/uv" pip sync --quiet --python "$venv/bin/python" --require-hashes infrastructure/locks/dev.txt
# setuptools is in the lock file, so nothing unpinned is fetched to build the editable install.
# Its lock file goes into the environment too: uv would leave it in /tmp.
mkdir -p "$venv/tmp"
TMPDIR="$PWD/$venv/tmp" "$venv/bin/uv" pip install --quiet --python "$venv/bin/python" --no-deps --no-build-isolation --editable .
rm -rf "$venv/tmp"
touch "$venv/.ready"
say "ready"
