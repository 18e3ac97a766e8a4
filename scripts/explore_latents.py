"""Opens a page on this machine to invert clips, hear and see them converge, and move their latents.

  explore_latents                                    # the pretrained models; open the address that it prints
  explore_latents --port=8000 --peak=0
  explore_latents --generator=wavegan_sc09/ --inverter=inverter.keras --probe=latent_probe.npz

Needs Gradio: pip install 'tf-inversion[demo]'. The page listens on this machine only, unless --host says
otherwise, and sends nothing anywhere. What you give it lies in a temporary folder, removed at the end.
"""

from __future__ import annotations

import os
import socket
import tempfile
import threading

from absl import flags

from tf_inversion import errors
from tf_inversion.applications.settings import ExplorerSettings
from tf_inversion.models import ModelBundle, ModelSettings
from tf_inversion.scripts import command, common_flags, settings_flags

FLAGS = flags.FlagValues()

settings_flags.define(ModelSettings, FLAGS)
settings_flags.define(ExplorerSettings, FLAGS)
common_flags.define(FLAGS, "peak")


def main(arguments: list[str]) -> None:
    command.refuse_arguments(arguments)
    with tempfile.TemporaryDirectory(prefix="explore_latents-") as folder:
        # Gradio reads the first two when it is imported.
        os.environ.update(
            GRADIO_TEMP_DIR=folder, GRADIO_ANALYTICS_ENABLED="False", HF_HUB_DISABLE_TELEMETRY="1"
        )
        try:
            from tf_inversion.applications import explorer_page
        except ModuleNotFoundError as error:
            raise errors.TFInversionError(
                f"{error.name}: not installed; pip install 'tf-inversion[demo]'"
            ) from error
        _serve(explorer_page)


def _serve(explorer_page) -> None:
    """Serves the page until Ctrl-C."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((FLAGS.host, FLAGS.port))
        except OSError as error:
            raise errors.InvalidArgumentError(
                f"--host={FLAGS.host} --port={FLAGS.port}: can't listen there ({error.strerror})"
            ) from error
    from tf_inversion import paths
    from tf_inversion.audio.folders import audio_files

    models = ModelBundle.load(
        settings_flags.read(ModelSettings, FLAGS), needs=("inverter", "classifier", "judge"), wants=()
    )
    digits = _digits(models.generator.latent_dim)
    examples = audio_files([str(paths.bundled("speech"))])
    options = {"peak": common_flags.peak(FLAGS, models), "host": FLAGS.host, "port": FLAGS.port}
    with explorer_page.serving(models, digits, examples, **options) as address:
        print(f"{address}  (Ctrl-C ends it)", flush=True)
        threading.Event().wait()


def _digits(latent_dim: int):
    """Returns the probe of digits; None for a generator of one's own without --probe."""
    from tf_inversion.applications.probe import load_probes

    if FLAGS.generator and not FLAGS.probe:
        return None
    probe = load_probes(FLAGS.probe).get("digit")
    if probe is None or probe.coef.shape[1] != latent_dim:
        raise errors.InvalidArgumentError(
            f"--probe={FLAGS.probe}: no probe of digits for {latent_dim} latents"
        )
    return probe


run = command.runner(main, __doc__, FLAGS)
