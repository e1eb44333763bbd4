#!/usr/bin/env bash
# clang-format and clang-tidy on the C and C++ files that differ from a commit. usage: lint.sh [BASE] [--fix]; BASE is the
# upstream branch by default. Needs clang-format-19, clang-tidy-19 and build/release (its compile_commands.json).
set -euo pipefail
cd "$(dirname "$0")/.."
base=@{upstream} fix=
for argument in "$@"; do
  if [ "$argument" = --fix ]; then fix=1; else base=$argument; fi
done
mapfile -t changed < <({ git diff --name-only --diff-filter=d "$base"; git ls-files --others --exclude-standard; } | grep -E '\.(c|cpp|h)$' | sort -u)
[ ${#changed[@]} -gt 0 ] || { echo "[lint] nothing changed"; exit 0; }
if [ -n "$fix" ]; then clang-format-19 -i "${changed[@]}"; else clang-format-19 --dry-run -Werror "${changed[@]}"; fi
mapfile -t units < <(printf '%s\n' "${changed[@]}" | grep -E '\.cpp$' || true)
[ ${#units[@]} -eq 0 ] || clang-tidy-19 -p build/release --quiet --extra-arg=-Wno-unknown-warning-option --warnings-as-errors='bugprone-*,performance-*' "${units[@]}"
