# Sourced by the tests of this folder: BUILD and SOURCE are set by ctest, WORK is a fresh folder.
set -euo pipefail
BUILD=$1 SOURCE=$2
WORK=$(mktemp -d "${TMPDIR:-/tmp}/speedster-install.XXXXXX")
trap 'rm -rf "$WORK"' EXIT
# Nothing of the user's folders is written; the toolchains are found where they are installed.
DATA=${SPEEDSTER_DATA_DIR:-${XDG_DATA_HOME:-$HOME/.local/share}/speedster}
export SPEEDSTER_DATA_DIR=$DATA SPEEDSTER_CACHE_DIR=$WORK/cache SPEEDSTER_STATE_DIR=$WORK/state
MAKE_PACKAGE=$BUILD/tests/make_package

fail() { echo "FAILED: expected $1, got ${2:-something else}" >&2; exit 1; }
expect_text() { grep -qF -- "$2" <<<"$1" || fail "\"$2\"" "$1"; }
# The vendor's library of a toolchain; a missing vendor is a failure.
vendor_library() {
  local found
  found=$(ls "$DATA"/toolchains/"$1"/venv/lib/python3*/site-packages/$2 2>/dev/null | head -1)
  [ -n "$found" ] || fail "the toolchain $1 (speedster toolchain install $1)" "none below $DATA"
  echo "$found"
}
