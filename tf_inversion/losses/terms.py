"""The loss terms, one definition each, of which inversion and training minimise weighted sums.

A term is a distance between features of a clip and the same features of its reconstruction, a value for
each. Real clips need terms that are blind to phase: no generator matches the phase of a voice that it has
not heard, and a distance that insists on it is least for silence.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Sequence

import tensorflow as tf

from tf_inversion import errors
from tf_inversion.losses.view import View


@dataclasses.dataclass(frozen=True)
class SquaredError:
    """Mean squared difference of features [b, ...]; if `relative`, over the mean square of the target's."""

    relative: bool = False

    def __call__(self, target: tf.Tensor, features: tf.Tensor) -> tf.Tensor:
        return tf.reduce_sum(self._scale(target) * tf.square(rows(features - target)), 1)

    def residuals(self, target: tf.Tensor, features: tf.Tensor, weight: float) -> tf.Tensor:
        """Returns [b, m] whose squares add up to `weight` times the error."""
        return tf.sqrt(weight * self._scale(target)) * rows(features - target)

    def _scale(self, target: tf.Tensor) -> tf.Tensor:
        if self.relative:
            return 1 / (tf.reduce_sum(tf.square(rows(target)), 1, keepdims=True) + 1e-12)
        return _one_over_size(target)


def absolute_error(target: tf.Tensor, features: tf.Tensor) -> tf.Tensor:
    """Mean absolute difference of features [b, ...]."""
    return tf.reduce_sum(_one_over_size(target) * tf.abs(rows(features - target)), 1)


def log_relative_error(target: tf.Tensor, features: tf.Tensor) -> tf.Tensor:
    """log(1 + 100 |features - target|^2 / |target|^2): from -20 dB up its gradient is that of the dB."""
    error = tf.reduce_sum(tf.math.squared_difference(rows(target), rows(features)), 1)
    return tf.math.log1p(100 * tf.math.divide_no_nan(error, tf.reduce_sum(rows(target) ** 2, 1)))


def kl_divergence(target: tf.Tensor, features: tf.Tensor) -> tf.Tensor:
    """Kullback-Leibler divergence of the reconstruction's posterior from the clip's, of their logits."""
    difference = tf.nn.log_softmax(target) - tf.nn.log_softmax(features)
    return tf.reduce_sum(tf.nn.softmax(target) * difference, axis=1)


@dataclasses.dataclass(frozen=True)
class LossTerm:
    """A distance between a clip and its reconstruction.

    Attributes:
      features: what is compared, [b, ...] of a `View`.
      distance: features of the clip, and of the reconstruction -> [b].
      layers: of the classifier, that it looks at: see `Classifier.feature_names`; () for its default, None
        for a term that needs no classifier.
      is_penalty: whether its target is 0, not the clip's features.
      synthesized_only: whether only a clip of the generator's own comes near to 0: it compares latents, or
        depends on the phase. In training it counts for synthesized clips alone.
    """

    features: Callable[[View], tf.Tensor]
    distance: Callable[[tf.Tensor, tf.Tensor], tf.Tensor] = SquaredError()
    layers: str | Sequence[str] | None = None
    is_penalty: bool = False
    synthesized_only: bool = False


def _flat(layers: Sequence[tf.Tensor]) -> tf.Tensor:
    """Puts activations [b, ...] side by side, each layer of equal weight in a mean of squares."""
    flat = [rows(layer) for layer in layers]
    count = sum(row.shape[1] for row in flat)
    return tf.concat([row * math.sqrt(count / (len(flat) * row.shape[1])) for row in flat], 1)


def rows(x: tf.Tensor) -> tf.Tensor:
    """Flattens [b, ...] to [b, m]."""
    return tf.reshape(x, [-1, math.prod(x.shape[1:])])


def _one_over_size(x: tf.Tensor) -> tf.Tensor:
    return tf.constant(1 / math.prod(x.shape[1:]))


LOSS_TERMS: dict[str, LossTerm] = {
    # Squared error over the clip's energy.
    "waveform": LossTerm(lambda v: v.audio, SquaredError(relative=True), synthesized_only=True),
    "waveform_log": LossTerm(lambda v: v.audio, log_relative_error, synthesized_only=True),
    "waveform_mse": LossTerm(lambda v: v.audio, synthesized_only=True),
    "waveform_mae": LossTerm(lambda v: v.audio, absolute_error, synthesized_only=True),
    # Equation 1 of the paper: as the authors ran it, and as one reads it.
    "real_part": LossTerm(lambda v: tf.math.real(v.spectrum), absolute_error, synthesized_only=True),
    "magnitude": LossTerm(lambda v: v.magnitude, absolute_error),
    "log_magnitude": LossTerm(lambda v: v.log_magnitude, absolute_error),
    "log_mel": LossTerm(lambda v: v.log_mels),
    "level": LossTerm(lambda v: v.level),
    # Section 3.2.1: activations of all residual blocks, or of the six layers that the authors' runs compared.
    "perceptual": LossTerm(lambda v: _flat(v.activations()), layers=()),
    "perceptual_authors": LossTerm(lambda v: _flat(v.activations("authors")), layers="authors"),
    # The fourth residual block.
    "middle": LossTerm(lambda v: v.activations()[3], absolute_error, layers=()),
    # Of the posterior p(class | audio): 2 / classes times the squared Hellinger distance, and the divergence
    # of distillation (Hinton et al. 2015, "Distilling the knowledge in a neural network", section 2).
    "posterior_hellinger": LossTerm(lambda v: tf.sqrt(tf.nn.softmax(v.logits) + 1e-6), layers="logits"),
    "posterior_kl": LossTerm(lambda v: v.logits, kl_divergence, layers="logits"),
    # Of the latents: in training to the true ones, in an inversion to its initial ones.
    "latent": LossTerm(lambda v: v.latents, synthesized_only=True),
    # Squared excess over the prior's range.
    "prior": LossTerm(lambda v: v.excess, is_penalty=True),
}
#: Other spellings of names in `LOSS_TERMS`.
ALIASES = {"encoder": "latent", "posterior": "posterior_hellinger"}


def find_term(name: str) -> tuple[str, LossTerm]:
    """Returns the name in `LOSS_TERMS` of a loss term, which may be one of `ALIASES`, and the term.

    Raises:
      InvalidArgumentError: if there is none of this name.
    """
    name = ALIASES.get(name, name)
    if name not in LOSS_TERMS:
        raise errors.InvalidArgumentError(
            f"objective: {name!r} is no loss term; choose from {', '.join(LOSS_TERMS)}"
        )
    return name, LOSS_TERMS[name]
