#!/usr/bin/env bash
# The demo, in less time: a real model, rendered words, the metric and the program of the examples.
source "$(dirname "$0")/common.sh"
output=$("$SOURCE/examples/text_recognition/demo.sh" "$BUILD" "$BUILD/tests/demo" --time-budget 40s 2>"$WORK/progress") ||
  fail "a demo that ends well" "$output $(tail -5 "$WORK/progress")"
right=$(sed -n 's/^\([0-9]*\) of 12 words right$/\1/p' <<<"$output")
[ "${right:-0}" -ge 11 ] || fail "at least 11 of 12 words read" "$output"
expect_text "$output" "improvement"
