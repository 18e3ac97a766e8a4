"""The game between a generator and its critics: losses, penalties, one training step."""

from __future__ import annotations

import dataclasses

import keras
import tensorflow as tf

from tf_inversion import losses
from tf_inversion.generators.wavegan import WaveGAN
from tf_inversion.networks.discriminator import Discriminator
from tf_inversion.training.augmentation import Augmentation
from tf_inversion.training.collapse import sample_statistics
from tf_inversion.training.ema import MovingAverage
from tf_inversion.training.settings import WaveGANTrainingSettings


@dataclasses.dataclass(frozen=True)
class AdversarialLoss:
    """How generator and discriminator play against each other.

    Attributes:
      name: "wgan_gp" (Gulrajani et al. 2017: scores far apart, the gradient
        between real and synthesized clips held at length 1) or "ns_r1"
        (non-saturating, the gradient at real clips held small: Mescheder et
        al. 2018; for some steps only, as in StyleGAN 2).
      penalty: weight of the gradient penalty.
      penalty_every: it counts in every so many updates, as much more.
      critic_steps: updates of the discriminator for each of the generator.
      learning_rate, beta_1, beta_2: of Adam, for both.
      average: momentum of the moving average (EMA) of the generator's weights.
      tone_weight: weight of `losses.checkerboard_loss` in the generator's loss.
      tone_delay: steps without the tone loss; it then grows to its weight in as many more. It is least
        for silence, and its gradient largest for quiet clips: a generator that knows nothing yet would
        fall silent for good.
      label_weight: weight in the generator's loss of the information that a class head on the critic
        lacks about the class of its clips, see `label_loss`; for labelled clips only.
    """

    name: str
    penalty: float
    penalty_every: int
    critic_steps: int
    learning_rate: float
    beta_1: float
    beta_2: float
    average: float = 0.998
    tone_weight: float = 0.0
    tone_delay: int = 2000
    label_weight: float = 0.0


# "wgan_gp" has the official values; "ns_r1" learns more in an hour.
LOSSES = {
    "wgan_gp": AdversarialLoss("wgan_gp", 10.0, 1, 5, 1e-4, 0.5, 0.9),
    "ns_r1": AdversarialLoss("ns_r1", 0.1, 8, 1, 3e-4, 0.0, 0.99, tone_weight=1.0, label_weight=0.5),
}


def adversarial_loss(settings: WaveGANTrainingSettings) -> AdversarialLoss:
    """Returns the loss that the settings name, with what they say of it."""
    names = ("learning_rate", "tone_weight", "tone_delay", "label_weight")
    given = {name: getattr(settings, name) for name in names if getattr(settings, name) is not None}
    return dataclasses.replace(LOSSES[settings.loss], **given)


class WaveGANTrainer:
    """The training step: updates of the discriminator, then one of the generator.

    A conditional generator is given the classes of the real clips beside which it plays, and is to make the
    critic's head for labels tell them (AC-GAN: Odena, Olah, Shlens 2017).

    Args:
      generator: its network is trained.
      discriminator: the opponent.
      loss: rules of the game.
      augmentation: changes real and synthesized clips alike before they are judged.
      seed: of latents and augmentation.
    """

    def __init__(
        self,
        generator: WaveGAN,
        discriminator: Discriminator,
        loss: AdversarialLoss,
        augmentation: Augmentation,
        seed: int,
    ):
        self.generator, self.network = generator, generator.network
        self.network.trainable = True
        self.discriminator = discriminator
        self._loss, self._augmentation = loss, augmentation
        self._seed = seed % 2**30  # so that seeds made of it and of the step are int32
        self.optimizers = {
            name: keras.optimizers.Adam(loss.learning_rate, loss.beta_1, loss.beta_2)
            for name in ("generator", "discriminator")
        }
        self.optimizers["generator"].build(self.network.trainable_variables)
        self.optimizers["discriminator"].build(discriminator.trainable_variables)
        self.average = MovingAverage(self.network.weights, loss.average, warm_up=True)

    def train_step(self, batch: tuple[tf.Tensor, tf.Tensor, tf.Tensor]) -> dict[str, tf.Tensor]:
        """Takes (real clips [critic_steps * batch_size, ..., num_samples], their labels, the step)."""
        audio, labels, step = batch
        return self._step(audio, labels, step, penalised=int(step) % self._loss.penalty_every == 0)

    @tf.function
    def _step(self, audio, labels, step, penalised: bool) -> dict[str, tf.Tensor]:
        step = tf.cast(step, tf.int32)
        self.discriminator.seed_phases(tf.stack([self._seed - 1, step]))
        parts = zip(*(tf.split(x, self._loss.critic_steps) for x in (audio, labels)))
        for k, (real, classes) in enumerate(parts):
            of_critic, of_samples = self._update_discriminator(real, classes, step, k, penalised)
        of_generator = self._update_generator(len(real), step, classes)
        of_others = self._update_others(real, step)
        self.average.update()
        return {
            "loss": of_critic["loss"] + of_generator["loss"],
            **{f"discriminator/{name}": value for name, value in of_critic.items()},
            **{f"generator/{name}": value for name, value in of_generator.items()},
            **of_others,
            **{f"samples/{name}": value for name, value in of_samples.items()},
        }

    def _update_others(self, real, step) -> dict[str, tf.Tensor]:
        """Updates who else plays, by the last real clips; returns metrics by name."""
        return {}

    def _update_discriminator(self, real, labels, step, k: int, penalised: bool):
        critic = self.discriminator
        latents = self._latents(len(real), step, k)
        synthesized = self._synthesize(latents, labels)
        of_samples = sample_statistics(real, synthesized)
        real = self._views(real, step, 2 * k)
        synthesized = self._views(synthesized, step, 2 * k + 1, latents)
        penalty = tf.constant(0.0)
        with tf.GradientTape() as tape:
            on_real, logits = critic.scores_and_logits(real)
            on_synthesized = critic.scores(synthesized)
            if self._loss.name == "wgan_gp":
                loss = on_synthesized - on_real
            else:
                loss = tf.nn.softplus(on_synthesized) + tf.nn.softplus(-on_real)
            loss = total = tf.reduce_mean(tf.reduce_sum(loss, axis=1))
            if penalised:
                penalty = self._loss.penalty_every * self._penalty(real, synthesized, tf.stack([step, k]))
                total += self._loss.penalty * penalty
            if logits is not None:
                of_labels = cross_entropy(labels, logits)
                total += of_labels
        variables = critic.trainable_variables
        self.optimizers["discriminator"].apply(tape.gradient(total, variables), variables)
        told_apart = on_real[:, tf.newaxis] > on_synthesized
        metrics = {
            "loss": loss,
            "penalty": penalty,
            "accuracy": tf.reduce_mean(tf.cast(told_apart, tf.float32)),
        }
        if logits is not None:
            metrics["labels"] = of_labels
        return metrics, of_samples

    def _penalty(self, real: list, synthesized: list, seed) -> tf.Tensor:
        """Of the gradient of each critic's score by what the critic looks at, a tensor or several."""
        views = real
        if self._loss.name == "wgan_gp":
            share = tf.random.stateless_uniform([len(tf.nest.flatten(real)[0])], seed)
            views = tf.nest.map_structure(
                lambda a, b: a + tf.reshape(share, [-1] + [1] * (a.shape.rank - 1)) * (b - a),
                real,
                synthesized,
            )
        with tf.GradientTape() as tape:
            tape.watch(views)
            scores = self.discriminator.scores(views)
        total = 0.0
        for gradient in tape.gradient(scores, views):
            parts = tf.nest.flatten(gradient)
            square = tf.add_n([tf.reduce_sum(part**2, axis=range(1, part.shape.rank)) for part in parts])
            if self._loss.name == "wgan_gp":
                total += tf.reduce_mean((tf.sqrt(square + 1e-12) - 1) ** 2)
            else:
                total += tf.reduce_mean(square) / 2
        return total

    def _update_generator(self, batch_size: int, step, classes) -> dict[str, tf.Tensor]:
        variables = self.network.trainable_variables
        with tf.GradientTape() as tape:
            latents = self._latents(batch_size, step, self._loss.critic_steps)
            audio = self._synthesize(latents, classes)
            views = self._views(audio, step, 2 * self._loss.critic_steps, latents)
            scores, logits = self.discriminator.scores_and_logits(views)
            loss = -scores if self._loss.name == "wgan_gp" else tf.nn.softplus(-scores)
            loss = tf.reduce_mean(tf.reduce_sum(loss, axis=1))
            terms = {"tones": losses.checkerboard_loss(audio)}
            total = loss + self.tone_weight(step) * terms["tones"]
            if logits is not None:
                conditional = self.generator.condition is not None
                terms["labels"] = cross_entropy(classes, logits) if conditional else label_loss(logits)
                total += self._loss.label_weight * terms["labels"]
        self.optimizers["generator"].apply(tape.gradient(total, variables), variables)
        return {"loss": loss, **terms}

    def tone_weight(self, step: tf.Tensor) -> tf.Tensor:
        """Returns the weight of the tone loss at a step."""
        delay = self._loss.tone_delay
        share = (tf.cast(step, tf.float32) + 1 - delay) / max(delay, 1)
        return self._loss.tone_weight * tf.clip_by_value(share, 0.0, 1.0)

    def _synthesize(self, latents, labels) -> tf.Tensor:
        inputs = latents
        if condition := self.generator.condition:
            inputs = [latents, tf.one_hot(labels, condition.size)]
        return self.generator.as_audio(self.network(inputs, training=True))

    def _latents(self, batch_size: int, step, k: int) -> tf.Tensor:
        seed = self._seed + step * (self._loss.critic_steps + 1) + k
        return self.generator.prior.draw(
            [batch_size, self.generator.latent_dim], tf.stack([self._seed, seed])
        )

    def _views(self, audio, step, k: int, latents: tf.Tensor | None = None) -> list:
        """Returns what each critic sees of clips, which were made of latents if they are synthesized."""
        seed = tf.stack([self._seed + k, step])
        return self.discriminator.views(self._augmentation(audio, seed, self.generator.sample_rate))


def cross_entropy(labels: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    """Mean cross-entropy of logits [batch, classes] with labels [batch], smoothed by a tenth.

    Smoothing keeps the head from being sure of everything, clips that are like no class among them.
    """
    targets = tf.one_hot(labels, logits.shape[1])
    return tf.reduce_mean(
        keras.losses.categorical_crossentropy(targets, logits, from_logits=True, label_smoothing=0.1)
    )


def label_loss(logits: tf.Tensor) -> tf.Tensor:
    """Negative mutual information, in nats, between clips and their class, from logits [batch, classes].

    The mean entropy of a clip's posterior, less the entropy of their mean: least, at minus the logarithm
    of the number of classes, where each clip is surely of one class and all classes are as frequent
    (Springenberg: Categorical Generative Adversarial Networks, ICLR 2016, equation 5).
    """
    posterior, log_posterior = tf.nn.softmax(logits), tf.nn.log_softmax(logits)
    conditional = -tf.reduce_mean(tf.reduce_sum(posterior * log_posterior, axis=1))
    mean = tf.reduce_mean(posterior, axis=0)
    return conditional + tf.reduce_sum(mean * tf.math.log(mean + 1e-12))
