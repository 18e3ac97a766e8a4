"""What a WaveGAN is trained against: a critic of the waveform and one of its log-mel picture.

The waveform critic is the discriminator of Donahue et al. (2019, appendix D)
with phase shuffle. It hears phase and fine detail, but the word only late. The
log-mel critic sees the word at once and costs a quarter as much. Where the
clips have labels, a linear head on its features learns to tell the classes.
"""

from __future__ import annotations

import tensorflow as tf

from tf_inversion.audio import mel
from tf_inversion.backend import keras
from tf_inversion.generators.base import channels_last
from tf_inversion.generators.wavegan import WaveGANConfig

_MEL_STAGES = 4
_JOINT_UNITS = 256


class Discriminator(keras.Model):
    """Scores clips, high for real ones: audio [batch, ..., num_samples] -> [batch, critics].

    Args:
      config: the generator's; its mirror image is the waveform critic.
      sample_rate: in hertz.
      phase_shuffle: activations are shifted by up to this many samples either way.
      mel_width: channels of the log-mel critic's first layer; 0 leaves it out.
      waveform_width: channels of the waveform critic's first layer; the generator's `dim` by default.
      num_labels: classes that a linear head on the log-mel critic's features tells apart; 0 for no head.
    """

    def __init__(
        self,
        config: WaveGANConfig,
        sample_rate: int = 16000,
        phase_shuffle: int = 2,
        mel_width: int = 16,
        waveform_width: int | None = None,
        num_labels: int = 0,
    ):
        super().__init__(name="discriminator")
        self.sample_rate = sample_rate
        self.waveform = _waveform_critic(config, waveform_width or config.dim, phase_shuffle)
        self.mel = self.labels = None
        if mel_width:
            frames = mel.log_mel(tf.zeros([1, config.slice_len]), sample_rate).shape[1]
            self.mel = _mel_critic(frames, mel_width, _channels(config))
            if num_labels:
                self.labels = _label_head(self.mel.outputs[1].shape[1], num_labels)
        self.built = True

    @property
    def networks(self) -> dict[str, keras.Model]:
        """The critics by their scopes in a checkpoint: "D" is the official discriminator."""
        networks = {"D": self.waveform, "D_mel": self.mel, "D_labels": self.labels}
        return {scope: network for scope, network in networks.items() if network}

    def views(self, audio: tf.Tensor) -> list[tf.Tensor]:
        """Returns what each critic sees: [batch, num_samples, channels], [batch, frames, bands, channels]."""
        views = [channels_last(audio)]
        if self.mel:
            image = mel.log_mel(audio, self.sample_rate)
            image = image[..., tf.newaxis] if image.shape.rank == 3 else tf.transpose(image, [0, 2, 3, 1])
            views.append(1 + image / 1.5)  # from -60 to 0 dB becomes -1 to 1
        return views

    def scores(self, views: list[tf.Tensor]) -> tf.Tensor:
        """Returns the critics' scores [batch, critics] of what `views` returned."""
        return self.scores_and_logits(views)[0]

    def scores_and_logits(self, views: list[tf.Tensor]) -> tuple[tf.Tensor, tf.Tensor | None]:
        """Returns the scores, and the class logits [batch, num_labels], None without a head."""
        scores, logits = [self.waveform(views[0], training=True)], None
        if self.mel:
            score, features = self.mel(views[1], training=True)
            scores.append(score)
            if self.labels:
                logits = self.labels(features)
        return tf.concat(scores, axis=1), logits

    def seed_phases(self, seed: tf.Tensor) -> None:
        """Makes the next phases a function of the seed (int [2]), for a checkpoint lacks their state."""
        shuffles = [layer for layer in self.waveform.layers if isinstance(layer, PhaseShuffle)]
        for layer, state in zip(shuffles, tf.unstack(tf.random.split(seed, len(shuffles)))):
            layer.seed_generator.state.assign(tf.cast(state, layer.seed_generator.state.dtype))

    def call(self, audio, training=True):
        return self.scores(self.views(audio))


class JointDiscriminator(Discriminator):
    """Scores pairs of a clip and a latent vector, high for a real clip with what an encoder makes of it.

    To the score that each critic gives the clip, a perceptron adds one of the critic's features and `z`
    together (as Donahue, Simonyan 2019, arXiv 1907.02544, have a score of the clip and one of the pair).

    Args:
      config, **others: see `Discriminator`.
    """

    def __init__(self, config: WaveGANConfig, **others):
        super().__init__(config, **others)
        output = self.waveform.get_layer("output")
        self._waveform_features = keras.Model(self.waveform.inputs, [output.output, output.input])
        features = [output.input, self.mel.outputs[1]] if self.mel else [output.input]
        self._heads = [_joint_head(x.shape[1], config.latent_dim) for x in features]

    def pairs(self, views: list[tf.Tensor], latents: tf.Tensor) -> list[tuple[tf.Tensor, tf.Tensor]]:
        """Returns what each critic sees of pairs: its view, and latents [batch, latent_dim] of its own."""
        return [(view, tf.identity(latents)) for view in views]

    def scores_and_logits(self, views):
        """Like `Discriminator.scores_and_logits`, of what `pairs` returned."""
        scores, logits = [], None
        for critic, head, (view, latents) in zip((self._waveform_features, self.mel), self._heads, views):
            score, features = critic(view, training=True)
            scores.append(score + head([features, latents]))
        if self.labels:
            logits = self.labels(features)
        return tf.concat(scores, axis=1), logits


def _joint_head(num_features: int, latent_dim: int) -> keras.Model:
    """Both parts are brought to the same size, so that many features don't drown a few latents."""
    inputs = [keras.Input((num_features,), name="features"), keras.Input((latent_dim,), name="latents")]
    x = keras.layers.Concatenate()([keras.layers.Dense(_JOINT_UNITS)(part) for part in inputs])
    x = keras.layers.Dense(_JOINT_UNITS)(keras.layers.LeakyReLU(0.2)(x))
    x = keras.layers.LeakyReLU(0.2)(x)
    return keras.Model(inputs, keras.layers.Dense(1, name="output")(x), name="joint_head")


def _waveform_critic(config: WaveGANConfig, dim: int, phase_shuffle: int) -> keras.Model:
    """Strided convolutions down to 16 samples; layers are named as the scopes of the official checkpoint."""
    x = audio = keras.Input((config.slice_len, _channels(config)), name="waveform")
    last = len(config.strides) - 1
    for i, stride in enumerate(sorted(config.strides, reverse=True)):
        width = dim << i
        x = keras.layers.Conv1D(width, config.kernel_len, stride, padding="same", name=f"downconv_{i}")(x)
        if config.batchnorm and i:
            x = keras.layers.BatchNormalization(epsilon=1e-3, name=f"downconv_{i}_batchnorm")(x)
        x = keras.layers.LeakyReLU(0.2)(x)
        if phase_shuffle and i < last:
            x = PhaseShuffle(phase_shuffle)(x)
    x = keras.layers.Flatten()(x)
    return keras.Model(audio, keras.layers.Dense(1, name="output")(x), name="waveform_critic")


def _channels(config: WaveGANConfig) -> int:
    return 1 if config.post_filter_len else config.num_channels


def _mel_critic(frames: int, width: int, num_channels: int) -> keras.Model:
    """Strided convolutions over time and frequency; the last layer sees how much a batch's clips differ."""
    x = image = keras.Input((frames, mel.NUM_BANDS, num_channels), name="log_mel")
    for i in range(_MEL_STAGES):
        x = keras.layers.Conv2D(width << i, 4, 2, padding="same", name=f"conv_{i}")(x)
        x = keras.layers.LeakyReLU(0.2)(x)
    features = keras.layers.Flatten()(x)
    x = keras.layers.Flatten()(BatchDeviation()(x))
    return keras.Model(image, [keras.layers.Dense(1, name="output")(x), features], name="mel_critic")


def _label_head(num_features: int, num_labels: int) -> keras.Model:
    features = keras.Input((num_features,), name="features")
    return keras.Model(features, keras.layers.Dense(num_labels, name="output")(features), name="label_head")


class PhaseShuffle(keras.layers.Layer):
    """Shifts [batch, length, channels] by a random number of samples, filling in by reflection.

    It keeps a critic from learning the artefacts of the generator's
    upsampling, which always lie at the same phase (Donahue et al., section 3.3).
    """

    def __init__(self, radius: int, **kwargs):
        super().__init__(**kwargs)
        self.radius = radius
        self.seed_generator = keras.random.SeedGenerator()

    def call(self, x):
        length = x.shape[1]
        start = keras.random.randint([], 0, 2 * self.radius + 1, seed=self.seed_generator)
        padded = tf.pad(x, [[0, 0], [self.radius, self.radius], [0, 0]], mode="REFLECT")
        return tf.ensure_shape(padded[:, start : start + length], x.shape)

    def compute_output_shape(self, input_shape):
        return input_shape


class BatchDeviation(keras.layers.Layer):
    """Appends a channel with the mean standard deviation over the batch.

    A generator that says one word only is caught by it (Karras et al.:
    Progressive Growing of GANs, ICLR 2018, section 3).
    """

    def call(self, x):
        deviation = tf.reduce_mean(tf.sqrt(tf.math.reduce_variance(x, axis=0) + 1e-8))
        return tf.concat([x, tf.fill([*tf.unstack(tf.shape(x)[:-1]), 1], deviation)], axis=-1)

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], input_shape[-1] + 1)
