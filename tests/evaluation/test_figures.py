"""Figures are written, and show what they should."""

import numpy as np
import pytest
from matplotlib import image

from tf_inversion.evaluation import columns, figures


def test_a_louder_clip_is_brighter_in_the_grid(tmp_path):
    time = np.arange(16384) / 16000
    tone = np.sin(2 * np.pi * 1000 * time).astype(np.float32)
    for name, audio in {"loud": tone, "silent": 0 * tone}.items():
        figures.save(figures.spectrogram_grid(np.stack([audio] * 9), 16000, name), tmp_path / f"{name}.png")
    loud, silent = (image.imread(tmp_path / f"{name}.png")[..., :3].mean() for name in ("loud", "silent"))
    assert loud > silent + 0.001
    assert sorted(path.name for path in tmp_path.iterdir()) == ["loud.png", "silent.png"]


def test_spectra_have_a_line_for_each_set(tmp_path):
    rng = np.random.default_rng(0)
    clips = {"white": rng.normal(size=[2, 16384]), "silent": np.zeros([2, 16384])}
    figure = figures.average_spectra(clips, 16000)
    lines = figure.axes[0].get_lines()
    assert [line.get_label() for line in lines] == ["white", "silent"]
    white = lines[0].get_ydata()
    assert np.ptp(white[5:-5]) < 6  # flat
    figures.save(figure, tmp_path / "spectra.svg")
    assert (tmp_path / "spectra.svg").read_text().startswith("<?xml")


def test_reconstructions_share_scales_beside_their_original():
    time = np.arange(16384) / 16000
    original = np.stack([level * np.sin(2 * np.pi * 1000 * time) for level in (0.1, 0.8)])
    versions = {"original": original, "encoder": original / 2, "failed": original * np.nan}
    words = {"original": ["one", "two"], "encoder": ["one", "nine"], "failed": ["six", "six"]}
    figure = figures.reconstructions(versions, 16000, "two clips", words)
    axes = np.reshape(figure.axes, (4, 3))
    written = [[wave.texts[0].get_text() for wave in waves] for waves in axes[::2].T]
    assert written == list(words.values())
    assert [column.get_title() for column in axes[0]] == list(versions)
    for waves, peak in ((axes[0], 0.1), (axes[2], 0.8)):
        assert all(wave.get_ylim() == pytest.approx((-peak, peak), rel=1e-3) for wave in waves)
        lines = [wave.get_lines()[0].get_ydata() for wave in waves]
        assert np.ptp(lines[1]) == pytest.approx(np.ptp(lines[0]) / 2)
        assert not lines[2].any()
    images = [spectrum.collections[0] for spectrum in axes[1::2].flat]
    assert {image.get_clim() for image in images} == {figures.DECIBELS}
    frequencies = images[0].get_coordinates()[:-1, 0, 1]
    loudest = images[0].get_array().mean(1).argmax()
    assert frequencies[loudest] == pytest.approx(1000, rel=0.06)


def test_distributions_have_a_dot_for_each_finite_value():
    values = np.array([1.0, 2.0, 3.0, np.nan])
    table = {column.key: values for column in columns.MAIN}
    failed = dict.fromkeys(table, values[3:])
    figure = figures.distributions({"encoder": table, "failed": failed}, "spread")
    assert len(figure.axes) == len(table) == 5
    for axes in figure.axes:
        dots, quartiles, median, no_dots = (line.get_xdata() for line in axes.get_lines())
        np.testing.assert_array_equal(dots, [1, 2, 3])
        np.testing.assert_array_equal(quartiles, [1.5, 2.5])
        np.testing.assert_array_equal(median, [2])
        assert len(no_dots) == 0


def test_confusion_shows_counts_by_label():
    counts = np.array([[3, 1], [0, 0]])
    figure = figures.confusion({str(i): counts * i for i in range(1, 6)}, ["yes", "no"], "answers")
    assert [axes.get_title() for axes in figure.axes] == list("12345")
    second = figure.axes[1]
    assert {text.get_position(): text.get_text() for text in second.texts} == {(0, 0): "6", (1, 0): "2"}
    np.testing.assert_array_equal(second.images[0].get_array(), [[0.75, 0.25], [0, 0]])
    assert [label.get_text() for label in second.get_xticklabels()] == ["yes", "no"]


def test_training_curves_pair_a_metric_with_its_validation():
    history = {"epoch": [1, 2, 3], "loss": [3, 2, 1], "validation/loss": [3, 1, 2], "seconds": [9, 9, 9]}
    history |= {name: [0, 1, 2] for name in ("validation/score", "a", "b")}
    figure = figures.training_curves({k: np.array(v) for k, v in history.items()}, "a training")
    drawn = {axes.get_title(): axes.get_lines() for axes in figure.axes}
    assert list(drawn) == ["loss", "score", "a", "b"]
    training, validation, best = (line.get_xydata() for line in drawn["loss"])
    np.testing.assert_array_equal(training[:, 1], [3, 2, 1])
    np.testing.assert_array_equal(validation[:, 1], [3, 1, 2])
    assert set(best[:, 0]) == {2}
