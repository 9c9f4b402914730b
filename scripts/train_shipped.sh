#!/usr/bin/env bash
# Makes every weight that ships again, from the data folder. Interrupt it whenever you like: the same command goes on where
# it stopped. All choices, seeds among them, stand in the recipes. Usage:
#   scripts/train_shipped.sh DATA OUT             train what is not done yet, into OUT/NAME/export
#   scripts/train_shipped.sh DATA OUT --install   and copy the exports over those in the source tree
#   scripts/train_shipped.sh --dry-run DATA [OUT] print every step with its recipe, and do nothing
set -uo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
recipes=(gate-small reader-lite0 classifier-small segmenter-small)

usage() {
  echo "usage: scripts/train_shipped.sh [--dry-run] [--install] DATA OUT" >&2
  exit 2
}

dry_run='' install='' places=()
for argument in "$@"; do
  case $argument in
    --dry-run) dry_run=yes ;;
    --install) install=yes ;;
    -*)
      echo "There is no option $argument." >&2
      usage
      ;;
    *) places+=("$argument") ;;
  esac
done
if ((${#places[@]} > 2)) || ((${#places[@]} == 0)) || [[ -z $dry_run && ${#places[@]} -lt 2 ]]; then usage; fi
data=${places[0]}
out=${places[1]:-OUT}
if [[ ! -d $data ]]; then
  echo "There is no folder $data: pass the folder that holds the collections." >&2
  exit 2
fi
export TUMORLENS_CACHE=${TUMORLENS_CACHE:-$out/cache}
failed=()

say() {
  printf '  $'
  printf ' %q' "$@"
  printf '\n'
}

# step NAME COMMAND...: run a command once; a file marks that it is done.
step() {
  local name=$1 status=0
  shift
  say "$@"
  [[ -n $dry_run ]] && return
  if [[ -f $out/$name.done ]]; then
    echo "  done before"
    return
  fi
  "$@" || status=$?
  if ((status == 130)); then exit 130; fi
  if ((status)); then failed+=("$name"); else touch "$out/$name.done"; fi
}

train() {
  local recipe=$1 resume=()
  shift
  [[ -f $out/$recipe/checkpoints/last.ckpt ]] && resume=(--resume)
  step "$recipe" tumorlens train "$recipe" --data "$data" --out "$out/$recipe" "$@" "${resume[@]}"
}

[[ -z $dry_run ]] && mkdir -p "$out"
number=0
for recipe in "${recipes[@]}"; do
  file=src/tumorlens/recipes/$recipe.yaml
  number=$((number + 1))
  echo "== $number. $recipe: $(sed -n 's/^title: *//p' "$root/$file" | tr -d '"') ($file, seed $(sed -n 's/^seed: *//p' "$root/$file"))"
  if [[ $recipe == gate-small ]]; then
    step gate-pictures python "$root/scripts/gate_sources.py" "$out/gate-pictures"
    train "$recipe" --set "pictures=$out/gate-pictures"
  else
    train "$recipe"
  fi
  if [[ $recipe == reader-lite0 ]]; then
    step "$recipe-lgg" tumorlens evaluate "$out/$recipe" --data "$data" --collection lgg --out "$out/$recipe-lgg"
    step "$recipe-shipped" python "$root/scripts/ship_reader.py" "$out/$recipe" --external \
      "$out/$recipe-lgg/predictions.csv" --weights "$out/shipped"
    step "$recipe-volumes" python "$root/scripts/fit_volume_interval.py" "$data" --model "$out/shipped/$recipe" \
      --into "$out/shipped/$recipe"
    if [[ -n $install ]]; then
      say cp -r "$out/shipped/$recipe/." "$root/src/tumorlens/weights/$recipe/"
      if [[ -z $dry_run && -f $out/$recipe-shipped.done ]]; then
        mkdir -p "$root/src/tumorlens/weights/$recipe"
        cp -r "$out/shipped/$recipe/." "$root/src/tumorlens/weights/$recipe/"
      fi
    fi
  elif [[ -n $install ]]; then
    target=$root/src/tumorlens/weights/$recipe
    say cp "$out/$recipe/export/"{model.onnx,manifest.json,card.md} "$target/"
    if [[ -z $dry_run && -f $out/$recipe.done ]]; then
      mkdir -p "$target"
      cp "$out/$recipe/export/"{model.onnx,manifest.json,card.md} "$target/"
    fi
  fi
done

if ((${#failed[@]})); then
  echo "failed, and tried again by the same command: ${failed[*]}" >&2
  exit 1
fi
[[ -n $dry_run ]] || echo "All done: each OUT/NAME/export holds model.onnx, manifest.json and card.md."
