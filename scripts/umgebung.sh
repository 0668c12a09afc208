# Sourced by the commands in this folder: makes .venv from the lock file, once, and puts it first on the path.
# Usage: source scripts/umgebung.sh betrieb|test

set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
sperre="requirements/$1.txt"
marke=".venv/.eingerichtet-$1"

if ! cmp -s "$sperre" "$marke"; then
    python=
    for kandidat in python3.13 python3.12 python3.11 python3; do
        if "$kandidat" -c 'import sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then python=$kandidat; break; fi
    done
    [ -n "$python" ] || { echo "Python 3.11 or newer with venv is needed, for example: apt-get install python3-venv" >&2; exit 1; }
    echo "Setting up .venv from $sperre (once; this downloads packages) ..."
    [ -x .venv/bin/python ] || "$python" -m venv .venv
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement "$sperre"
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
    cp "$sperre" "$marke"
fi
export PATH="$PWD/.venv/bin:$PATH"
