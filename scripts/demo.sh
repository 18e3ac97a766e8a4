#!/usr/bin/env bash
# Sets everything up and shows the main job on the pretrained models:
# from clips to latent vectors and back to sound, and the paper's two tables.
#   bash scripts/demo.sh                  FSDD's test clips, or the ten bundled ones if offline
#   bash scripts/demo.sh clips/ a.wav     your own clips (brought to the models' level)
#   bash scripts/demo.sh --latest ...     with the newest TensorFlow
set -euo pipefail
stack= given=()
if [ "${1:-}" = --latest ]; then stack=$1; shift; fi
for path in "$@"; do given+=("$(realpath -- "$path")"); done
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"
enter_environment "$stack"

if [ ${#given[@]} -gt 0 ]; then
  clips=("${given[@]}") data=()
elif [ -d data/fsdd ] || timeout 60 prepare_dataset --dataset=fsdd --output_dir=data/fsdd; then
  clips=(data/fsdd/recordings/*_[0-4].wav) data=(--data_dir=data/fsdd --split=test)
else
  echo "No connection: using the ten clips that come with the project."
  clips=(saved_models/speech/*.wav) data=()
fi

status=0
echo "== Inverting ${#clips[@]} clip(s) or folder(s)"
invert_audio --peak=0.9 --output_dir=out/demo/inversion "${clips[@]}" || status=$?
echo "== Evaluating on a small sample"
evaluate_inversion --flagfile=flags/digits.flags --methods=encoder --num_clips=30 --seeds=1 \
  --output_dir=out/demo/evaluation ${data[@]+"${data[@]}"}
echo "== Where things are"
echo "latents          out/demo/inversion/latents.npz"
echo "reconstructions  out/demo/inversion/reconstructions/"
echo "figures          out/demo/inversion/metrics.csv"
echo "to hear and see  out/demo/inversion/report.html, out/demo/evaluation/report.html"
echo "tables           out/demo/evaluation/results.md"
echo "Listen on, or train your own: see README.md"
exit "$status"
