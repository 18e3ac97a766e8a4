"""Labels and splits found by looking at a folder."""

import os

import pytest

from tf_inversion import errors
from tf_inversion.audio.layouts import ClipList, find_clips, read_folder, speakers


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
    clips = find_clips(tmp_path, "valid")
    assert (clips.labels, clips.label_names) == ([1], ["zero", "one", "two", "nine"])


def test_speech_commands_with_its_lists(tmp_path):
    make(
        tmp_path, "two/a_nohash_0.wav", "cat/b_nohash_0.wav", "two/c_nohash_0.wav", "_background_noise_/n.wav"
    )
    (tmp_path / "validation_list.txt").write_text("cat/b_nohash_0.wav\n")
    (tmp_path / "testing_list.txt").write_text("two/c_nohash_0.wav\n")
    assert found(tmp_path, "train") == {"two/a_nohash_0.wav": "two"}
    assert found(tmp_path, "valid") == {"cat/b_nohash_0.wav": "cat"}
    assert found(tmp_path, "test") == {"two/c_nohash_0.wav": "two"}
    assert find_clips(tmp_path, "all").label_names == ["two", "cat"]


@pytest.mark.parametrize("bad", ["validation_list.txt", "testing_list.txt"])
@pytest.mark.parametrize("contents", [None, "two/a.wav\n".encode("utf-16")])
def test_both_lists_are_needed(tmp_path, bad, contents):
    make(tmp_path, "two/a_nohash_0.wav", "validation_list.txt", "testing_list.txt")  # empty lists are fine
    assert len(find_clips(tmp_path, "train")) == 1
    (tmp_path / bad).unlink()
    if contents:
        (tmp_path / bad).write_bytes(contents)
    with pytest.raises(errors.DatasetError, match=f"{bad}: (missing; .* need validation_list|no text file)"):
        find_clips(tmp_path, "test")


@pytest.mark.parametrize("folder", ["", "recordings/"])
def test_fsdd(tmp_path, folder):
    make(tmp_path, *(f"{folder}7_theo_{index}.wav" for index in (0, 4, 5, 9, 10, 49)))
    assert found(tmp_path, "test") == {f"{folder}7_theo_{index}.wav": "seven" for index in (0, 4)}
    assert found(tmp_path, "valid") == {f"{folder}7_theo_{index}.wav": "seven" for index in (5, 9)}
    assert found(tmp_path, "train") == {f"{folder}7_theo_{index}.wav": "seven" for index in (10, 49)}
    assert find_clips(tmp_path, "all").label_names == ["seven"]


def test_the_real_fsdd(fsdd_dir):
    splits = {split: find_clips(fsdd_dir, split) for split in ("train", "valid", "test", "all")}
    assert {split: len(clips) for split, clips in splits.items()} == {
        "train": 2400,
        "valid": 300,
        "test": 300,
        "all": 3000,
    }
    assert all(clips.labels.count(7) == len(clips) // 10 for clips in splits.values())


@pytest.mark.parametrize(
    ("train", "valid", "test"),
    [
        ("train", "val", "test"),
        ("Train", "Validation", "Test"),
        ("TRAINING", "DEV", "TESTING"),
        ("training_set", "devel", "test-set"),
        ("train-clean-100", "dev-clean", "test-clean"),
        ("train", "dev", "eval"),
        ("train", "eval", "test"),
    ],
)
@pytest.mark.parametrize("order", ["{split}/{word}", "{word}/{split}", "corpus/v2/{split}/clips/{word}"])
def test_folders_of_splits_in_their_usual_spellings(tmp_path, train, valid, test, order):
    names = {
        split: [f"{order.format(split=folder, word=word)}/{split}.wav" for word in ("owl", "cat")]
        for split, folder in (("train", train), ("valid", valid), ("test", test))
    }
    make(tmp_path, *(name for of_split in names.values() for name in of_split))
    for split, of_split in names.items():
        assert found(tmp_path, split) == dict(zip(of_split, ("owl", "cat")))


def test_one_class_may_be_called_like_a_split(tmp_path):
    make(tmp_path, "train/a.wav", "car/b.wav", "plane/c.wav")
    assert found(tmp_path, "all") == {"car/b.wav": "car", "plane/c.wav": "plane", "train/a.wav": "train"}


@pytest.mark.parametrize("other", ["noise/c.wav", "c.wav"])
@pytest.mark.parametrize("above", ["", "corpus/"])
def test_folders_of_splits_beside_others_are_not_guessed_at(tmp_path, other, above):
    make(tmp_path, *(above + name for name in ("Train/a.wav", "val/b.wav", other)))
    with pytest.raises(
        errors.DatasetError, match=r"has folders of splits, Train, val, and others beside them"
    ):
        find_clips(tmp_path, "all")


def test_lists_are_read_by_lines_whatever_their_bytes(tmp_path, caplog):
    odd = os.fsdecode(b"two/\xff.wav")
    make(tmp_path, "a b/1.wav", "a b/2.wav", "two/é.wav", odd, "two/3.wav")
    (tmp_path / "validation_list.txt").write_bytes("\ufeff./two/é.wav\r\n\r\n".encode())
    (tmp_path / "testing_list.txt").write_bytes(b"a b/1.wav\ntwo/\xff.wav\ntwo/3.flac\n two/4.wav \n")
    assert list(found(tmp_path, "test")) == ["a b/1.wav", odd]
    assert list(found(tmp_path, "valid")) == ["two/é.wav"]
    assert list(found(tmp_path, "train")) == ["a b/2.wav", "two/3.wav"]
    assert "testing_list.txt: 2 of its 4 entries are no files: two/3.flac" in caplog.text
    (tmp_path / "testing_list.txt").write_text("two/é.wav\n")
    assert list(found(tmp_path, "test")) == ["two/é.wav"]
    assert "1 of its entries are in another list too; they are taken for test" in caplog.text


def test_lists_of_other_files_are_refused(tmp_path):
    make(tmp_path, "two/1.flac", "one/1.flac")
    (tmp_path / "validation_list.txt").write_text("two/1.flac\n")
    (tmp_path / "testing_list.txt").write_text("two/1.wav\none/1.wav\n")
    with pytest.raises(
        errors.DatasetError, match=r"testing_list\.txt: none of its 2 entries is a file there"
    ):
        find_clips(tmp_path)


def test_the_lists_of_a_corpus_of_one_class_or_inside_a_folder(tmp_path):
    make(tmp_path, "corpus/two/1.wav", "corpus/two/2.wav", "corpus/validation_list.txt")
    (tmp_path / "corpus/testing_list.txt").write_text("two/2.wav\n")
    for root, above in ((tmp_path, "corpus/"), (tmp_path / "corpus", "")):
        assert found(root, "test") == {f"{above}two/2.wav": None}


def test_classes_and_counts_are_told(tmp_path):
    make(
        tmp_path,
        *(f"{split}/{word}/{i}.wav" for split in ("train", "dev") for word in ("up", "one") for i in "ab"),
    )
    make(tmp_path, "train/up/c.wav")
    assert read_folder(tmp_path).summary() == [
        f"{tmp_path}: 9 clips, 2 classes; splits by its folders",
        "  train 5: one 2, up 3",
        "  valid 4: one 2, up 2",
        "  test 0: one 0, up 0",
    ]
    make(tmp_path, *(f"train/{i}/{i}.wav" for i in range(60)))
    assert read_folder(tmp_path).summary()[1] == "  train 65: 0 to 3 of a class".replace("0 to", "1 to")


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


def test_speakers_by_the_names_of_fsdd_and_speech_commands():
    assert speakers(["a/3_george_12.wav", "0_theo_0.mp3"]) == ["george", "theo"]
    assert speakers(["up/0a7c2a8d_nohash_1.flac", "test/Zero_ff_nohash_0.wav"]) == ["0a7c2a8d", "ff"]
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
