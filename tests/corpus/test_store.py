"""Shards in Parquet files."""

import numpy as np
import pytest

from tf_inversion import errors
from tf_inversion.corpus import store
from tf_inversion.latents import load_latents

RECORD = {"method": "encoder", "shard_size": 3}


def write(folder, number, names, failed=(), record=RECORD):
    latents = np.arange(2 * len(names), dtype=np.float32).reshape(-1, 2) + 10 * number
    columns = {
        "path": list(names),
        "label": ["one"] * len(names),
        "status": ["no sound" if name in failed else "ok" for name in names],
        "latents": latents,
        "mse": latents[:, 0],
    }
    store.write(store.path_of(folder, number), columns, record)


@pytest.fixture
def folder(tmp_path):
    write(tmp_path, 1, ["d", "e"])
    write(tmp_path, 0, ["a", "b", "c"], failed=["b"])
    return tmp_path


def test_what_was_written_is_read_in_the_order_of_the_shards(folder):
    latents, names = load_latents(folder)
    assert names == ["a", "c", "d", "e"]
    assert latents.dtype == np.float32
    np.testing.assert_array_equal(latents, [[0, 1], [4, 5], [10, 11], [12, 13]])
    read = store.read(folder, ["label", "mse"])
    assert read["label"].tolist() == ["one"] * 4
    np.testing.assert_array_equal(read["mse"], latents[:, 0])


def test_some_clips_or_one_shard_are_read(folder):
    latents, names = load_latents(folder, ["e", "a"])
    assert names == ["a", "e"]
    np.testing.assert_array_equal(latents, [[0, 1], [12, 13]])
    assert load_latents(store.path_of(folder, 1))[1] == ["d", "e"]


def test_the_same_rows_are_the_same_bytes(folder):
    before = store.path_of(folder, 0).read_bytes()
    write(folder, 0, ["a", "b", "c"], failed=["b"])
    assert store.path_of(folder, 0).read_bytes() == before


def test_what_can_not_be_read_is_told(folder, tmp_path):
    for clips, words in ((["b"], "no latents of b"), (["a", "z"], "no latents of z")):
        with pytest.raises(errors.InvalidArgumentError, match=words):
            load_latents(folder, clips)
    with pytest.raises(errors.InvalidArgumentError, match="without speaker"):
        store.read(folder, ["speaker"])
    (folder / "000002.parquet").write_text("none")
    with pytest.raises(errors.InvalidArgumentError, match="not a data set"):
        load_latents(folder)
    with pytest.raises(errors.InvalidArgumentError, match="not a data set"):
        load_latents(tmp_path / "absent.parquet")


def test_whole_shards_of_the_same_record_are_finished(folder):
    assert store.finished(folder, [3, 2, 3], RECORD) == {0: 1, 1: 0}
    assert store.finished(folder, [3, 3], RECORD) == {0: 1}
    path = store.path_of(folder, 0)
    path.write_bytes(path.read_bytes()[:-50])
    assert store.finished(folder, [3, 2], RECORD) == {1: 0}
    assert store.finished(folder / "absent", [3, 2], RECORD) == {}


def test_shards_of_another_record_are_refused_by_name(folder):
    with pytest.raises(errors.InvalidArgumentError, match=r"^method: 'encoder' made .* not 'hybrid'"):
        store.finished(folder, [3, 2], {**RECORD, "method": "hybrid"})
    with pytest.raises(errors.InvalidArgumentError, match=r"^seed: None made"):
        store.finished(folder, [3, 2], {**RECORD, "seed": 1})
