"""Opens a page on this machine to invert clips, hear and see them converge, and move their latents.

  explore_latents                                    # the embedded models; open the address that it prints
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
from tf_inversion.scripts import command, common_flags

FLAGS = flags.FLAGS

common_flags.define(
    "generator", "original_graph", "latent_tensor", "audio_tensor", "inverter", "classifier", "judge", "peak"
)
flags.DEFINE_integer("port", 7860, "Port to listen at.", 1, 65535)
flags.DEFINE_string("host", "127.0.0.1", "Address to listen at; another one lets others in.")
flags.DEFINE_string(
    "probe",
    None,
    "Probes of train_latent_probe, for the sliders of words. Default: the embedded generator's.",
)


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
    from tf_inversion.models import ModelBundle

    generator = common_flags.load_generator()
    inverter = common_flags.load_inverter(generator)
    models = ModelBundle(
        generator, inverter, common_flags.load_classifier(generator), common_flags.load_judge(generator)
    )
    digits = _digits(generator.latent_dim)
    examples = audio_files([str(paths.embedded("speech"))])
    peak = inverter.peak if FLAGS.peak is None else FLAGS.peak
    options = {"peak": peak, "host": FLAGS.host, "port": FLAGS.port}
    with explorer_page.serving(models, digits, examples, **options) as address:
        print(f"{address}  (Ctrl-C ends it)", flush=True)
        threading.Event().wait()


def _digits(latent_dim: int):
    """Returns the probe of words; None for a generator of one's own without --probe."""
    from tf_inversion.applications.probe import load_probes

    if FLAGS.generator and not FLAGS.probe:
        return None
    probe = load_probes(FLAGS.probe).get("digit")
    if probe is None or probe.coef.shape[1] != latent_dim:
        raise errors.InvalidArgumentError(
            f"--probe={FLAGS.probe}: no probe of digits for {latent_dim} latents"
        )
    return probe


run = command.runner(main, __doc__)
