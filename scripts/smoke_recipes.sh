#!/usr/bin/env bash
# Train, evaluate, report and export every recipe on the real data at reduced size; resumable. Usage:
#   scripts/smoke_recipes.sh DATA OUT [PATTERN]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
exec python scripts/smoke_recipes.py --data "${1:?folder of the collections}" --out "${2:?folder for the runs}" --pattern "${3:-*}"
