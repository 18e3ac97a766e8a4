"""Draws images/quality.png: what each method's seconds buy, of results.json.

python docs/quality_figure.py
"""

import json
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

FOLDER = Path(__file__).parent
PANELS = {
    "real": ("accuracy", "class kept, share of recordings", "recordings"),
    "synthesized": ("latent_mae", "mean |z - z'|", "synthesized clips"),
}
MARKERS = "osD^v<>P"


def main() -> None:
    runs = json.loads((FOLDER / "results.json").read_text(encoding="utf-8"))["runs"]
    methods = [name for name, row in runs[0]["real"].items() if row.get("seconds_per_clip")]
    figure, row = plt.subplots(1, 2, figsize=(9, 3.2), layout="constrained")
    for axes, (clips, (key, label, title)) in zip(row, PANELS.items()):
        for name in methods:
            seconds, value = (
                np.mean([run[clips][name][k] for run in runs]) for k in ("seconds_per_clip", key)
            )
            axes.plot(seconds, value, MARKERS[methods.index(name)], label=name)
        axes.set(xscale="log", xlabel="seconds a clip, two CPU cores", ylabel=label, title=title)
        axes.grid(alpha=0.3)
    row[0].set_ylim(0, 1.05)
    row[1].set_yscale("log")
    figure.legend(*row[0].get_legend_handles_labels(), loc="outside right center")
    path = FOLDER / "images" / "quality.png"
    figure.savefig(path, dpi=110)
    print(f"{path}: {path.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
