"""Labels and splits found by looking at a folder."""

import pytest

from tf_inversion import errors
from tf_inversion.audio.layouts import DIGITS, ClipList, audio_files, find_clips, speakers


def make(root, *names):
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()


def found(root, split):
    """Names and their classes."""
    clips = find_clips(root, split)
    labels = [clips.label_names[label] for label in clips.labels] if clips.labels else [None] * len(clips)
    return {path.removeprefix(f"{root}/"): label for path, label in zip(clips.paths, labels)}


def test_sc09(tmp_path):
    make(
        tmp_path, "train/Zero_a.wav", "train/Nine_b.wav", "valid/One_c.wav", "test/Two_d.wav", "train/README"
    )
    assert found(tmp_path, "train") == {"train/Nine_b.wav": "nine", "train/Zero_a.wav": "zero"}
    assert found(tmp_path, "valid") == {"valid/One_c.wav": "one"}
    assert found(tmp_path, "test") == {"test/Two_d.wav": "two"}
    assert len(found(tmp_path, "all")) == 4
    assert find_clips(tmp_path, "valid").labels == [1]


def test_speech_commands_with_its_lists(tmp_path):
    make(
        tmp_path, "two/a_nohash_0.wav", "cat/b_nohash_0.wav", "two/c_nohash_0.wav", "_background_noise_/n.wav"
    )
    (tmp_path / "validation_list.txt").write_text("cat/b_nohash_0.wav\n")
    (tmp_path / "testing_list.txt").write_text("two/c_nohash_0.wav\n")
    assert found(tmp_path, "train") == {"two/a_nohash_0.wav": "two"}
    assert found(tmp_path, "valid") == {"cat/b_nohash_0.wav": "cat"}
    assert found(tmp_path, "test") == {"two/c_nohash_0.wav": "two"}
    assert find_clips(tmp_path, "all").label_names == [*DIGITS, "cat"]


@pytest.mark.parametrize("bad", ["validation_list.txt", "testing_list.txt"])
@pytest.mark.parametrize("contents", [None, b"two/\xff.wav\n"])
def test_both_lists_are_needed(tmp_path, bad, contents):
    make(tmp_path, "two/a_nohash_0.wav", "validation_list.txt", "testing_list.txt")
    (tmp_path / bad).unlink()
    if contents:
        (tmp_path / bad).write_bytes(contents)
    with pytest.raises(errors.DatasetError, match=f"{bad}: missing or no text file; .* need validation_list"):
        find_clips(tmp_path, "test")


@pytest.mark.parametrize("folder", ["", "recordings/"])
def test_fsdd(tmp_path, folder):
    make(tmp_path, *(f"{folder}7_theo_{index}.wav" for index in (0, 4, 5, 9, 10, 49)))
    assert found(tmp_path, "test") == {f"{folder}7_theo_{index}.wav": "seven" for index in (0, 4)}
    assert found(tmp_path, "valid") == {f"{folder}7_theo_{index}.wav": "seven" for index in (5, 9)}
    assert found(tmp_path, "train") == {f"{folder}7_theo_{index}.wav": "seven" for index in (10, 49)}
    assert find_clips(tmp_path, "all").label_names == list(DIGITS)


def test_the_real_fsdd(fsdd_dir):
    splits = {split: find_clips(fsdd_dir, split) for split in ("train", "valid", "test", "all")}
    assert {split: len(clips) for split, clips in splits.items()} == {
        "train": 2400,
        "valid": 300,
        "test": 300,
        "all": 3000,
    }
    assert all(clips.labels.count(7) == len(clips) // 10 for clips in splits.values())


def test_a_folder_per_class_is_split_by_speaker(tmp_path):
    speakers = range(100)
    make(
        tmp_path,
        *(f"{animal}/{i}_nohash_{k}.ogg" for animal in ("owl", "cat") for i in speakers for k in "01"),
    )
    splits = {split: found(tmp_path, split) for split in ("train", "valid", "test")}
    assert find_clips(tmp_path, "train").label_names == ["cat", "owl"]
    assert sum(map(len, splits.values())) == len(found(tmp_path, "all")) == 400
    assert 12 < len(splits["valid"]) < 80
    assert 12 < len(splits["test"]) < 80
    for names in splits.values():  # whatever a speaker has said lies in the same split
        assert len(names) == 4 * len({name.split("/")[1].split("_")[0] for name in names})
    make(tmp_path, "owl/100_nohash_0.ogg")  # a new clip moves no other
    assert splits["valid"].items() <= found(tmp_path, "valid").items()


def test_plain_files_are_unlabelled_but_split_too(tmp_path):
    make(tmp_path, *(f"{i}.wav" for i in range(100)), "deeper/more.FLAC", ".hidden.wav", "notes.txt")
    clips = find_clips(tmp_path, "all")
    assert len(clips) == 101
    assert clips.labels is None
    assert sum(len(find_clips(tmp_path, split)) for split in ("train", "valid", "test")) == 101


def test_a_missing_or_empty_folder_or_split_is_told(tmp_path):
    with pytest.raises(errors.DatasetError, match="no such folder"):
        find_clips(tmp_path / "absent")
    with pytest.raises(errors.DatasetError, match="no audio files"):
        find_clips(tmp_path)
    make(tmp_path, "train/Zero_a.wav")
    with pytest.raises(errors.DatasetError, match=r"'valid'; its 1 clips are in: train; add some, or lay"):
        find_clips(tmp_path, "valid")
    with pytest.raises(errors.InvalidArgumentError, match="'dev'"):
        find_clips(tmp_path, "dev")


def test_files_folders_and_globs_are_expanded_once(tmp_path):
    make(tmp_path, "a.wav", "b[1].wav", "folder/c.mp3", "folder/deeper/d.wav", "folder/text.txt")
    paths = [
        tmp_path / "a.wav",
        tmp_path / "folder",
        str(tmp_path / "*.wav"),
        tmp_path / "b[1].wav",
        "absent.wav",
    ]
    names = ["a.wav", "folder/c.mp3", "folder/deeper/d.wav", "b[1].wav"]
    assert audio_files(paths) == [*(str(tmp_path / name) for name in names), "absent.wav"]
    with pytest.raises(errors.DatasetError, match="no audio files"):
        audio_files([tmp_path / "*.ogg"])


def test_speakers_by_fsdd_names():
    assert speakers(["a/3_george_12.wav", "0_theo_0.mp3"]) == ["george", "theo"]
    assert speakers(["3_george_12.wav", "Zero_a.wav"]) is None


def test_clips_of_a_class_are_repeated():
    clips = ClipList(["a", "b", "c"], [1, 0, 1], ["zero", "one"])
    assert clips.repeat({"one": 2}) == ClipList(["a", "a", "b", "c", "c"], [1, 1, 0, 1, 1], ["zero", "one"])
    assert clips.repeat({}) == clips
    with pytest.raises(
        errors.DatasetError, match="no clips of two to repeat; classes of the clips: zero, one"
    ):
        clips.repeat({"two": 2})
    with pytest.raises(errors.DatasetError, match="no clips of zero to repeat; classes of the clips: one"):
        clips.pick([0]).repeat({"zero": 2})
    assert ClipList(["a"]).repeat({}) == ClipList(["a"])
    with pytest.raises(errors.DatasetError, match="classes of the clips: none, they have no labels"):
        ClipList(["a"]).repeat({"zero": 2})
