"""A small convolutional network on log-mel spectra: the evaluation classifier's architecture.

Accuracy and inception score must not come from the network that the inverter
was trained to please, so the evaluation classifier shares neither its front end nor its shape.
"""

from __future__ import annotations

import keras

from tf_inversion.networks.resnet import batch_norm

NUM_STAGES = 4


def mel_cnn(audio, width: int = 32, sample_rate: int = 16000) -> dict[str, keras.KerasTensor]:
    """Applies four stages of two 3x3 convolutions and a pooling to log-mel spectra.

    Args:
      audio: [batch, num_samples] in [-1, 1].
      width: channels of the first stage; each stage doubles them.
      sample_rate: in hertz.

    Returns:
      The activations by name, in order: "stage_1" to "stage_4" and "embedding"
      [batch, 8 * width], the maximum over time and frequency.
    """
    x = keras.layers.MelSpectrogram(
        num_mel_bins=64,
        sampling_rate=sample_rate,
        sequence_stride=160,
        fft_length=512,
        min_freq=60.0,
        min_power=1e-3,
        top_db=1e3,  # off: it would be relative to the loudest clip of the batch
        name="log_mel",
    )(audio)
    x = keras.layers.Reshape((*x.shape[1:], 1), name="image")(x)
    x = batch_norm(x, "image_norm")
    outputs = {}
    for stage in range(NUM_STAGES):
        name = f"stage_{stage + 1}"
        for layer in (1, 2):
            x = keras.layers.Conv2D(
                width << stage, 3, padding="same", use_bias=False, name=f"{name}_conv_{layer}"
            )(x)
            x = batch_norm(x, f"{name}_norm_{layer}")
            x = keras.layers.ReLU(name=f"{name}_relu_{layer}")(x)
        x = outputs[name] = keras.layers.MaxPooling2D(2, padding="same", name=name)(x)
    outputs["embedding"] = keras.layers.GlobalMaxPooling2D(name="embedding")(x)
    return outputs
