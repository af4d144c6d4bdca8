#!/bin/sh
# Makes .venv and installs what is locked: `install.sh run` or `install.sh dev`. Does nothing when that is done already.
set -eu
cd "$(dirname "$0")/.."
what=$1
lock=requirements/$what.txt
mark=.venv/installed-$what
stamp=$(cat "$lock" pyproject.toml | sha256sum)
[ -f "$mark" ] && [ "$(cat "$mark")" = "$stamp" ] && exit 0

if [ ! -x .venv/bin/python ]; then
    python=
    for name in python3 python3.13 python3.12 python3.11; do
        if command -v "$name" >/dev/null 2>&1 && "$name" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2])'; then
            python=$name
            break
        fi
    done
    if [ -z "$python" ]; then
        echo "failed: Python 3.11 or newer is needed and was not found; install it (Debian, Ubuntu: python3 python3-venv)" >&2
        exit 1
    fi
    if ! "$python" -c 'import venv, ensurepip' >/dev/null 2>&1; then
        version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
        echo "failed: this Python has no venv; install the package python$version-venv (Debian, Ubuntu) and start again" >&2
        exit 1
    fi
    echo "  making .venv with $("$python" --version)"
    "$python" -m venv .venv
fi
echo "  installing what $lock names"
.venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r "$lock" || {
    echo "failed: the packages of $lock could not be installed; is the package index reachable?" >&2
    exit 1
}
if ! said=$(.venv/bin/python -m pip install --disable-pip-version-check --no-deps --no-build-isolation --editable . 2>&1); then
    echo "$said" | tail -n 20 >&2
    echo "failed: cryptwire itself could not be installed into .venv; remove .venv and start again" >&2
    exit 1
fi
echo "$stamp" >"$mark"
# what development needs includes what running needs
[ "$what" = run ] || cat requirements/run.txt pyproject.toml | sha256sum >.venv/installed-run
