"""A folder of clips in shards."""

import itertools

from tf_inversion.audio.layouts import read_folder
from tf_inversion.corpus.settings import METRICS
from tf_inversion.corpus.shards import cut
from tf_inversion.evaluation.columns import COLUMNS


def test_shards_hold_every_clip_once_in_the_order_of_names(tmp_path):
    names = [
        f"{digit}_{speaker}_{i}.wav" for digit, speaker, i in itertools.product("17", ("ann", "bo"), range(6))
    ]
    for name in names:
        (tmp_path / name).touch()
    shards = list(cut(read_folder(tmp_path), 5))
    assert [shard.number for shard in shards] == [0, 1, 2, 3, 4]
    assert [len(shard) for shard in shards] == [5, 5, 5, 5, 4]
    assert [name for shard in shards for name in shard.names] == sorted(names)
    assert shards[0].paths[0] == str(tmp_path / sorted(names)[0])
    for shard in shards:
        assert shard.labels == ["one" if name[0] == "1" else "seven" for name in shard.names]
        assert shard.speakers == [name.split("_")[1] for name in shard.names]
        assert shard.splits == ["valid" if name.endswith("_5.wav") else "test" for name in shard.names]


def test_clips_without_labels_and_speakers(tmp_path):
    (tmp_path / "noise.wav").touch()
    (shard,) = cut(read_folder(tmp_path), 5)
    assert (shard.labels, shard.speakers) == (None, None)


def test_metrics_are_the_measured_columns():
    assert {column.key for column in COLUMNS if column.measure} == {*METRICS}
