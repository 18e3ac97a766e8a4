"""The folder that TensorFlow Serving polls: a folder for each version, named by its number."""

from __future__ import annotations

import json
import os
from pathlib import Path

from tf_inversion import errors, paths

MODELS, BATCHING = "models.config", "batching.config"
_MODEL_CONFIG = """\
# For tensorflow_model_server --model_config_file: this model, where the Docker image looks for it.
model_config_list {{
  config {{
    name: {name}
    base_path: {path}
    model_platform: "tensorflow"
  }}
}}
"""
_BATCHING_CONFIG = """\
# For tensorflow_model_server --enable_batching --batching_parameters_file.
max_batch_size { value: 64 }
batch_timeout_micros { value: 2000 }
max_enqueued_batches { value: 100 }
"""


def new_version(folder: str | os.PathLike, version: int | None = None) -> Path:
    """Returns the path of a version that is not there yet.

    Args:
      folder: of all versions.
      version: its number; None: the one after the last.

    Raises:
      InvalidArgumentError: if the version is there, or the folder holds something else than versions.
    """
    folder = Path(folder)
    entries = sorted(folder.iterdir()) if folder.exists() else []
    entries = [path for path in entries if path.name not in (MODELS, BATCHING) and path.name[0] != "."]
    for path in entries:
        if not (path.name.isdecimal() and (path / "saved_model.pb").is_file()):
            raise errors.InvalidArgumentError(
                f"{folder}: holds {path.name}, which is no version of a served model; name another folder"
            )
    taken = {int(path.name) for path in entries}
    if version in taken:
        raise errors.InvalidArgumentError(
            f"{folder}: version {version} is there already; give another number"
        )
    return folder / str(max(taken, default=0) + 1 if version is None else version)


def write_server_files(folder: str | os.PathLike) -> None:
    """Writes what tells a server of the model and how to batch; files that are there stay as they are."""
    folder = Path(folder)
    name = folder.absolute().name
    models = _MODEL_CONFIG.format(name=json.dumps(name), path=json.dumps(f"/models/{name}"))
    for file, text in ((MODELS, models), (BATCHING, _BATCHING_CONFIG)):
        if not (folder / file).exists():
            with paths.writing(folder / file) as unfinished:
                unfinished.write_text(text, encoding="utf-8")
