"""What an inversion minimises: named pieces, each a distance between a clip and its reconstruction.

A piece compares features of G(z) with the same features of the clip, by mean
squared or mean absolute difference. An objective is a weighted sum of pieces.
Real clips need pieces that forget the phase: no generator matches the phase of
a voice that it has not heard, and a distance that insists on it is least for
silence.
"""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Callable, Mapping

import keras
import tensorflow as tf

from tf_inversion import errors
from tf_inversion.audio import spectrogram
from tf_inversion.audio.mel import log_mels
from tf_inversion.generators import base


class View:
    """Latents and their audio, and what several pieces see in it, computed once."""

    def __init__(self, latents: tf.Tensor, audio: tf.Tensor, sample_rate: int, classifier=None):
        self.latents, self.audio, self.sample_rate = latents, audio, sample_rate
        self._classifier = classifier

    @functools.cached_property
    def spectrum(self) -> tf.Tensor:
        return spectrogram.stft(self.audio)

    @functools.cached_property
    def activations(self) -> Mapping[str, tf.Tensor]:
        return self._classifier.network(self.audio, training=False)

    @functools.cached_property
    def blocks(self) -> list[tf.Tensor]:
        from tf_inversion.networks.classifier import FEATURES

        return [self.activations[name] for name in FEATURES[self._classifier.default_features]]


@dataclasses.dataclass(frozen=True)
class Piece:
    """A distance: `meaning`; features [b, ...] of a view; squared (2) or absolute (1) differences.

    It is a mean over the features; with `relative` divided by the mean square of the clip's own
    features; with `in_latents` it compares latents, not sounds. With `by_classifier` it needs one.
    """

    meaning: str
    features: Callable[[View], tf.Tensor]
    power: int = 2
    relative: bool = False
    in_latents: bool = False
    by_classifier: bool = False


PIECES = {
    "waveform": Piece("squared error over the clip's energy", lambda v: v.audio, relative=True),
    "waveform_mse": Piece("mean squared error", lambda v: v.audio),
    "waveform_mae": Piece("mean absolute error", lambda v: v.audio, power=1),
    "real_part": Piece(
        "MAE of the STFT's real part (equation 1, as run)", lambda v: tf.math.real(v.spectrum), 1
    ),
    "magnitude": Piece("MAE of the STFT's magnitude (equation 1)", lambda v: _magnitude(v.spectrum), 1),
    "log_magnitude": Piece("MAE of its logarithm", lambda v: tf.math.log(_magnitude(v.spectrum) + 1e-2), 1),
    "log_mel": Piece("multi-resolution log-mel, squared", lambda v: log_mels(v.audio, v.sample_rate)),
    "level": Piece("squared difference of the log10 of RMS levels", lambda v: _level(v.audio)),
    "perceptual": Piece(
        "activations of all residual blocks, squared", lambda v: _flat(v.blocks), by_classifier=True
    ),
    "middle": Piece("MAE of a middle layer's activations", lambda v: v.blocks[3], 1, by_classifier=True),
    "posterior": Piece(
        "squared Hellinger distance of the class probabilities",
        lambda v: tf.sqrt(tf.nn.softmax(v.activations["logits"]) + 1e-6),
        by_classifier=True,
    ),
    "encoder": Piece("squared distance to the start", lambda v: v.latents, in_latents=True),
    "prior": Piece(
        "squared excess over [-1, 1]", lambda v: tf.nn.relu(tf.abs(v.latents) - 1.0), in_latents=True
    ),
}

#: "paper" is equation 1, "authors" what their code ran. Their spectrogram is the STFT's real part.
# No penalty outside [-1, 1] where the clip is the generator's own: it would bar the curved valley that
# leads to the solution, which is inside.
PRESETS = {
    "paper": {"real_part": 1.0},
    "authors": {"real_part": 1.0, "waveform_mae": 1.0, "middle": 0.002},
    "synthesized": {"waveform": 1.0},
    "phase_free": {"log_mel": 1.0, "level": 1.0, "prior": 1.0},
    "real": {
        "log_mel": 1.0,
        "log_magnitude": 1.0,
        "perceptual": 0.3,
        "posterior": 10.0,
        "level": 1.0,
        "prior": 1.0,
    },
}


def stages(spec: str | Mapping[str, float]) -> list[tuple[Mapping[str, float], int | None]]:
    """Returns the weights and the iterations (None: the method's) of each stage of an objective.

    Args:
      spec: weights of `PIECES`, or in words: stages between commas, each a preset, or pieces between "+",
        with weights before "*", and iterations behind ":". "log_mel:40,synthesized",
        "waveform+0.1*prior".

    Raises:
      InvalidArgumentError: if it can't be read, or names what does not exist.
    """
    if not isinstance(spec, str):
        return [(spec, None)]
    found = []
    for stage in spec.split(","):
        name, _, iterations = stage.partition(":")
        if iterations and not (iterations.isdecimal() and int(iterations)):
            raise errors.InvalidArgumentError(f"objective: {stage!r}: {iterations!r} is no iteration count")
        found.append((_weights(name), int(iterations) if iterations else None))
    return found


def _weights(name: str) -> Mapping[str, float]:
    if name in PRESETS:
        return PRESETS[name]
    weights = {}
    for term in name.split("+"):
        weight, _, piece = term.rpartition("*")
        if piece not in PIECES:
            raise errors.InvalidArgumentError(
                f"objective: {piece!r} is no piece; pieces are {', '.join(PIECES)}; "
                f"whole objectives auto, {', '.join(PRESETS)}"
            )
        try:
            weights[piece] = weights.get(piece, 0) + float(weight or 1)
        except ValueError:
            raise errors.InvalidArgumentError(f"objective: {term!r}: {weight!r} is no weight") from None
    return weights


def make(
    weights: str | Mapping[str, float], generator: base.Generator, classifier: keras.Model | None = None
) -> Objective:
    """Returns the objective of these weights (or preset); asked again the same one, compiled already."""
    weights = PRESETS[weights] if isinstance(weights, str) else weights
    return _make(tuple(weights.items()), generator, classifier)


@functools.lru_cache(maxsize=16)
def _make(weights, generator, classifier) -> Objective:
    return Objective(dict(weights), generator, classifier)


class Objective:
    """A weighted sum of pieces for a generator: a value per clip, with its gradient.

    Args:
      weights: name of a piece -> weight.
      generator: z [b, latent_dim] -> audio [b, num_samples].
      classifier: for pieces that look at its activations.

    Raises:
      InvalidArgumentError: for an unknown piece, or one that lacks a classifier.
    """

    def __init__(
        self, weights: Mapping[str, float], generator: base.Generator, classifier: keras.Model | None = None
    ):
        if not weights:
            raise errors.InvalidArgumentError(f"objective: is empty; choose from {', '.join(PIECES)}")
        for name, weight in weights.items():
            if not 0 < weight < math.inf:
                raise errors.InvalidArgumentError(f"objective: weight {weight} of {name}; give one above 0")
            if name not in PIECES:
                raise errors.InvalidArgumentError(
                    f"objective: {name!r} is unknown; choose from {', '.join(PIECES)}"
                )
            if PIECES[name].by_classifier and classifier is None:
                raise errors.InvalidArgumentError(
                    f"objective: {name} needs a classifier; give one or leave it out"
                )
        self.weights = dict(weights)
        self.generator = generator
        self._classifier = classifier

    def targets(self, audio: tf.Tensor, start: tf.Tensor) -> dict[str, tf.Tensor]:
        """Returns the features of clips [b, num_samples] (and starts [b, latent_dim]) to compare with."""
        view = self._view(start, audio)
        return {
            name: tf.zeros_like(start) if name == "prior" else PIECES[name].features(view)
            for name in self.weights
        }

    def value(self, latents: tf.Tensor, targets: Mapping[str, tf.Tensor]) -> tf.Tensor:
        """Returns the objective [b] of latents [b, latent_dim]."""
        view = self._view(latents, self.generator(latents))
        return tf.add_n(
            [_distance(name, weight, view, targets[name]) for name, weight in self.weights.items()]
        )

    def value_and_gradient(
        self, latents: tf.Tensor, targets: Mapping[str, tf.Tensor]
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns the objective [b] and its gradient [b, latent_dim]."""
        with tf.GradientTape() as tape:
            tape.watch(latents)
            value = self.value(latents, targets)
        return value, tape.gradient(value, latents)

    def residuals(self, latents: tf.Tensor, targets: Mapping[str, tf.Tensor]) -> tf.Tensor:
        """Returns residuals [b, m] whose sum of squares is the objective, if `is_least_squares`."""
        view = self._view(latents, self.generator(latents))
        parts = []
        for name, weight in self.weights.items():
            scale = tf.sqrt(weight * _scale(name, targets[name]))
            parts.append(scale * _rows(PIECES[name].features(view) - targets[name]))
        return tf.concat(parts, 1)

    @property
    def is_least_squares(self) -> bool:
        """Whether all pieces are squared, and by the generator alone.

        A classifier's Jacobian would cost a hundred times the generator's.
        """
        return all(PIECES[name].power == 2 and not PIECES[name].by_classifier for name in self.weights)

    def _view(self, latents: tf.Tensor, audio: tf.Tensor) -> View:
        return View(latents, audio, self.generator.sample_rate, self._classifier)


def _distance(name: str, weight: float, view: View, target: tf.Tensor) -> tf.Tensor:
    difference = _rows(PIECES[name].features(view) - target)
    size = tf.square(difference) if PIECES[name].power == 2 else tf.abs(difference)
    return weight * tf.reduce_sum(_scale(name, target) * size, 1)


def _scale(name: str, target: tf.Tensor) -> tf.Tensor:
    """Returns what a sum over a piece's features is multiplied by, [b, 1] or []."""
    if PIECES[name].relative:
        return 1 / (tf.reduce_sum(tf.square(_rows(target)), 1, keepdims=True) + 1e-12)
    return tf.constant(1 / math.prod(target.shape[1:]))


def _rows(x: tf.Tensor) -> tf.Tensor:
    return tf.reshape(x, [-1, math.prod(x.shape[1:])])


def _magnitude(spectrum: tf.Tensor) -> tf.Tensor:
    """Magnitude with a gradient that is finite in silence."""
    return tf.sqrt(tf.square(tf.math.real(spectrum)) + tf.square(tf.math.imag(spectrum)) + 1e-10)


def _level(audio: tf.Tensor) -> tf.Tensor:
    """Log10 of the RMS level [b, 1], from -80 dB up."""
    return tf.math.log(tf.reduce_mean(audio**2, 1, keepdims=True) + 1e-8) / math.log(100)


def _flat(blocks: list[tf.Tensor]) -> tf.Tensor:
    """Puts activations side by side, each block of equal weight in a mean of squares."""
    rows = [_rows(block) for block in blocks]
    count = sum(row.shape[1] for row in rows)
    return tf.concat([row * math.sqrt(count / (len(rows) * row.shape[1])) for row in rows], 1)
