"""What a served inverter answers to: functions of named tensors, of plain TensorFlow operations.

Every input and output has the batch as its first axis, as a server that batches
requests wants it. What can't be answered fails with a message that names the
input and the item.
"""

from __future__ import annotations

import tensorflow as tf

from tf_inversion import losses
from tf_inversion.audio import mel
from tf_inversion.export import wav
from tf_inversion.inversion.solvers.lbfgs import LBFGS
from tf_inversion.models import ModelBundle

#: What `refine` minimises: that of the hybrid for real clips, see `losses.PRESETS`.
OBJECTIVE = "real"


def build(models: ModelBundle) -> dict[str, tf.types.experimental.PolymorphicFunction]:
    """Returns a tf.function for each signature.

    invert, reconstruct, invert_wav, generate, classify and refine, and serving_default, which is invert.
    Each takes tensors by name and returns a dict of them:

        audio, latents: float32 [batch, num_samples] and [batch, latent_dim].
        audio_bytes: string [batch], whole WAV files, see `wav.decode`.
        iterations: int32 [batch], at most so many steps of L-BFGS for each clip.
        log_mel_l1, rms_ratio: float32 [batch], see `evaluation.metrics`; NaN is the ratio to silence.
        logits, probabilities: float32 [batch, classes].

    Args:
      models: generator, inverter and classifier.
    """
    generator, inverter, classifier = models.require("generator", "inverter", "classifier")
    num_samples, rate = generator.num_samples, generator.sample_rate
    audio_spec = tf.TensorSpec([None, num_samples], tf.float32, "audio")
    latents_spec = tf.TensorSpec([None, generator.latent_dim], tf.float32, "latents")
    objective = losses.Objective(OBJECTIVE, generator, classifier)

    @tf.function(input_signature=[audio_spec])
    def invert(audio):
        return {"latents": inverter.encode(_checked(audio, audio_spec))}

    @tf.function(input_signature=[audio_spec])
    def reconstruct(audio):
        return reconstructions(_checked(audio, audio_spec))

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "audio_bytes")])
    def invert_wav(audio_bytes):
        some = tf.debugging.Assert(tf.size(audio_bytes) > 0, ["audio_bytes: the batch is empty"])
        with tf.control_dependencies([some]):
            return reconstructions(wav.decode(audio_bytes, num_samples, rate, "audio_bytes"))

    @tf.function(input_signature=[latents_spec])
    def generate(latents):
        return {"audio": generator(_checked(latents, latents_spec))}

    @tf.function(input_signature=[audio_spec])
    def classify(audio):
        logits = classifier(_checked(audio, audio_spec), training=False)
        return {"logits": logits, "probabilities": tf.nn.softmax(logits)}

    @tf.function(input_signature=[audio_spec, tf.TensorSpec([None], tf.int32, "iterations")])
    def refine(audio, iterations):
        audio = _checked(audio, audio_spec)
        usable = (tf.size(iterations) == tf.shape(audio)[0]) & tf.reduce_all(iterations > 0)
        message = "iterations: give a number above 0 for each clip, not"
        with tf.control_dependencies([tf.debugging.Assert(usable, [message, iterations])]):
            latents = LBFGS(objective).solve(audio, inverter.encode(audio), tf.identity(iterations))
        return {"latents": latents, "audio": generator(latents)}

    def reconstructions(audio):
        latents = inverter.encode(audio)
        made = generator(latents)
        power, made_power = (tf.reduce_mean(tf.cast(x, tf.float64) ** 2, 1) for x in (audio, made))
        return {
            "latents": latents,
            "audio": made,
            "log_mel_l1": mel.log_mel_l1(audio, made, rate),
            "rms_ratio": tf.cast(tf.sqrt(tf.where(power > 0, made_power / power, float("nan"))), tf.float32),
        }

    return {
        "serving_default": invert,
        "invert": invert,
        "reconstruct": reconstruct,
        "invert_wav": invert_wav,
        "generate": generate,
        "classify": classify,
        "refine": refine,
    }


def _checked(values: tf.Tensor, spec: tf.TensorSpec) -> tf.Tensor:
    """Returns values that fail, when run, if they are not as the signature says, empty or not finite."""
    # A server feeds what it is sent. Were the shape that the signature declares not hidden, TensorFlow would
    # take it for granted and optimise the check of it away.
    fed = tf.raw_ops.PlaceholderWithDefault(input=values, shape=tf.TensorShape(None), name=spec.name)
    values = tf.ensure_shape(fed, spec.shape)  # its message names what it is given, hence the name above
    bad = tf.concat([~tf.math.is_finite(tf.reshape(values, [-1])), [True]], 0)
    first_bad = tf.argmax(tf.cast(bad, tf.int32), output_type=tf.int32)
    holds = tf.strings.format("item {} holds NaN or infinity", first_bad // spec.shape[1])
    problem = wav.first_problem(
        (tf.size(values) == 0, "the batch is empty"), (first_bad < tf.size(values), holds)
    )
    with tf.control_dependencies([tf.debugging.Assert(problem == "", [f"{spec.name}: " + problem])]):
        return tf.identity(values)
