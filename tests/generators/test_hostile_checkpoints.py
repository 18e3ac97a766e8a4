"""Checkpoints, .keras files and SavedModels damaged at random: equal values, or one line."""

import collections
import json
import os
import subprocess
import sys

import hostile_checkpoints
import pytest

from tf_inversion.generators import bundle, checkpoint
from tf_inversion.generators.official_graph import save_official
from tf_inversion.generators.wavegan import WaveGAN, WaveGANConfig

CASES = int(os.environ.get("TF_INVERSION_FUZZ", "40"))


def test_damage_of_any_kind_is_refused_or_without_effect():
    """In a process of its own with little memory: a crash is the last case that it tells of."""
    arguments = [sys.executable, hostile_checkpoints.__file__, "0", str(CASES)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    worker = subprocess.run(arguments, capture_output=True, text=True, env=environment, check=False)
    told = [json.loads(line) for line in worker.stdout.splitlines()]
    assert worker.returncode == 0, f"{told[-1:]}: {worker.stderr[-500:]}"
    outcomes = collections.Counter(case["outcome"] for case in told if "outcome" in case)
    assert set(outcomes) <= {"refused", "equal", "another graph"}, told
    assert outcomes["refused"] > CASES / 2
    assert outcomes.total() == CASES


@pytest.fixture
def index(tmp_path):
    """The index of a checkpoint with a variable in it."""
    save_official(WaveGAN(WaveGANConfig(dim=1, latent_dim=4)), tmp_path / "gan", step=3)
    return tmp_path / "gan" / "model.ckpt-3.index"


def test_an_index_that_tensorflow_wrote_passes(index):
    prefix = index.with_suffix("")
    bundle.check_index(prefix)
    assert checkpoint.read_shapes(prefix)["G/z_project/dense/kernel"] == (4, 256)
    index.unlink()
    bundle.check_index(prefix)


@pytest.mark.parametrize(
    ("name", "before", "after", "message"),
    [
        # A dimension of 256 becomes 383, and the highest bit of a varint's end asks for more.
        ("larger", b"\x12\x03\x08\x80\x02", b"\x12\x03\x08\xff\x02", "larger than its data"),
        ("type", b"\x08\x01\x12", b"\x08\x63\x12", "not a valid|Unable|99"),
        ("wire", b"\x08\x01\x12", b"\x0f\x01\x12", "Error parsing"),
    ],
)
def test_entries_that_can_not_be_are_refused(index, name, before, after, message):
    contents = index.read_bytes()
    assert before in contents
    index.write_bytes(contents.replace(before, after, 1))
    with pytest.raises(ValueError, match=rf"index is damaged: .*({message})"):
        bundle.check_index(index.with_suffix(""))
