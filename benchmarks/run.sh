#!/usr/bin/env bash
# Runs figures one after the other; nothing else should run. Needs a build with tests, the toolchains, and make demo's files.
# usage: benchmarks/run.sh [FIGURE…]; without one all of them
set -euo pipefail
cd "$(dirname "$0")/.."
build=${SPEEDSTER_BUILD:-$PWD/build/release}
work=$(dirname "$build")/benchmarks
venv=$work/venv
mkdir -p "$work"
if [ ! -x "$venv/bin/python" ] || ! cmp -s benchmarks/requirements.lock "$work/requirements.lock"; then
  python3 -m venv "$venv"
  "$venv/bin/pip" install --quiet --disable-pip-version-check --require-hashes --no-deps -r benchmarks/requirements.lock
  cp benchmarks/requirements.lock "$work/requirements.lock"
fi
export SPEEDSTER_BUILD=$build

overhead() {
  local library
  library=$(ls "${SPEEDSTER_DATA_DIR:-${XDG_DATA_HOME:-$HOME/.local/share}/speedster}"/toolchains/onnxruntime/venv/lib/python3*/site-packages/onnxruntime/capi/libonnxruntime.so.* | head -1)
  rm -rf "$work/mlp.speedster"
  "$build/tests/make_package" "$work/mlp.speedster" mlp main=onnxruntime
  "$venv/bin/python" -c 'import sys; sys.path.insert(0, "benchmarks"); from harness.command import processor; print(processor())'
  "$build/benchmarks/speedster-overhead" "$work/mlp.speedster" "$(find "$work/mlp.speedster" -name '*.onnx' | head -1)" "$library"
}

all="overhead load search_time models benchmark_app repeat rewrites quantizers spoilers regret null null_busy"
[ $# -gt 0 ] || set -- $all
for figure in "$@"; do
  echo "== $figure"
  case $figure in
    overhead) overhead ;;
    null_busy) "$venv/bin/python" benchmarks/figures/null.py --busy ;;
    *)
      [[ " $all " == *" $figure "* ]] || { echo "[bench] expected one of $all, got $figure" >&2; exit 2; }
      "$venv/bin/python" "benchmarks/figures/$figure.py" ;;
  esac
done
