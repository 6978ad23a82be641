#!/bin/sh
# Makes .venv with choirmaster in it. Use: scripts/setup.sh demo|test|spark
#
#   demo   the package with the extras serve, store, train, onnx
#   test   the same, the extra boost, and the development tools
#   spark  the same, and the extra spark (500 MB; a Java runtime is not installed here)
#
# The road is uv with the frozen lock file; when uv cannot be had, or the lock's addresses cannot be reached, it is
# python3 -m venv with plain pip, at the lock file's versions where the package index has them. Nothing here calls a
# package manager of the system unless it asked first. A second call with nothing changed returns at once.
#
#   PY=python3.12   another interpreter (3.11 or newer)
#   NO_UV=1         take the pip road
set -eu
cd "$(dirname "$0")/.."

group=${1:-}
case $group in
  demo) extras="serve store train onnx"; tools=demo; dev=--no-dev ;;
  test) extras="serve store train onnx boost"; tools=test; dev="--group dev" ;;
  spark) extras="serve store train onnx boost spark"; tools=test; dev="--group dev" ;;
  *) echo "use: scripts/setup.sh demo|test|spark" >&2; exit 2 ;;
esac
PY=${PY:-python3}
UV_SERIES=0.13
export UV_PYTHON_DOWNLOADS=never
# The machine's own certificates, where it has them: a company's proxy is known there and not to uv.
[ ! -r /etc/ssl/certs/ca-certificates.crt ] || export UV_SYSTEM_CERTS="${UV_SYSTEM_CERTS:-true}"
unset VIRTUAL_ENV PYTHONHOME PYTHONPATH 2>/dev/null || true

say() { printf 'set-up: %s\n' "$*"; }
fail() { printf 'set-up: %s\n' "$*" >&2; exit 3; }

# What the environment was made from: the two files, the place (a moved folder has broken scripts), the interpreter.
fingerprint() {
  { cat uv.lock pyproject.toml scripts/setup.sh; pwd; "$PY" -c 'import sys; print(sys.version)'; } | cksum
}

stamp_holds() { # is $1 (demo, test or spark) installed as of now?
  [ -x .venv/bin/python ] && [ -f ".venv/.ok-$1" ] && [ "$(cat ".venv/.ok-$1")" = "$now" ]
}

check_python() {
  command -v "$PY" >/dev/null 2>&1 || fail "no $PY found; Python 3.11 or newer is needed (on Debian: apt-get install python3 python3-venv)"
  "$PY" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
    fail "Python 3.11 or newer is needed, $PY is $("$PY" -c 'import platform; print(platform.python_version())'); choose one with PY=python3.12"
}

# Debian ships python3 without ensurepip. Say what is missing; as root on a terminal, offer to install it.
need_venv() {
  "$PY" -c 'import ensurepip, venv' >/dev/null 2>&1 && return 0
  line="apt-get install -y python3-venv"
  if [ "$(id -u)" = 0 ] && [ -t 0 ] && [ -t 1 ] && command -v apt-get >/dev/null 2>&1; then
    printf 'set-up: %s has no venv module. Run "%s" now? [y/N] ' "$PY" "$line"
    read -r answer
    case $answer in
      [yY]*) $line && "$PY" -c 'import ensurepip, venv' && return 0 ;;
    esac
  fi
  fail "$PY has no venv module; install it with: $line"
}

# The uv on PATH when it is of the series the lock was written with, else one of our own in .tools.
find_uv() {
  uv=
  [ -z "${NO_UV:-}" ] || return 1
  for candidate in .tools/bin/uv "$(command -v uv 2>/dev/null || true)"; do
    [ -n "$candidate" ] && [ -x "$candidate" ] || continue
    case $("$candidate" --version 2>/dev/null) in
      "uv $UV_SERIES."*) uv=$candidate; return 0 ;;
    esac
  done
  need_venv
  say "fetching uv $UV_SERIES into .tools"
  "$PY" -m venv .tools && .tools/bin/python -m pip install -q --disable-pip-version-check "uv==$UV_SERIES.*" || return 1
  .tools/bin/uv --version >/dev/null 2>&1 || return 1
  uv=.tools/bin/uv
}

by_uv() {
  flags=
  for extra in $extras; do flags="$flags --extra $extra"; done
  say "installing the locked packages with uv"
  # --inexact: what the other target installed stays.
  # shellcheck disable=SC2086
  "$uv" sync --frozen --inexact --python "$PY" $dev $flags
}

by_pip() {
  need_venv
  if ! .venv/bin/python -m pip --version >/dev/null 2>&1; then "$PY" -m venv .venv || return 1; fi
  # shellcheck disable=SC2086
  .venv/bin/python scripts/lock_for_pip.py $extras --group "$tools" \
    --requirements .venv/requirements.txt --constraints .venv/constraints.txt || return 1
  say "installing the locked versions with pip (some 90 packages, a minute or two)"
  pip_install -r .venv/requirements.txt -c .venv/constraints.txt -e . && return 0
  say "some locked versions are not on this index; installing the newest that fit instead"
  pip_install -r .venv/requirements.txt -e .
}

pip_install() {
  .venv/bin/python -m pip install --disable-pip-version-check --no-compile --progress-bar off -q "$@"
}

check_python
now=$(fingerprint)
case $group in # what holds the wanted packages: its own stamp, or that of a larger set
  demo) enough="demo test spark" ;;
  test) enough="test spark" ;;
  *) enough=$group ;;
esac
for one in $enough; do ! stamp_holds "$one" || exit 0; done

started=$(date +%s)
size=300
[ "$group" != spark ] || size=800
say "making .venv for '$group' (downloads about $size MB the first time)"
if ! { find_uv && by_uv; }; then
  [ -n "${NO_UV:-}" ] || say "uv could not do it here; going on with plain pip"
  by_pip || fail "pip could not install the packages; its message is above"
fi
[ -x .venv/bin/choirmaster ] || fail ".venv/bin/choirmaster is missing after installing; please report this"
printf '%s\n' "$now" >".venv/.ok-$group"
say "done in $(($(date +%s) - started)) s, downloads included (times quoted for the demo leave this out)"
