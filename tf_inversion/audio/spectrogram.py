"""The one STFT front end: inverter, classifier, losses and figures all use it."""

from __future__ import annotations

import keras
import tensorflow as tf

FRAME_LENGTH = 256
FRAME_STEP = 128
KINDS = ("log_magnitude", "magnitude", "real")

# Added before the logarithm. White noise of 1e-3 (-60 dB) has about this
# magnitude under the window, so a quiet room is quiet and digital silence is no deeper.
LOG_FLOOR = 1e-2


def stft(audio: tf.Tensor) -> tf.Tensor:
    """Short-time Fourier transform with a Hann window of 256, hop 128, padded at the end.

    Args:
      audio: float32 [batch, ..., num_samples] in [-1, 1].

    Returns:
      complex64 [batch, ..., ceil(num_samples / 128), 129].
    """
    return tf.signal.stft(audio, FRAME_LENGTH, FRAME_STEP, pad_end=True)


@keras.saving.register_keras_serializable("tf_inversion")
class Spectrogram(keras.layers.Layer):
    """Turns audio [batch, num_samples] into a spectrogram [batch, frames, bins, 1].

    Of several channels, [batch, num_channels, num_samples] into [batch, frames, bins, num_channels].

    Args:
      kind: "log_magnitude", the natural logarithm of the magnitude over a floor
        of 1e-2: level and phase hardly move it; "magnitude"; or "real", the real
        part of the STFT, phase-sensitive, which the paper's authors ran.
    """

    def __init__(self, kind: str = "log_magnitude", name: str | None = None):
        super().__init__(name=name, dtype="float32", trainable=False)
        if kind not in KINDS:
            raise ValueError(f"kind must be one of {', '.join(KINDS)}, got {kind!r}")
        self.kind = kind

    def call(self, audio):
        spectrum = stft(audio)
        image = tf.math.real(spectrum) if self.kind == "real" else tf.abs(spectrum)
        if self.kind == "log_magnitude":
            image = tf.math.log(image + LOG_FLOOR)
        if image.shape.rank == 4:
            return tf.transpose(image, [0, 2, 3, 1])
        return tf.expand_dims(image, -1)

    def compute_output_shape(self, input_shape):
        batch, *channels, num_samples = input_shape
        return batch, -(-num_samples // FRAME_STEP), FRAME_LENGTH // 2 + 1, *(channels or [1])

    def get_config(self):
        return {"kind": self.kind, "name": self.name}
