#!/usr/bin/env bash
# All experiments at full size, the most telling first; made for a machine with a GPU. Interrupt it whenever you like: the
# same command goes on where it stopped. Usage:
#   scripts/train_all.sh DATA OUT [options of 'tumorlens study', such as --protocol published]
set -uo pipefail
data=${1:?folder of the collections}
out=${2:?folder for the studies}
shift 2
mkdir -p "$out"
failed=()

step() {
  local name=$1 status=0
  shift
  if [[ -f $out/$name.done ]]; then
    echo "== $name: done before"
    return
  fi
  echo "== $name"
  "$@" || status=$?
  if ((status == 130)); then exit 130; fi
  if ((status)); then failed+=("$name"); else touch "$out/$name.done"; fi
}

# B's studies share a folder, so that the last of them ranks all of B without training anything again.
study() {
  local folder=$1
  [[ $1 == b-* ]] && folder=b
  step "$1" tumorlens study "$1" --data "$data" --out "$out/$folder" "${@:2}"
}

for name in a-baselines d-transfer d-segmenters e-degraded b-transfer b-ann-grid b-cnn-grid b-all c-batch-size \
  c-augmentation c-loss c-segmentation; do
  study "$name" "$@"
done

for protocol in published corrected; do
  members=()
  for network in xception inceptionv3 resnet50 vgg19; do members+=("$out/d-transfer/d-$network.$protocol"); done
  if [[ -d ${members[0]} ]]; then
    fit=out-of-fold
    [[ $protocol == published ]] && fit=test
    step "d-stack-$protocol" tumorlens stack "${members[@]}" --data "$data" --out "$out/d-stack.$protocol" --fit "$fit"
  fi
  voters=("$out"/b/b-*."$protocol")
  if ((${#voters[@]} > 2)); then
    step "b-vote-$protocol" tumorlens vote "${voters[@]}" --best 3 --data "$data" --out "$out/b-vote.$protocol"
  fi
done

for recipe in classifier-small segmenter-small; do
  resume=()
  [[ -f $out/$recipe/checkpoints/last.ckpt ]] && resume=(--resume)
  step "$recipe" tumorlens train "$recipe" --data "$data" --out "$out/$recipe" "${resume[@]}"
done

if ((${#failed[@]})); then
  echo "failed, and tried again by the same command: ${failed[*]}" >&2
  exit 1
fi
echo "All done: study.html in each folder of $out."
