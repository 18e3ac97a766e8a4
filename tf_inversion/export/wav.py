"""WAV files to clips by plain TensorFlow operations, for models that run without this package.

A served model gets the bytes of a file. TensorFlow's own decoder knows 16 bits
only and not how to resample, so both are done here.
"""

from __future__ import annotations

from collections.abc import Callable

import tensorflow as tf

_PCM, _FLOAT, _EXTENSIBLE = 1, 3, 0xFFFE
_HIGHEST_RATE = 768_000  # Hz; bounds the memory that a header can ask for
# The low-pass filter of soxr's HQ setting: flat up to 0.913 of the lower of the two Nyquist frequencies, and
# nothing beyond it.
_CUTOFF = (0.913 + 1) / 2
_REACH = 100  # samples of the lower rate on either side
_KAISER_BETA = 13.5
_MIN_FILTERS = 64  # each of them makes every so-many-th sample, which bounds the memory at work


def decode(contents: tf.Tensor, num_samples: int, sample_rate: int, name: str) -> tf.Tensor:
    """Decodes WAV files to clips as `audio.clips.load_clips` does: mono, resampled, cut or zero-padded.

    Args:
      contents: string [batch], the bytes of files of any length and number of channels, in PCM of 8 to 32
        bits or float of 32 or 64, at 1 Hz to 768 kHz.
      num_samples, sample_rate: of the clips, in samples and Hz.
      name: what errors call `contents`.

    Returns:
      float32 [batch, num_samples].

    Raises:
      tf.errors.InvalidArgumentError: when it runs on anything else; it tells the item and what is wrong.
    """

    def clip_of(numbered: tuple[tf.Tensor, tf.Tensor]) -> tf.Tensor:
        item, content = numbered

        def check(problem: tf.Tensor) -> tf.Operation:
            where = tf.strings.format(f"{name}: item {{}} ", item)
            return tf.debugging.Assert(problem == "", [where + problem])

        samples, rate = _read(tf.io.decode_raw(content, tf.uint8), num_samples / sample_rate, check)
        samples = tf.cond(
            rate == sample_rate,
            lambda: samples[:num_samples],
            lambda: resample(samples, rate, num_samples, sample_rate),
        )
        samples = tf.pad(samples, [[0, num_samples - tf.size(samples)]])
        return tf.ensure_shape(samples, [num_samples])

    return tf.map_fn(clip_of, (tf.range(tf.size(contents)), contents), fn_output_signature=tf.float32)


def _read(octets: tf.Tensor, seconds: float, check: Callable) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns a file's samples float32 [n], channels averaged, what `seconds` need of them, and its rate."""
    size = tf.size(octets, tf.int64)
    octets = tf.pad(octets, [[0, 64]])  # so that fields of a header that is cut off can be read

    def number(position: tf.Tensor | int, width: int) -> tf.Tensor:
        digits = tf.cast(octets[position : position + width], tf.int64)
        return tf.reduce_sum(digits * [256**i for i in range(width)])

    def next_chunk(position, layout, data):
        layout = tf.where(number(position, 4) == _as_number("fmt "), position + 8, layout)
        data = tf.where(number(position, 4) == _as_number("data"), position + 8, data)
        length = number(position + 4, 4)
        return position + 8 + length + length % 2, layout, data

    start = tf.constant(12, tf.int64)  # of the first chunk; for what follows: not found
    _, layout, data = tf.while_loop(
        lambda position, _, data: (position + 8 <= size) & (data == start), next_chunk, (start, start, start)
    )
    encoding, channels, rate = number(layout, 2), number(layout + 2, 2), number(layout + 4, 4)
    encoding = tf.where(encoding == _EXTENSIBLE, number(layout + 24, 2), encoding)
    frame = number(layout + 12, 2)  # octets of all channels' samples at one time
    width = frame // tf.maximum(channels, 1)
    known = (encoding == _PCM) & (width <= 4) | (encoding == _FLOAT) & ((width == 4) | (width == 8))
    available = tf.minimum(number(data - 4, 4), size - data) // tf.maximum(frame, 1)
    problem = first_problem(
        ((number(0, 4) != _as_number("RIFF")) | (number(8, 4) != _as_number("WAVE")), "is not a WAV file"),
        ((layout == start) | (data == start), "is a WAV file without format or samples"),
        (
            ~known | (frame == 0) | (frame != width * channels),
            "is a WAV file of another encoding than PCM of 8 to 32 bits or float",
        ),
        ((rate < 1) | (rate > _HIGHEST_RATE), f"has a sample rate that is not from 1 to {_HIGHEST_RATE} Hz"),
        (available == 0, "holds no audio"),
    )
    with tf.control_dependencies([check(problem)]):
        width, rate = tf.identity(width), tf.identity(rate)
    wanted = tf.cast(tf.math.ceil(tf.cast(rate, tf.float64) * seconds), tf.int64) + _reach(rate, 1)
    raw = octets[data : data + frame * tf.minimum(available, wanted)]
    samples = tf.reduce_mean(tf.reshape(_to_float(raw, width, encoding == _PCM), [-1, channels]), 1)
    finite = tf.reduce_all(tf.math.is_finite(samples))
    with tf.control_dependencies([check(tf.where(finite, "", "holds NaN or infinity"))]):
        return tf.identity(samples), rate


def first_problem(*cases: tuple[tf.Tensor, str | tf.Tensor]) -> tf.Tensor:
    """Returns the text of the first (condition, text) whose condition holds; "" if none does."""
    problem = tf.constant("")
    for wrong, text in reversed(cases):
        problem = tf.where(wrong, text, problem)
    return problem


def _as_number(chunk: str) -> int:
    return int.from_bytes(chunk.encode(), "little")


def _to_float(raw: tf.Tensor, width: tf.Tensor, pcm: tf.Tensor) -> tf.Tensor:
    """Returns little-endian samples, `width` octets each, as float32, full scale at 1."""

    def integers():
        octets = tf.reshape(raw, [-1, width])
        octets = tf.where(width == 1, tf.bitwise.bitwise_xor(octets, 128), octets)  # 8 bits have no sign
        octets = tf.reshape(tf.pad(octets, [[0, 0], [4 - width, 0]]), [-1, 4])
        return tf.cast(tf.bitcast(octets, tf.int32), tf.float32) / 2**31

    def floats(dtype: tf.DType):
        return tf.cast(tf.bitcast(tf.reshape(raw, [-1, dtype.size]), dtype), tf.float32)

    kind = tf.cast(tf.where(pcm, tf.zeros_like(width), width // 4), tf.int32)
    return tf.switch_case(kind, [integers, lambda: floats(tf.float32), lambda: floats(tf.float64)])


def resample(samples: tf.Tensor, rate: tf.Tensor, num_samples: int, sample_rate: int) -> tf.Tensor:
    """Resamples by a windowed sinc, a filter for each position that an output has between two inputs.

    Exact to 3e-7 for sines up to 0.9 of the lower Nyquist frequency. From soxr's HQ setting, which Python
    uses, white noise differs by -54 dB; the pretrained inverter's latents of fifty recordings by no more than
    6e-4 (8 kHz) and 3e-4 (22.05, 44.1 and 48 kHz), of a standard deviation of 0.09.

    Args:
      samples: float32 [n].
      rate: theirs, int64 [], in Hz.
      num_samples: no more outputs than that.
      sample_rate: theirs, in Hz.

    Returns:
      float32 [num_samples], zero beyond the end of the sound.
    """
    steps = tf.range(1, sample_rate + 1, dtype=tf.int64)
    period = 1 + tf.argmax(tf.cast(steps * rate % sample_rate == 0, tf.int32))
    num_filters = tf.minimum(period * -(-_MIN_FILTERS // period), num_samples)
    stretch = tf.maximum(
        tf.cast(rate / sample_rate, tf.float64), 1.0
    )  # of the filter, when it lowers the rate
    reach = _reach(rate, sample_rate)
    taps = tf.range(1 - reach, reach + 1)
    # Filter i makes outputs i, i + num_filters, and so on, which lie a whole number of inputs apart.
    hop = num_filters * rate // sample_rate
    hops = hop * tf.range(-(-num_samples // num_filters))
    padded = tf.pad(samples, [[reach, reach + hops[-1] + hop]])

    def outputs(i: tf.Tensor) -> tf.Tensor:
        before, remainder = i * rate // sample_rate, i * rate % sample_rate
        distance = tf.cast(taps, tf.float64) - tf.cast(remainder / sample_rate, tf.float64)
        kernel = tf.cast(_kernel(distance / stretch) / stretch, tf.float32)
        return tf.linalg.matvec(tf.gather(padded, before + reach + hops[:, None] + taps), kernel)

    resampled = tf.map_fn(outputs, tf.range(num_filters), fn_output_signature=tf.float32)
    resampled = tf.reshape(tf.transpose(resampled), [-1])[:num_samples]
    length = (2 * tf.size(samples, tf.int64) * sample_rate + rate) // (2 * rate)
    return tf.where(tf.range(num_samples, dtype=tf.int64) < length, resampled, 0.0)


def _reach(rate: tf.Tensor, sample_rate: int) -> tf.Tensor:
    """Returns how many inputs at `rate` the filter reaches on either side."""
    return tf.maximum(-(-_REACH * rate // sample_rate), _REACH)


def _kernel(x: tf.Tensor) -> tf.Tensor:
    """The low-pass filter at positions in samples of the lower rate: a sinc under a Kaiser window."""
    window = tf.math.bessel_i0(_KAISER_BETA * tf.sqrt(tf.maximum(1 - (x / _REACH) ** 2, 0.0)))
    window = tf.where(tf.abs(x) < _REACH, window, 0.0) / tf.math.bessel_i0(tf.constant(_KAISER_BETA, x.dtype))
    return _CUTOFF * tf.experimental.numpy.sinc(_CUTOFF * x) * window
