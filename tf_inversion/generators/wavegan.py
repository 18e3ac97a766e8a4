"""The WaveGAN generator (Donahue, McAuley, Puckette: Adversarial Audio Synthesis, ICLR 2019) in Keras.

    z [latent_dim] -> dense -> [16, width] -> five or six layers, each 4 times
    as long and half as wide (the last of 32,768 samples 2 times) -> tanh

`build_network` makes the trainable network, `WaveGAN` the frozen generator
around it.
"""

from __future__ import annotations

import dataclasses
import math

import keras
import numpy as np

from tf_inversion import errors
from tf_inversion.generators import base
from tf_inversion.generators.conditional import Condition

STRIDES = {16384: (4,) * 5, 32768: (4,) * 5 + (2,), 65536: (4,) * 6}
START_LENGTH = 16
UPSAMPLE = ("zeros", "nn")
CACHED_KERNEL = 2**22  # values of a kernel beyond which a matrix product beats a convolution


@dataclasses.dataclass(frozen=True)
class WaveGANConfig:
    """What tells one WaveGAN generator from another; the defaults are the official SC09 model."""

    dim: int = 64  # channels of the last hidden layer
    kernel_len: int = 25
    num_channels: int = 1
    latent_dim: int = 100
    slice_len: int = 16384  # samples
    batchnorm: bool = False
    upsample: str = "zeros"  # transposed convolution; "nn": repeat each value, then convolve
    post_filter_len: int = 0  # taps of the learned filter after the tanh; 0: none
    labels: tuple[str, ...] = ()  # of the classes that a conditional generator takes; (): not conditional

    def __post_init__(self):
        object.__setattr__(self, "labels", tuple(self.labels))  # lists in files
        if self.slice_len not in STRIDES:
            raise errors.InvalidArgumentError(
                f"slice_len: {self.slice_len} is none of {', '.join(map(str, STRIDES))}"
            )
        if self.upsample not in UPSAMPLE:
            raise errors.InvalidArgumentError(f"upsample: {self.upsample!r} is none of {', '.join(UPSAMPLE)}")

    @property
    def strides(self) -> tuple[int, ...]:
        """By what each layer lengthens its input."""
        return STRIDES[self.slice_len]

    @property
    def widths(self) -> tuple[int, ...]:
        """Channels before and after each layer, ending with those of the audio."""
        return (*(self.dim << i for i in reversed(range(len(self.strides)))), self.num_channels)


def build_network(config: WaveGANConfig, dtype=None) -> keras.Model:
    """Returns a new, trainable network: z [batch, latent_dim] -> audio [batch, slice_len, channels] float32.

    A conditional one takes z and one-hot vectors [batch, classes].

    Layers are named as the scopes of the official checkpoint: `z_project`,
    `upconv_0`, ..., `pp_filt`; batch normalisation has `_batchnorm` behind.

    Args:
      config: what to build.
      dtype: Keras dtype policy; the global one if None.
    """
    inputs = x = keras.Input((config.latent_dim,), name="z")
    if config.labels:
        inputs = [inputs, keras.Input((len(config.labels),), name="condition")]
        x = keras.layers.Concatenate(dtype=dtype)(inputs)
    x = keras.layers.Dense(START_LENGTH * config.widths[0], dtype=dtype, name="z_project")(x)
    x = keras.layers.Reshape((START_LENGTH, config.widths[0]), dtype=dtype)(x)
    before = "z_project"
    for i, (stride, width) in enumerate(zip(config.strides, config.widths[1:])):
        if config.batchnorm:
            # The momentum and epsilon of TensorFlow 1.
            x = keras.layers.BatchNormalization(
                momentum=0.99, epsilon=1e-3, dtype=dtype, name=f"{before}_batchnorm"
            )(x)
        x = keras.layers.ReLU(dtype=dtype)(x)
        before = f"upconv_{i}"
        if config.upsample == "zeros":
            x = PolyphaseConv1DTranspose(width, config.kernel_len, stride, dtype=dtype, name=before)(x)
        else:
            x = keras.layers.UpSampling1D(stride, dtype=dtype)(x)
            x = keras.layers.Conv1D(width, config.kernel_len, padding="same", dtype=dtype, name=before)(x)
    x = keras.layers.Activation("tanh", dtype="float32")(x)
    if config.post_filter_len:
        x = keras.layers.Conv1D(
            1, config.post_filter_len, padding="same", use_bias=False, dtype="float32", name="pp_filt"
        )(x)
    return keras.Model(inputs, x, name="wavegan_network")


@keras.saving.register_keras_serializable("tf_inversion")
class WaveGAN(base.Generator):
    """A frozen WaveGAN generator, saved in `.keras` files and SavedModels like any layer."""

    def __init__(self, config: WaveGANConfig | dict, **kwargs):
        """Makes a generator with random weights; set them through `.network`.

        Args:
          config: what to build, as WaveGANConfig or its fields in a dict.
          **kwargs: sample_rate and latent_prior, see `base.Generator`; and those of keras.layers.Layer.
        """
        config = config if isinstance(config, WaveGANConfig) else WaveGANConfig(**config)
        super().__init__(
            latent_dim=config.latent_dim,
            num_samples=config.slice_len,
            num_channels=1 if config.post_filter_len else config.num_channels,
            condition=Condition(len(config.labels), labels=config.labels) if config.labels else None,
            **kwargs,
        )
        self.config = config
        self.network = build_network(config, dtype=self.dtype_policy)
        self.network.trainable = False

    def call(self, z, condition=None):
        return self.as_audio(self.network(z if condition is None else [z, condition], training=False))

    def get_config(self) -> dict:
        own = {"config": dataclasses.asdict(self.config), "sample_rate": self.sample_rate}
        return {**super().get_config(), **own, "latent_prior": self.prior.name}


@keras.saving.register_keras_serializable("tf_inversion")
class PolyphaseConv1DTranspose(keras.layers.Layer):
    """A transposed convolution (padding SAME) written as a stride-1 one with `stride` times the filters.

    Output sample `stride * m + r` is a sum over inputs near `m` with every
    stride-th tap of the kernel, from `r` on: one small convolution per phase
    `r`. All phases run as one convolution whose filters, put side by side,
    are read off as consecutive samples. Same result, fewer zeros multiplied
    and a form that every back end runs fast (benchmarks/generator.py).

    [batch, length, channels] -> [batch, stride * length, filters]
    """

    def __init__(self, filters: int, kernel_len: int, stride: int, **kwargs):
        super().__init__(**kwargs)
        self.filters, self.kernel_len, self.stride = filters, kernel_len, stride
        self._taps = _polyphase_taps(kernel_len, stride)

    def build(self, input_shape):
        channels = input_shape[-1]
        self.kernel = self.add_weight(
            name="kernel",
            shape=(len(self._taps), channels, self.stride * self.filters),
            initializer=lambda shape, dtype: self._initial_kernel(channels, dtype),
            constraint=self._zero_unused_taps,
        )
        self.bias = self.add_weight(name="bias", shape=(self.filters,), initializer="zeros")

    def call(self, x):
        length = x.shape[1]
        convolve = self._matrix_product if math.prod(self.kernel.shape) > CACHED_KERNEL else self._convolution
        return keras.ops.reshape(convolve(x), (-1, length * self.stride, self.filters)) + self.bias

    def _convolution(self, x):
        return keras.ops.conv(x, self.kernel, strides=1, padding="same")

    def _matrix_product(self, x):
        """The same convolution, reading the kernel once a batch instead of once a clip."""
        taps, channels, phases = self.kernel.shape
        length = x.shape[1]
        x = keras.ops.pad(x, [[0, 0], [taps // 2, taps // 2], [0, 0]])
        x = keras.ops.concatenate([x[:, i : i + length] for i in range(taps)], axis=-1)
        x = keras.ops.reshape(x, (-1, taps * channels))
        return keras.ops.matmul(x, keras.ops.reshape(self.kernel, (-1, phases)))

    def polyphase_kernel(self, kernel: np.ndarray) -> np.ndarray:
        """Returns a transposed convolution's kernel [kernel_len, filters, channels] in this layer's form."""
        padded = np.concatenate([kernel, np.zeros_like(kernel[:1])])  # what index -1 of an unused tap reads
        by_phase = padded[self._taps]  # [taps, stride, filters, channels]
        return by_phase.transpose(0, 3, 1, 2).reshape(len(self._taps), kernel.shape[2], -1)

    def transposed_kernel(self, kernel: np.ndarray) -> np.ndarray:
        """Returns this layer's kernel as a transposed convolution's [kernel_len, filters, channels]."""
        taps, channels, _ = kernel.shape
        by_phase = kernel.reshape(taps, channels, self.stride, self.filters).transpose(0, 2, 3, 1)
        used = self._taps >= 0
        transposed = np.empty((self.kernel_len, self.filters, channels), kernel.dtype)
        transposed[self._taps[used]] = by_phase[used]
        return transposed

    def _initial_kernel(self, channels: int, dtype):
        """Glorot's uniform initialisation, of the transposed convolution's kernel."""
        kernel = keras.initializers.GlorotUniform()((self.kernel_len, self.filters, channels))
        return keras.ops.cast(self.polyphase_kernel(keras.ops.convert_to_numpy(kernel)), dtype)

    def _zero_unused_taps(self, kernel):
        """Constrains training to kernels of `kernel_len` taps, which leaves a few places unused."""
        used = np.repeat(self._taps >= 0, self.filters, axis=1)[:, None, :]
        return kernel * keras.ops.cast(used, kernel.dtype)

    def get_config(self) -> dict:
        own = {"filters": self.filters, "kernel_len": self.kernel_len, "stride": self.stride}
        return {**super().get_config(), **own}


def _polyphase_taps(kernel_len: int, stride: int) -> np.ndarray:
    """Returns which tap of a kernel each place [taps, stride] of its polyphase form holds; -1: none.

    With padding SAME, `p` samples are cut off in front, so that output sample
    `stride * m + r` meets input `m - j` with tap `stride * j + r + p`.
    """
    p = max(kernel_len - stride, 0) // 2
    reach = max((kernel_len - 1 - p) // stride, (stride - 1 + p) // stride)
    j = np.arange(reach, -reach - 1, -1)
    taps = stride * j[:, None] + np.arange(stride) + p
    return np.where((taps >= 0) & (taps < kernel_len), taps, -1)
