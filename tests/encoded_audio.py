"""Audio files as bytes: encoded by libsndfile, or WAV files laid out by hand."""

import io
import struct

import numpy as np
import soundfile

CONTAINERS = [  # one of each that is read, with its encoding
    *("WAV/PCM_16", "RF64/PCM_16", "W64/PCM_16", "AIFF/PCM_16", "AU/PCM_16", "CAF/PCM_16", "NIST/PCM_16"),
    *("FLAC/PCM_16", "OGG/VORBIS", "OGG/OPUS", "MP3/MPEG_LAYER_III"),
]


def noise(num_frames=4000, channels=1, seed=0):
    return np.random.default_rng(seed).uniform(-0.5, 0.5, (num_frames, channels)).astype(np.float32)


def encoded(kind, samples, rate=16000):
    """Returns a file in a container and encoding, as in "WAV/PCM_16"."""
    container, encoding = kind.split("/")
    file = io.BytesIO()
    soundfile.write(file, samples, rate, format=container, subtype=encoding)
    return file.getvalue()


def chunk(name, contents, size=None):
    """Returns a chunk of a RIFF file, padded, that claims to be of its own size or of another."""
    size = len(contents) if size is None else size
    return name + struct.pack("<I", size) + contents + b"\0" * (len(contents) % 2)


def fmt(channels=1, rate=16000, bits=16, block=None, tag=1):
    block = channels * bits // 8 if block is None else block
    fields = (tag, channels, rate, rate * block % 2**32, block, bits)
    return chunk(b"fmt ", struct.pack("<HHIIHH", *fields))


def riff(*chunks, size=None, mark=b"RIFF", form=b"WAVE"):
    body = form + b"".join(chunks)
    return mark + struct.pack("<I", len(body) if size is None else size) + body


def ogg_page(contents, flags=0, granule=0, sequence=0):
    """Returns a page of an Ogg stream, without its checksum."""
    lacing = bytes([255] * (len(contents) // 255) + [len(contents) % 255])
    fields = struct.pack("<BBqIII", 0, flags, granule, 1, sequence, 0)
    return b"OggS" + fields + bytes([len(lacing)]) + lacing + contents
