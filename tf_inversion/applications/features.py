"""The features by which an inverter sees a clip."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import keras
import numpy as np

from tf_inversion.audio.clips import SILENCE
from tf_inversion.batching import in_batches
from tf_inversion.networks.inverter import Inverter


def inverter_features(
    inverter: Inverter,
    audio: np.ndarray,
    *,
    batch_size: int = 64,
    progress: Callable[[Iterable], Iterable] = iter,
) -> np.ndarray:
    """Returns the activations before an inverter's last layer, float32 [n, 8 * width].

    Clips are scaled to the peak of the inverter's training first, so that the level tells nothing.

    Args:
      inverter: a ResNet-18.
      audio: float32 [n, num_samples].
      batch_size: clips at once; bounds the memory.
      progress: wraps the loop over batches.
    """
    network = inverter.network
    trunk = keras.Model(network.input, network.get_layer("embedding").output)
    level = np.abs(audio).max(1, keepdims=True)
    audio = np.where(level > SILENCE, audio * ((inverter.peak or 1.0) / np.maximum(level, SILENCE)), audio)
    return in_batches(lambda x: trunk(x, training=False), audio, batch_size=batch_size, progress=progress)
