#!/usr/bin/env bash
# What each part of reader-lite0's training brings: the recipe without it, on the same sources left out. Usage:
#   scripts/ablations.sh DATA OUT [SEED ...]    seeds 0 and 1 by default; the same command goes on where it stopped
# Then: python scripts/ablations_table.py OUT
set -uo pipefail
if (($# < 2)); then
  echo "usage: scripts/ablations.sh DATA OUT [SEED ...]" >&2
  exit 2
fi
data=$1 out=$2
shift 2
(($#)) || set -- 0 1
left="ms+more:OpenNeuro ds002748*+more:M4Raw*+more:MS*+more:Brain-Tumor-Progression*+brats:*/BraTS2021_0147*"
short=(--set epochs=8 --set 'stages=[{from_epoch: 0, size: 96}, {from_epoch: 4, size: 128}]' --set 'preprocessing.size=[128, 128]')
status=0

# run NAME SEED LEFT [--set ...]: a training is found again by its folder.
run() {
  local name=$1 seed=$2 without=$3
  shift 3
  echo "== $name, seed $seed"
  tumorlens evaluate reader-lite0 --data "$data" --cache "$out/cache" "${short[@]}" --set "seed=$seed" "$@" \
    --leave-out "held=$without" --out "$out/$name-$seed" || status=$?
  if ((status == 130)); then exit 130; fi
}

for seed in "$@"; do
  run whole "$seed" "$left"
  run no-implants "$seed" "$left" --set synthesis.implant.probability=0
  run no-contrast-curves "$seed" "$left" --set synthesis.contrast.probability=0
  run no-imagenet "$seed" "$left" --set model.pretrained=none
  run no-brats "$seed" "$left+brats+more:BraTS*"
  run resnet10t-from-scratch "$seed" "$left" --set model.pretrained=none --set model.parameters.encoder=resnet10t
done
exit "$status"
