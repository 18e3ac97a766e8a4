"""What the page of explore_latents does, without the page."""

import base64
import functools
import io
import re
import threading

import numpy as np
import pytest
import soundfile

from tf_inversion import errors
from tf_inversion.applications import explorer
from tf_inversion.latents import load_latents
from tf_inversion.priors import UniformPrior


def write(path, samples, rate=8000):
    soundfile.write(path, np.asarray(samples, np.float32), rate, subtype="FLOAT")
    return str(path)


def tone(seconds, rate=8000, level=0.3):
    return level * np.sin(2 * np.pi * 440 * np.arange(int(seconds * rate)) / rate)


def test_a_short_clip_is_padded_and_scaled(chord, tmp_path):
    clip, note = explorer.load_clip(write(tmp_path / "short.wav", tone(0.25)), chord.generator, peak=0.9)
    assert (clip.name, note) == ("short", "short: 0.25 s")
    assert clip.audio.shape == (4096,)
    assert np.abs(clip.audio).max() == pytest.approx(0.9)
    assert not clip.audio[2000:].any()
    untouched, _ = explorer.load_clip(str(tmp_path / "short.wav"), chord.generator)
    np.testing.assert_allclose(clip.audio / 3, untouched.audio, atol=1e-4)


def test_of_a_long_recording_what_follows_the_silence(chord, tmp_path):
    samples = np.concatenate([np.zeros(16000), tone(2)])
    path = write(tmp_path / "long.wav", samples)
    clip, note = explorer.load_clip(path, chord.generator)
    found = re.fullmatch(r"long: 4\.00 s; of it the 0\.51 s from (\d\.\d\d) s on", note)
    assert float(found[1]) == pytest.approx(2, abs=0.15)
    assert np.abs(clip.audio[-1000:]).max() > 0.25


def test_minutes_are_not_read(chord, tmp_path):
    samples = np.concatenate([tone(1), np.zeros(40 * 8000), tone(1, level=1)])
    clip, note = explorer.load_clip(write(tmp_path / "minutes.wav", samples), chord.generator)
    assert note.startswith("minutes: 42.00 s; of it the 0.51 s from 0.00 s on")
    assert np.abs(clip.audio).max() == pytest.approx(0.3, abs=0.01)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("text.wav", b"no audio", "text.wav: not readable as audio"),
        ("empty.wav", b"", "empty.wav: is empty"),
        ("silent.wav", np.zeros(4000), "silent: is silent"),
        ("late.wav", np.concatenate([np.zeros(31 * 8000), tone(1)]), "late: is silent"),
        ("nan.wav", np.full(4000, np.nan), "nan.wav: holds values that are not finite"),
    ],
)
def test_what_is_no_clip_gets_one_line(chord, tmp_path, name, content, words):
    path = tmp_path / name
    path.write_bytes(content) if isinstance(content, bytes) else write(path, content)
    with pytest.raises(errors.AudioFileError) as raised:
        explorer.load_clip(str(path), chord.generator)
    assert str(raised.value).startswith(words)
    assert str(tmp_path) not in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("method", ["gradient", "least_squares"])
def test_a_search_is_seen_and_ends_at_the_answer(chord, method):
    clip = explorer.draw_clip(chord.generator, seed=3)
    *between, answer = explorer.search(chord, clip.audio, method, 200, threading.Event())
    assert between
    assert not any(found.done for found in between)
    assert answer.done
    assert re.fullmatch(rf"{method}: converged after \d+ iterations, \d+\.\d s", answer.status)
    np.testing.assert_allclose(answer.latents[:3], clip.latents[:3], atol=1e-2)


def test_the_encoder_answers_at_once(chord):
    clip = explorer.draw_clip(chord.generator, seed=3)
    (found,) = explorer.search(chord, clip.audio, "encoder", 200, threading.Event())
    assert found.status.startswith("encoder: encoded, ")
    np.testing.assert_allclose(found.latents, chord.inverter.encode(clip.audio[None])[0], atol=1e-5)


def test_hybrid_starts_from_the_encoder_and_can_be_stopped(chord):
    clip = explorer.draw_clip(chord.generator, seed=3)
    stop = threading.Event()
    stop.set()
    start, *_, answer = explorer.search(chord, clip.audio, "hybrid", 200, stop)
    np.testing.assert_allclose(start.latents, chord.inverter.encode(clip.audio[None])[0], atol=1e-5)
    assert not start.done
    assert answer.done
    assert answer.status.startswith("hybrid: stopped after round 1, ")
    assert (answer.latents != start.latents).any(), "what that round has found is kept"


def test_who_leaves_ends_the_search(chord):
    clip = explorer.draw_clip(chord.generator, seed=3)
    stop = threading.Event()
    running = explorer.search(chord, clip.audio, "hybrid", 200, stop)
    next(running), next(running)
    running.close()  # returns only when the thread has ended
    assert stop.is_set()


def test_errors_of_a_search_are_raised(chord):
    clip = explorer.draw_clip(chord.generator, seed=3)
    with pytest.raises(errors.InvalidArgumentError, match="max_iterations"):
        list(explorer.search(chord, clip.audio, "gradient", 0, threading.Event()))


def test_audible_directions(chord):
    latents = np.array([0.5, -0.5, 0.3, 0.5], np.float32)
    directions, strengths = explorer.audible_directions(chord.generator, latents, 4)
    np.testing.assert_allclose(directions @ directions.T, np.eye(4), atol=1e-5)
    assert (np.diff(strengths) <= 0).all()
    assert np.abs(directions[3]).argmax() == 3, "the faint tone is heard least"

    def decibels(z):
        return 20 * explorer.mel.log_mel(chord.generator(z[None]), 8000).numpy()[0]

    step = 1e-3
    for direction, strength in zip(directions, strengths):
        change = (decibels(latents + step * direction) - decibels(latents - step * direction)) / (2 * step)
        assert np.sqrt(np.mean(change**2)) == pytest.approx(strength, rel=0.03, abs=0.01)
        assert change.sum() > -1e-2, "to the right is louder"


def test_edits():
    base, other = np.array([0.5, -0.9, 1.5], np.float32), np.array([-0.5, 0.1, 0.5], np.float32)
    directions = np.eye(2, 3, dtype=np.float32)
    still, edit = np.zeros(2, np.float32), functools.partial(explorer.edit, UniformPrior())
    np.testing.assert_array_equal(edit(base, other, 0, directions, still), base)
    np.testing.assert_allclose(edit(base, other, 1, directions, still), other, atol=1e-6)
    np.testing.assert_allclose(edit(base, other, 0.5, directions, still), [0, -0.4, 1], atol=1e-6)
    far = edit(base, other, 0, directions, np.array([0.25, -3], np.float32))
    np.testing.assert_allclose(far, [0.75, -1, 1.5], atol=1e-6)


def data(html, kind):
    return [base64.b64decode(text) for text in re.findall(rf'"data:{kind};base64,([^"]+)"', html)]


def test_what_is_shown_holds_both_sounds_the_picture_and_the_files(chord, tmp_path):
    clip = explorer.draw_clip(chord.generator, seed=3)
    html = explorer.show(chord, clip, clip.latents / 2, "half <way>", play=True)
    original, result, saved = data(html, "audio/wav")
    audio, rate = soundfile.read(io.BytesIO(original))
    assert rate == 8000
    np.testing.assert_allclose(audio, clip.audio, atol=1e-4)
    np.testing.assert_allclose(soundfile.read(io.BytesIO(result))[0], clip.audio / 2, atol=1e-4)
    assert saved == result
    assert data(html, "image/png")[0].startswith(b"\x89PNG")
    (archive,) = data(html, "application/octet-stream")
    (tmp_path / "saved.npz").write_bytes(archive)
    latents, names = load_latents(tmp_path / "saved.npz")
    assert names == ["random_3"]
    np.testing.assert_array_equal(latents[0], clip.latents / 2)
    assert 'download="random_3.npz"' in html
    assert 'download="random_3.wav"' in html
    assert html.count("autoplay") == 1
    assert "half &lt;way&gt;" in html
    assert "<dt>nMSE dB</dt><dd>-6.0</dd>" in html
    assert "<dt>RMS ratio</dt><dd>0.50</dd>" in html
    assert f"<dt>z MAE</dt><dd>{np.abs(clip.latents / 2).mean():.3g}</dd>" in html


def test_before_the_first_result_only_the_original_is_shown(chord):
    clip = explorer.Clip('<i>"x"</i>', explorer.draw_clip(chord.generator, seed=3).audio)
    html = explorer.show(chord, clip, None, "searching")
    assert len(data(html, "audio/wav")) == 1
    assert "download" not in html
    html = explorer.show(chord, clip, np.zeros(4, np.float32), "silence")
    assert "<i>" not in html
    assert "z MAE" not in html
    assert "nan" not in html
