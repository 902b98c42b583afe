#!/usr/bin/env bash
# Sets up what a command of the Makefile needs: `runtime` and `dev` a virtual environment, `browser` Chromium and strace.
set -euo pipefail

step=$1
python=$2

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; elif command -v sudo >/dev/null; then sudo -n "$@"; else return 1; fi
}

apt_install() {
    command -v apt-get >/dev/null || return 1
    as_root apt-get update -qq && as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "$@" >/dev/null
}

make_venv() {
    "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
        echo "Python 3.11 or newer is needed; this is $("$python" --version). Choose one: make PYTHON=python3.12 …" >&2
        exit 1
    }
    [ -x .venv/bin/python ] && return
    "$python" -c 'import ensurepip, venv' 2>/dev/null || apt_install python3-venv || {
        echo "Python's venv is missing. Install it: sudo apt-get install python3-venv" >&2
        exit 1
    }
    "$python" -m venv .venv
}

install() {
    make_venv
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r "$1"
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
}

find_browser() {
    command -v chromium || command -v chromium-browser || command -v google-chrome
}

# Standard output belongs to the command that needs this: `make demo ARGS="--once --json"` prints one line there.
exec 1>&2
[ -e .venv ] || echo "Setting up (once): a virtual environment with the locked requirements …"

case $step in
runtime)
    [ -e .venv/.dev ] || install requirements.txt
    ;;
dev)
    install requirements-dev.txt
    ;;
browser)
    make_venv
    find_browser >/dev/null || apt_install chromium fonts-noto-core || true
    command -v strace >/dev/null || apt_install strace || true
    find_browser >/dev/null || {
        echo "Chromium is missing. Install it for the browser tests: sudo apt-get install chromium" >&2
        exit 1
    }
    ;;
esac
touch ".venv/.$step"
