#!/usr/bin/env bash
# The experiments that two processor cores can train at full size: B's dense grid, its best convolutional network, A's smaller
# baseline, and E's network, which takes longest. Interrupt it whenever you like: the same command goes on. Usage:
#   scripts/train_small.sh DATA OUT
set -uo pipefail
data=${1:?folder of the collections}
out=${2:?folder for the runs}
mkdir -p "$out"
export TUMORLENS_CACHE=${TUMORLENS_CACHE:-$out/.cache}
failed=()

run() {
  local recipe=$1 resume=()
  shift
  if [[ -f $out/$recipe/report.html ]]; then
    echo "== $recipe: done before"
    return
  fi
  [[ -f $out/$recipe/checkpoints/last.ckpt ]] && resume=(--resume)
  echo "== $recipe"
  tumorlens train "$recipe" --data "$data" --out "$out/$recipe" "$@" "${resume[@]}"
  local status=$?
  if ((status == 130)); then exit 130; fi
  if ((status)); then failed+=("$recipe"); fi
}

# Wide convolutions are a quarter faster in single precision than in bf16 on a processor without AMX.
single=()
grep -qs amx_bf16 /proc/cpuinfo || single=(--set precision=32)

for protocol in published corrected; do
  for nodes in 128 64 32; do
    for dense in 0 1 2; do run "b-ann-${nodes}n-${dense}d-plain.$protocol"; done
  done
done
run a-cnn2.published
run b-cnn-3c-128n-1d-plain.published "${single[@]}"
run a-cnn2.corrected
run b-cnn-3c-128n-1d-plain.corrected "${single[@]}"
for nodes in 128 64 32; do
  for dense in 0 1 2; do run "b-ann-${nodes}n-${dense}d-augmented.published"; done
done
run e-cnn-4class-original.published "${single[@]}"
run e-cnn-4class-original.corrected "${single[@]}"

if ((${#failed[@]})); then
  echo "failed, and tried again by the same command: ${failed[*]}" >&2
  exit 1
fi
