"""An encoder in parallel with a GAN: BiGAN, which two groups found, one of them as ALI.

The critics judge pairs, real ones (x, E(x)) and synthesized ones (G(z), z). Generator and encoder are
trained to have them mistaken. Where both kinds of pairs are distributed alike, E inverts G (theorem 2 of
Donahue, Krähenbühl, Darrell: Adversarial Feature Learning, 2016, arXiv 1605.09782; Dumoulin et al.:
Adversarially Learned Inference, 2016, arXiv 1606.00704).
"""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from tf_inversion import paths
from tf_inversion.audio import mel
from tf_inversion.audio.clips import ClipList
from tf_inversion.batching import in_batches
from tf_inversion.evaluation import metrics
from tf_inversion.generators.wavegan import WaveGAN
from tf_inversion.networks.classifier import Classifier
from tf_inversion.networks.discriminator import JointDiscriminator
from tf_inversion.networks.inverter import Inverter
from tf_inversion.training import illustrations, loop
from tf_inversion.training.adversarial import AdversarialLoss, WaveGANTrainer
from tf_inversion.training.augmentation import Augmentation
from tf_inversion.training.ema import MovingAverage
from tf_inversion.training.run import Metrics
from tf_inversion.training.settings import WaveGANTrainingSettings
from tf_inversion.training.wavegan_training import WaveGANTraining

_INVERTED = 256  # synthesized clips per validation
_ILLUSTRATED = 4


def new_encoder(generator: WaveGAN, settings: WaveGANTrainingSettings) -> Inverter:
    """Returns an inverter for the generator, with initial weights."""
    return Inverter(
        generator.latent_dim,
        width=settings.encoder_width,
        num_samples=generator.num_samples,
        sample_rate=generator.sample_rate,
        num_channels=generator.num_channels,
        peak=settings.peak,
    )


class BiGANTrainer(WaveGANTrainer):
    """The training step, which ends with an update of the encoder.

    Generator and encoder could as well be updated at once: neither's loss depends on the other. The encoder
    is given the clips as they are, the critics the augmented ones.

    Args:
      encoder: audio -> latents; trained.
      generator, discriminator, loss, augmentation, seed: see `WaveGANTrainer`.
    """

    discriminator: JointDiscriminator

    def __init__(
        self,
        encoder: Inverter,
        generator: WaveGAN,
        discriminator: JointDiscriminator,
        loss: AdversarialLoss,
        augmentation: Augmentation,
        seed: int,
    ):
        super().__init__(generator, discriminator, loss, augmentation, seed)
        self.encoder = encoder
        adam = keras.optimizers.Adam(loss.learning_rate, loss.beta_1, loss.beta_2)
        adam.build(encoder.trainable_variables)
        self.optimizers["encoder"] = adam
        self.average = MovingAverage([*self.network.weights, *encoder.weights], loss.average, warm_up=True)

    def _views(self, audio, step, k: int, latents: tf.Tensor | None = None) -> list:
        """Returns pairs: of synthesized clips with their latents, of real ones with the encoder's."""
        if latents is None:
            latents = self.encoder(audio, training=True)
        return self.discriminator.pairs(super()._views(audio, step, k), latents)

    def _update_others(self, real, step) -> dict[str, tf.Tensor]:
        variables = self.encoder.trainable_variables
        with tf.GradientTape() as tape:
            scores = self.discriminator.scores(self._views(real, step, 2 * self._loss.critic_steps + 1))
            loss = scores if self._loss.name == "wgan_gp" else tf.nn.softplus(scores)
            loss = tf.reduce_mean(tf.reduce_sum(loss, axis=1))
        self.optimizers["encoder"].apply(tape.gradient(loss, variables), variables)
        return {"encoder/loss": loss}


class BiGANTraining(WaveGANTraining):
    """A step of the game; the moving averages of generator and encoder are validated and saved.

    Args:
      encoder: see `new_encoder`.
      networks, loss, judge, clips, settings: see `WaveGANTraining`.
    """

    def __init__(
        self,
        encoder: Inverter,
        networks: tuple[WaveGAN, JointDiscriminator],
        loss: AdversarialLoss,
        judge: Classifier,
        clips: tuple[ClipList, ClipList],
        settings: WaveGANTrainingSettings,
    ):
        self._encoder = encoder
        super().__init__(networks, loss, judge, clips, settings)
        optimizer = self._trainer.optimizers["encoder"]
        self.tracked = {**self.tracked, "encoder": encoder, "encoder_optimizer": optimizer}

    def _new_trainer(self, *arguments) -> WaveGANTrainer:
        return BiGANTrainer(self._encoder, *arguments)

    def validate(self, bar) -> Metrics:
        """And tells how well the encoder inverts synthesized clips, of known latents, and real ones."""
        of_encoder: Metrics = {}
        latents, rate = self._judged[0][:_INVERTED], self.model.sample_rate

        def synthesized(z):
            clips = self.model(z)
            recovered = self._encoder.encode(clips)
            return {"latents": recovered, "nmse_db": metrics.nmse_db(clips, self.model(recovered), rate)}

        found = in_batches(synthesized, latents, batch_size=64, progress=bar("inverting"))
        of_encoder["latent_mse"] = float(np.mean((found["latents"] - latents) ** 2))
        of_encoder["latent_correlation"] = metrics.latent_correlation(latents.numpy(), found["latents"])
        of_encoder["nmse_db"] = float(np.nanmean(found["nmse_db"]))
        distances = [mel.log_mel_l1(x, self._reconstruct(x), rate) for x, _ in bar("inverting")(self._valid)]
        of_encoder["real_log_mel_l1"] = float(np.mean(np.concatenate(distances)))
        return super().validate(bar) | {f"encoder/{name}": value for name, value in of_encoder.items()}

    def _reconstruct(self, audio: tf.Tensor) -> tf.Tensor:
        return self.model(self._encoder.encode(audio))

    def illustrate(self) -> None:
        super().illustrate()
        real = next(iter(self._valid))[0][:_ILLUSTRATED]
        synthesized = self.model(self._judged[0][:_ILLUSTRATED])
        for kind, audio in (("real", real), ("synthesized", synthesized)):
            illustrations.reconstructions(kind, audio, self._reconstruct(audio), self.model.sample_rate)

    def save(self, path: Path, step: int) -> None:
        """Writes the encoder beside the generator: inverter.keras, as of `train_inverter`."""
        with paths.together():
            super().save(path, step)
            loop.save_model(self._encoder, path.with_name(path.name.replace(self.name, self._encoder.name)))
