"""A weighted sum of loss terms, as a function of latents: what inversion and training minimise."""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping

import keras
import tensorflow as tf

from tf_inversion import errors
from tf_inversion.generators.base import Generator
from tf_inversion.losses.presets import PRESETS
from tf_inversion.losses.terms import LossTerm, SquaredError, find_term
from tf_inversion.losses.view import FoldedView, View
from tf_inversion.networks.folded import Folded


class Objective:
    """A weighted sum of loss terms for a generator: a value per clip, with its gradient.

    Args:
      weights: name of a loss term -> weight; or a name in `PRESETS`.
      generator: z [b, latent_dim] -> audio [b, num_samples].
      classifier: for terms that look at its layers.
      temperature: that the classifier's logits are divided by in terms of its posterior: above 1 a
        reconstruction just on the right side of the classifier's boundary still has something to learn.
      fold: look at a `Folded` classifier, if there is one that can be.

    Raises:
      InvalidArgumentError: for an unknown term or weight, or a term that lacks a classifier or its layers.
    """

    def __init__(
        self,
        weights: str | Mapping[str, float],
        generator: Generator,
        classifier: keras.Model | None = None,
        temperature: float = 1.0,
        fold: bool = False,
    ):
        weights = PRESETS[weights] if isinstance(weights, str) else weights
        if not weights:
            raise errors.InvalidArgumentError("objective: is empty; give one loss term at the least")
        self.weights: dict[str, float] = {}
        self._terms: dict[str, LossTerm] = {}
        layers: set[str] = set()
        for alias, weight in weights.items():
            name, term = find_term(alias)
            if not 0 < weight < math.inf:
                raise errors.InvalidArgumentError(f"objective: weight {weight} of {name}; give one above 0")
            if term.layers is not None:
                if classifier is None:
                    raise errors.InvalidArgumentError(
                        f"objective: {name} needs a classifier; give one or leave it out"
                    )
                layers.update(classifier.feature_names(term.layers))
            self._terms[name], self.weights[name] = term, self.weights.get(name, 0) + weight
        self.generator = generator
        view: type[View] = View
        if fold and classifier is not None and layers and Folded.folds(classifier, layers):
            view, classifier = FoldedView, Folded(classifier)  # type: ignore[assignment]
        self._view = functools.partial(
            view, generator=generator, classifier=classifier, temperature=temperature
        )

    def targets(self, audio: tf.Tensor, latents: tf.Tensor | None) -> dict[str, tf.Tensor]:
        """Returns the features to compare with, by term.

        Args:
          audio: clips [b, num_samples].
          latents: [b, latent_dim], the target of the term "latent"; None if there is no such term.
        """
        view = self._view(latents, audio=audio)
        shape = [tf.shape(audio)[0], self.generator.latent_dim]
        return {
            name: tf.zeros(shape) if term.is_penalty else term.features(view)
            for name, term in self._terms.items()
        }

    def terms(self, latents: tf.Tensor, targets: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """Returns each term by name, unweighted, [b], of latents [b, latent_dim]."""
        view = self._view(latents)
        return {name: term.distance(targets[name], term.features(view)) for name, term in self._terms.items()}

    def weighted_sum(self, terms: Mapping[str, tf.Tensor]) -> tf.Tensor:
        """Returns the objective of its terms."""
        return tf.add_n([self.weights[name] * value for name, value in terms.items()])

    def value(self, latents: tf.Tensor, targets: Mapping[str, tf.Tensor]) -> tf.Tensor:
        """Returns the objective [b] of latents [b, latent_dim]."""
        return self.weighted_sum(self.terms(latents, targets))

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
        view = self._view(latents)
        parts = [
            term.distance.residuals(  # type: ignore[attr-defined]
                targets[name], term.features(view), self.weights[name]
            )
            for name, term in self._terms.items()
        ]
        return tf.concat(parts, 1)

    @property
    def is_least_squares(self) -> bool:
        """Whether all terms are squared errors, and of the generator alone.

        A classifier's Jacobian would cost a hundred times the generator's.
        """
        return all(
            term.layers is None and isinstance(term.distance, SquaredError) for term in self._terms.values()
        )
