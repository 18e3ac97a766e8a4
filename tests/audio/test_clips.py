"""The preprocessing of clips, and the data sets made of them."""

import logging
import os

import numpy as np
import pytest
import soundfile
from encoded_audio import encoded, noise

from tf_inversion import errors
from tf_inversion.audio import decoding, files
from tf_inversion.audio.clips import ClipList, check_clips, clip_dataset, find_clips, load_clips

N = 1000  # samples of a clip, at 16 kHz


@pytest.fixture
def write(tmp_path):
    """Writes a clip and returns its path."""

    def write(name, samples, rate=16000):
        soundfile.write(tmp_path / name, np.asarray(samples, np.float32), rate, subtype="FLOAT")
        return str(tmp_path / name)

    return write


@pytest.fixture
def ten(write):
    """Clips that say their own number."""
    return ClipList([write(f"{i}.wav", np.full(700, i / 10)) for i in range(10)], list(range(10)))


def numbers(dataset):
    """The clips of each batch, by what they say; their labels agree."""
    batches = []
    for audio, labels in dataset.as_numpy_iterator():
        said = np.round(audio[:, 0] * 10).astype(int).tolist()
        assert said == labels.tolist()
        batches.append(said)
    return batches


def test_a_clip_of_next_to_nothing_keeps_its_place(write):
    tiny, plain = write("tiny.wav", [0.5], rate=44100), write("plain.wav", np.full(700, 0.5))
    clips = load_clips([tiny, plain], N)
    assert clips.names == ["tiny", "plain"]
    assert clips.audio.shape == (2, N)
    assert clips.audio[1, 0] == 0.5


def test_a_clip_is_cut_or_padded_at_the_end(write):
    short, long = np.linspace(0.1, 0.5, 600), np.linspace(0.1, 0.5, 1700)
    audio = load_clips([write("short.wav", short), write("long.wav", long)], N).audio
    np.testing.assert_array_equal(audio[0], np.pad(short, (0, 400)).astype(np.float32))
    np.testing.assert_array_equal(audio[1], long[:N].astype(np.float32))


def test_the_level_is_untouched_unless_a_peak_is_asked_for(write):
    paths = [write("quiet.wav", 0.01 * np.sin(np.arange(N))), write("silent.wav", np.full(N, 1e-6))]
    assert np.abs(load_clips(paths, N).audio).max(axis=1) == pytest.approx([0.01, 1e-6], rel=1e-4)
    assert np.abs(load_clips(paths, N, peak=0.9).audio).max(axis=1) == pytest.approx([0.9, 1e-6])
    ((audio, _),) = clip_dataset(ClipList(paths), batch_size=2, num_samples=N, peak=0.9)
    np.testing.assert_array_equal(audio, load_clips(paths, N, peak=0.9).audio)


@pytest.mark.parametrize("rate", [8000, 44100])
def test_a_slice_of_a_resampled_file_is_that_of_the_whole_file_resampled(write, rate):
    """No matter that only the first part of it is read; down to -80 dB."""
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, rate)
    audio = load_clips([write("noise.wav", noise, rate)], N).audio[0]
    np.testing.assert_allclose(audio, files.resample(noise.astype(np.float32), rate, 16000)[:N], atol=1e-4)


def test_every_slice_is_loaded_on_request(write):
    ramp = np.linspace(0.1, 0.9, 2500)
    clips = load_clips([write("long.wav", ramp), write("short.wav", ramp[:10])], N, all_slices=True)
    assert clips.names == ["long_0000", "long_0001", "long_0002", "short"]
    assert [os.path.basename(path) for path in clips.paths] == ["long.wav"] * 3 + ["short.wav"]
    np.testing.assert_array_equal(clips.audio[:3].ravel()[:2500], ramp.astype(np.float32))
    assert not clips.audio[:3].ravel()[2500:].any()
    assert not clips.report.longer


def test_clips_of_several_channels(write):
    stereo = np.stack([np.linspace(0.1, 0.5, 2700), np.linspace(-0.4, -0.1, 2700)])
    mono = np.linspace(0.1, 0.3, 600)
    paths = [write("stereo.wav", stereo.T), write("mono.wav", mono), write("other.wav", np.ones([50, 3]))]
    options = {"num_channels": 2, "peak": 0.8}
    loaded = load_clips(paths, N, all_slices=True, **options)
    assert loaded.audio.shape == (4, 2, N)
    np.testing.assert_allclose(loaded.audio[0], 2 * stereo[:, :N], rtol=1e-5)
    np.testing.assert_allclose(loaded.audio[3, 1, :600], 0.8 / 0.3 * mono, rtol=1e-5)
    (message,) = loaded.report.unreadable.values()
    assert message.endswith("other.wav: has 3 channels, but 2 are wanted; mix it down")
    checked = check_clips(ClipList(paths[:2]), N, num_channels=2)
    ((batch, _),) = clip_dataset(checked, batch_size=4, num_samples=N, peak=0.8)
    np.testing.assert_allclose(batch, loaded.audio[[0, 3]], rtol=1e-6)
    resampled = load_clips(paths[:1], N, 8000, num_channels=2).audio[0]
    for channel, samples in zip(resampled, stereo):
        alone = load_clips([write("alone.wav", samples)], N, 8000).audio[0]
        np.testing.assert_allclose(channel, alone, atol=1e-5)


def test_clips_of_the_same_name_are_kept_apart(tmp_path, write):
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
    paths = [write(name, np.ones(10)) for name in ("one/a.wav", "two/a.wav", "a_2.wav")]
    clips = load_clips(paths, N)
    assert (clips.names, clips.paths) == (["one_a", "two_a", "a_2"], paths)


def test_slices_are_never_called_like_another_file(write):
    paths = [write("long.wav", np.ones(1500)), write("long_0001.wav", np.ones(10))]
    names = ["long_0000", "long_0001_2", "long_0001"]
    assert load_clips(paths, N, all_slices=True).names == names


def test_a_file_that_is_listed_twice_is_read_and_reported_once(write, tmp_path):
    paths = [
        write("slow.wav", np.ones(10), rate=8000),
        str(tmp_path / "absent.wav"),
        write("a.wav", np.ones(10)),
    ]
    clips = check_clips(ClipList([*paths, *paths[:2]], [0, 1, 1, 0, 1], ["x", "y"]), N)
    assert (clips.paths, clips.labels) == ([paths[0], paths[2], paths[0]], [0, 1, 0])
    assert [source.path for source in clips.sources] == clips.paths
    assert clips.report.resampled == paths[:1]


def test_what_is_odd_is_reported_by_name_in_one_line_a_kind(write, tmp_path, caplog):
    tone = 0.5 * np.sin(np.arange(N) / 9)
    (tmp_path / "broken.wav").write_bytes(b"RIFF and no more")
    paths = [
        write("good.wav", tone),
        write("silent.wav", 0 * tone),
        write("clipped.wav", np.clip(3 * tone, -1, 1)),
        write("touching.wav", [*tone[1:], 1.0]),  # reaches full scale but is not cut
        write("longer.wav", np.tile(tone, 2)),
        write("slow.wav", tone[::2], rate=8000),
        str(tmp_path / "broken.wav"),
        str(tmp_path / "absent.wav"),
        *(write(f"silent{i}.wav", 0 * tone) for i in range(9)),
    ]
    with caplog.at_level(logging.WARNING):
        clips = load_clips(paths, N)
    report = clips.report
    assert [os.path.basename(path) for path in report.unreadable] == ["broken.wav", "absent.wav"]
    assert "no such file" in report.unreadable[paths[7]]
    assert report.silent[0] == paths[1]
    assert len(report.silent) == 10
    assert (report.clipped, report.longer, report.resampled) == ([paths[2]], [paths[4]], [paths[5]])
    assert caplog.messages == report.lines()
    assert len(report.lines()) == 7  # five kinds, and what is wrong with either file
    assert any("10 clips are silent" in line and "silent.wav" in line for line in caplog.messages)
    assert any("1 clip is clipped" in line and "clipped.wav" in line for line in caplog.messages)
    assert max(map(len, caplog.messages)) < 1000
    assert clips.audio.shape == (15, N)


def test_odd_files_are_read_and_reported(tmp_path, write):
    whole = encoded("WAV/PCM_16", noise(700))
    (tmp_path / "cut.wav").write_bytes(whole[:-300])
    (tmp_path / "stream.wav").write_bytes(whole[:40] + b"\xff\xff\xff\xff" + whole[44:])
    paths = [write("good.wav", noise(700)), str(tmp_path / "cut.wav"), str(tmp_path / "stream.wav")]
    clips = load_clips(paths, N)
    assert (clips.report.cut, clips.report.endless, clips.report.faulty) == ([paths[1]], [paths[2]], [])
    assert sum("1 clip is" in line for line in clips.report.lines()) == 2
    np.testing.assert_array_equal(clips.audio[1, :550], clips.audio[2, :550])
    assert not clips.audio[1, 550:].any()


def test_a_training_on_silence_alone_is_refused(write):
    silent = [write(f"{i}.wav", np.zeros(N)) for i in range(2)]
    assert len(check_clips(ClipList(silent), N)) == 2
    with pytest.raises(errors.DatasetError, match=r"0\.wav, .*: all 2 clips are silent"):
        check_clips(ClipList(silent), N, least=1)
    assert len(check_clips(ClipList([*silent, write("loud.wav", np.ones(N))]), N, least=1)) == 3


def test_a_file_that_vanishes_while_it_is_in_use_is_named(ten, tmp_path):
    clips = check_clips(ten, N)
    (tmp_path / "3.wav").unlink()
    with pytest.raises(errors.AudioFileError, match=r"3\.wav"), decoding.file_errors():
        numbers(clip_dataset(clips, batch_size=4, num_samples=N))


def test_nothing_readable(tmp_path, caplog):
    absent = str(tmp_path / "absent.wav")
    assert load_clips([absent], N).audio.shape == (0, N)
    with pytest.raises(errors.DatasetError, match=r"absent\.wav"):
        clip_dataset(ClipList([absent]), batch_size=1)


def test_too_few_that_are_readable(ten, tmp_path):
    for i in range(4):
        (tmp_path / f"{i}.wav").write_bytes(b"")
    assert len(check_clips(ten, N, least=6)) == 6
    with pytest.raises(errors.DatasetError, match=r"0\.wav, .*: 6 of 10 readable; needed are at least 7"):
        check_clips(ten, N, least=7)


def test_unreadable_files_are_left_out_of_training_and_the_labels_still_fit(ten, tmp_path):
    for i in (0, 4, 9):
        (tmp_path / f"{i}.wav").write_bytes(b"")
    clips = check_clips(ten, N)
    assert len(clips) == 7
    assert len(clips.report.unreadable) == 3
    assert numbers(clip_dataset(clips, batch_size=3, num_samples=N)) == [[1, 2, 3], [5, 6, 7], [8]]
    repeated = clip_dataset(ten, batch_size=3, num_samples=N, repeat=True)
    assert numbers(repeated.take(3)) == [[1, 2, 3], [5, 6, 7], [8, 1, 2]]


def test_epochs_are_shuffled_apart_and_a_resumed_run_sees_the_same_batches(ten):
    def batches(count, **options):
        return numbers(
            clip_dataset(check_clips(ten, N), batch_size=4, num_samples=N, repeat=True, **options).take(count)
        )

    whole = batches(15, shuffle_seed=3)
    epochs = np.reshape(np.concatenate(whole), (6, 10))
    assert (np.sort(epochs) == np.arange(10)).all()
    assert len({tuple(epoch) for epoch in epochs}) == 6
    for start in (2, 7):  # across the end of the first epoch, later
        assert batches(15 - start, shuffle_seed=3, start=start) == whole[start:]
    assert batches(15, shuffle_seed=4) != whole


def test_files_before_the_start_are_not_read(ten, tmp_path):
    clips = check_clips(ten, N)
    for i in range(4):
        (tmp_path / f"{i}.wav").unlink()
    assert numbers(clip_dataset(clips, batch_size=4, num_samples=N, start=1)) == [[4, 5, 6, 7], [8, 9]]
    assert numbers(clip_dataset(clips, batch_size=4, num_samples=N, start=3)) == []


def test_unlabelled_clips_have_label_minus_one(write):
    ((audio, labels),) = clip_dataset(ClipList([write("a.wav", np.ones(5))]), batch_size=2, num_samples=N)
    assert audio.shape == (1, N)
    assert labels.numpy().tolist() == [-1]


def test_real_speech(fsdd_dir):
    clips = find_clips(fsdd_dir, "test").pick(range(0, 300, 10))
    loaded = load_clips(clips.paths)
    ((audio, labels),) = clip_dataset(clips, batch_size=30)
    np.testing.assert_array_equal(audio, loaded.audio)
    assert labels.numpy().tolist() == clips.labels
    assert loaded.audio.shape == (30, 16384)
    assert len(loaded.report.resampled) == 30
    assert 0.005 < np.abs(loaded.audio).max(axis=1).min() < np.abs(loaded.audio).max() <= 1.05
