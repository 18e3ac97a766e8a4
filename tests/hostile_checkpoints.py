"""Loads generators of files damaged at random, and prints what came of each: a worker, for it may die.

python hostile_checkpoints.py FIRST COUNT: a line of JSON for each case, {"case", "damage", "outcome"}.
The outcome is "equal" (the values are those that were written), "refused" or what is wrong.
"""

import json
import random
import resource
import shutil
import struct
import sys
import tempfile
from pathlib import Path

import numpy as np
import official_wavegan

from tf_inversion import errors
from tf_inversion.generators.loading import load_generator
from tf_inversion.generators.wavegan import WaveGAN, WaveGANConfig

MEMORY = 3 * 2**30  # bytes beyond what the process has when it begins
_CRC32C = [0] * 256
for _byte in range(256):
    _CRC32C[_byte] = _byte
    for _ in range(8):
        _CRC32C[_byte] = _CRC32C[_byte] >> 1 ^ (0x82F63B78 if _CRC32C[_byte] & 1 else 0)


def flip(contents: bytearray, rng: random.Random) -> bytearray:
    for _ in range(rng.choice([1, 1, 2, 8])):
        contents[rng.randrange(len(contents))] = rng.randrange(256)
    return contents


def cut(contents: bytearray, rng: random.Random) -> bytearray:
    return contents[: rng.randrange(len(contents))]


def overwrite(contents: bytearray, rng: random.Random) -> bytearray:
    start, length = rng.randrange(len(contents)), rng.choice([4, 100, 4096])
    filling = rng.choice([b"\0", b"\xff", rng.randbytes(1)])
    contents[start : start + length] = filling * len(contents[start : start + length])
    return contents


def insert(contents: bytearray, rng: random.Random) -> bytearray:
    start = rng.randrange(len(contents))
    contents[start:start] = rng.randbytes(rng.choice([1, 8, 500]))
    return contents


def flip_under_checksum(contents: bytearray, rng: random.Random) -> bytearray:
    """Damages the variables' names, shapes and places in an index, and makes its checksum right again."""
    original = bytes(contents)
    checksum = 0xFFFFFFFF
    for length, byte in enumerate(original):  # one block and its kind, then its checksum
        checksum = _CRC32C[checksum & 255 ^ byte] ^ checksum >> 8
        if length > 100 and _masked(checksum) == struct.unpack_from("<I", original, length + 1)[0]:
            break
    contents[:length] = flip(contents[:length], rng)
    checksum = 0xFFFFFFFF
    for byte in contents[: length + 1]:
        checksum = _CRC32C[checksum & 255 ^ byte] ^ checksum >> 8
    contents[length + 1 : length + 5] = struct.pack("<I", _masked(checksum))
    return contents


def _masked(checksum: int) -> int:
    checksum ^= 0xFFFFFFFF
    return ((checksum >> 15 | checksum << 17) + 0xA282EAD8) & 0xFFFFFFFF


#: What is damaged, relative to the folder, how it is loaded, and whether a checksum guards its every byte.
TARGETS = {
    "gan/model.ckpt.index": ("gan", {}, True),
    "gan/model.ckpt.data-00000-of-00001": ("gan", {}, True),
    "gan/infer.meta": ("gan", {"original_graph": True}, False),
    "generator.keras": ("generator.keras", {}, True),
    "saved/saved_model.pb": ("saved", {}, False),
    "saved/variables/variables.index": ("saved", {}, True),
}


def attempt(folder: Path, target: str, z: np.ndarray, expected: np.ndarray) -> str:
    path, options, guarded = TARGETS[target]
    try:
        generator = load_generator(folder / path, **options)
        audio = generator(z)
    except errors.ModelFileError as error:
        return "refused" if len(str(error).splitlines()) == 1 else f"several lines: {error}"
    except Exception as error:
        return f"{type(error).__name__}: {str(error)[:300]}"
    equal = np.allclose(audio, expected, atol=1e-5) if audio.shape == expected.shape else False
    return "equal" if equal else "other values" if guarded else "another graph"


def main(first: int, count: int) -> None:
    with tempfile.TemporaryDirectory() as temporary:
        whole, folder = Path(temporary) / "whole", Path(temporary) / "damaged"
        config = WaveGANConfig(dim=1, latent_dim=4, kernel_len=5)
        official_wavegan.write(whole / "gan", config, flat=True)
        generator = load_generator(whole / "gan")
        assert isinstance(generator, WaveGAN)
        generator.to_model().save(whole / "generator.keras")
        generator.to_model().export(whole / "saved", verbose=False)
        z = generator.draw_latents(2, seed=0)
        expected = generator(z)
        used = int(Path("/proc/self/statm").read_text(encoding="utf-8").split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY, used + MEMORY))
        shutil.copytree(whole, folder)
        for case in range(first, first + count):
            rng = random.Random(case)
            target = rng.choices(list(TARGETS), [4, 4, 2, 2, 1, 1])[0]
            damages = [flip, flip, cut, overwrite, insert]
            damage = rng.choice(damages + 3 * [flip_under_checksum] * target.endswith("index"))
            (folder / target).write_bytes(damage(bytearray((whole / target).read_bytes()), rng))
            told = {"case": case, "damage": f"{damage.__name__} {target}"}
            print(json.dumps(told), flush=True)
            outcome = attempt(folder, target, z, expected)
            print(json.dumps({**told, "outcome": outcome}), flush=True)
            shutil.copy(whole / target, folder / target)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
