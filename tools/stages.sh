#!/usr/bin/env bash
# Run make targets one after another, whatever fails, and sum up; exit 1 when any failed. Usage: tools/stages.sh TARGET...
set -uo pipefail
cd "$(dirname "$0")/.."
trap 'exit 130' INT TERM

status=0
table=""
for stage in "$@"; do
  echo "== $stage"
  began=$SECONDS
  # --keep-going: every check of a stage runs too
  if "${MAKE:-make}" --no-print-directory --keep-going "$stage"; then result="passed"; else result="FAILED"; status=1; fi
  table+=$(printf '%-16s %-8s %6d s' "$stage" "$result" $((SECONDS - began)))$'\n'
done
printf '\n%-16s %-8s %8s\n%s' stage result time "$table"
exit $status
