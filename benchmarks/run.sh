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

# Olive brings PyTorch and much else: an environment of its own, made when it is first asked for.
trained() {
  if [ ! -x "$work/olive/bin/olive" ]; then
    python3 -m venv "$work/olive"
    "$work/olive/bin/pip" install --quiet --disable-pip-version-check torch==2.13.0
    "$work/olive/bin/pip" install --quiet --disable-pip-version-check torch==2.13.0 olive-ai==0.13.0 onnxruntime==1.31.1 requests
  fi
  "$venv/bin/python" benchmarks/figures/trained.py
}

all="trained overhead load search_time models benchmark_app repeat rewrites quantizers spoilers tight regret null null_busy"
[ $# -gt 0 ] || set -- $all
for figure in "$@"; do
  echo "== $figure"
  case $figure in
    overhead) overhead ;;
    trained) trained ;;
    null_busy) "$venv/bin/python" benchmarks/figures/null.py --busy ;;
    *)
      [[ " $all " == *" $figure "* ]] || { echo "[bench] expected one of $all, got $figure" >&2; exit 2; }
      "$venv/bin/python" "benchmarks/figures/$figure.py" ;;
  esac
done
