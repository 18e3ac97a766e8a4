"""Notices when an adversarial training is lost, which its losses alone do not say.

A generator that answers every latent vector alike, with silence, a constant or
one word, seldom recovers, and a critic that always wins teaches it nothing.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping

import numpy as np
import tensorflow as tf

from tf_inversion import errors


@dataclasses.dataclass(frozen=True)
class Symptom:
    """What a metric shows of a lost training.

    Attributes:
      metric: its name.
      shows: whether a value of it is one of a lost training.
      text: what is seen; `{}` is replaced by the value.
      remedy: what to try.
    """

    metric: str
    shows: Callable[[float], bool]
    text: str
    remedy: str


STEP_SYMPTOMS = (
    Symptom(
        "samples/level_db",
        lambda level: level < -40.0,
        "the generator is silent or constant, its clips {:.0f} dB beside the real ones",
        "a smaller tone_weight or a longer tone_delay, and clips of a higher level (peak)",
    ),
    Symptom(
        "samples/spread",
        lambda spread: spread < 0.01,
        "the generator makes the same clip of every latent vector, {:.2%} of their power varies",
        "a smaller learning_rate or tone_weight, a larger batch_size, or more clips",
    ),
    Symptom(
        "discriminator/accuracy",
        lambda accuracy: accuracy > 0.9999,
        "the critics tell every synthesized clip from every real one",
        "a smaller mel_width, a smaller learning_rate, or shift_seconds",
    ),
)


def sample_statistics(real: tf.Tensor, synthesized: tf.Tensor) -> dict[str, tf.Tensor]:
    """Compares batches [batch, ..., num_samples] of real and synthesized clips.

    Returns:
      level_db: power of the synthesized clips without their means, beside that of the real ones.
      spread: share of the synthesized clips' power that differs from clip to clip; about 1 of real clips.
    """
    powers = [tf.reduce_mean(tf.math.reduce_variance(audio, axis=-1)) for audio in (real, synthesized)]
    level = tf.math.log((powers[1] + 1e-20) / (powers[0] + 1e-20)) * 10 / tf.math.log(10.0)
    centred = synthesized - tf.reduce_mean(synthesized, axis=-1, keepdims=True)
    varied = tf.reduce_mean(tf.math.reduce_variance(centred, axis=0))
    return {"level_db": level, "spread": varied / (powers[1] + 1e-20)}


class CollapseDetector:
    """Ends a training that shows a symptom at every step for so long that it is lost.

    Args:
      real: the judge's posteriors [clips, classes] of real clips.
      patience: steps in a row that must show it; a generator needs some to leave its initial weights.
    """

    def __init__(self, real: np.ndarray, patience: int = 250):
        self._commonest_real_share = np.max(np.bincount(real.argmax(1))) / len(real)
        self._patience = patience
        self._counts = dict.fromkeys(STEP_SYMPTOMS, 0)
        self._step = 0

    def check_step(self, metrics: Mapping[str, float], step: int) -> None:
        """Takes the metrics of a training step.

        Raises:
          TrainingError: if one has shown a symptom at `patience` steps in a row.
        """
        self._step = step
        for symptom in STEP_SYMPTOMS:
            value = metrics[symptom.metric]
            self._counts[symptom] = self._counts[symptom] + 1 if symptom.shows(value) else 0
            if self._counts[symptom] >= self._patience:
                seen = f"{symptom.text.format(value)}, at {self._patience} steps in a row"
                raise self._error(seen, symptom.remedy)

    def check_samples(self, metrics: Mapping[str, float]) -> None:
        """Takes the judge's metrics of samples, see `samples.sample_metrics`.

        Classes come late, so that four times the patience must be over. Where one class is predicted
        in nearly all real clips, too, that says nothing.

        Raises:
          TrainingError: if all samples are of one class, or the posterior is the same for each.
        """
        if self._step < 4 * self._patience or self._commonest_real_share > 0.8:
            return
        share, score = metrics["commonest_class"], metrics["inception_score"]
        if share > 0.98 or score < 1.02:
            seen = (
                f"{share:.0%} of the samples are of one class, of the real clips "
                f"{self._commonest_real_share:.0%}; inception score {score:.2f}"
            )
            remedy = "a smaller learning_rate, a larger mel_width, or a label_weight if there are labels"
            raise self._error(seen, remedy)

    def _error(self, seen: str, remedy: str) -> errors.TrainingError:
        return errors.TrainingError(
            f"{seen}, at step {self._step}: training stopped, the last good weights are kept; try {remedy}"
        )
