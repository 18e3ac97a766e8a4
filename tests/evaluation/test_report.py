"""What stands in the report's pages."""

import base64
import io
import re

import numpy as np
import pytest
import soundfile
from PIL import Image

from tf_inversion.evaluation import figures, report


@pytest.fixture(scope="module")
def html(report_pages):
    return [page.read_text(encoding="utf-8") for page in report_pages]


def embedded(html, kind):
    return [base64.b64decode(found) for found in re.findall(f'"data:{kind};base64,([^"]*)"', html)]


def test_pages_hold_25_clips_each_and_link_to_each_other(report_pages, html):
    assert [page.name for page in report_pages] == ["report.html", "report-2.html"]
    assert [page.count("<article") for page in html] == [25, 6]
    for page in html:
        assert page.count('href="report.html"') == page.count('href="report-2.html"') == 2
    assert 'href="report-2.html#clip-29">s0<' in html[0]
    assert 'id="clip-29"' in html[1]
    assert html[1].index("Real clips, one by one") < html[1].index("Synthesized clips, one by one")


def test_audio_of_each_version_is_that_of_the_clip(sections, html):
    sounds = embedded(html[0], "audio/flac")
    assert len(sounds) == 75
    hybrid, rate = soundfile.read(io.BytesIO(sounds[8]), dtype="float32")
    assert rate == 16000
    np.testing.assert_allclose(hybrid, sections[0].evaluation.results["hybrid"].audio[2], atol=1e-4)
    assert not soundfile.read(io.BytesIO(sounds[4]))[0].any(), "what could not be inverted is silent"


def test_spectrograms_have_one_scale(sections, html):
    image = Image.open(io.BytesIO(embedded(html[0], "image/png")[0]))
    decibels = figures.decibels(sections[0].evaluation.clips.audio[:1], 16000)[0]
    assert image.size == decibels.T.shape
    shown = np.asarray(image.convert("L"), np.float64)[::-1]
    assert np.corrcoef(shown.ravel(), np.clip(decibels, *figures.DECIBELS).ravel())[0, 1] > 0.95


def test_waveforms_of_a_clip_share_a_scale(html):
    def height(path):
        numbers = re.findall(r"M\d+ (\d+)V(\d+)", path)
        return max(int(low) for _, low in numbers) - min(int(top) for top, _ in numbers)

    waves = re.findall(r'aria-label="waveform".*?<path d="([^"]*)"', html[0])
    original, encoder, hybrid = map(height, waves[:3])
    assert original == 96
    assert encoder == pytest.approx(original / 2, abs=2)
    assert hybrid == pytest.approx(original * 0.9, abs=2)


def test_best_and_worst_are_named(sections, html):
    table = sections[0].evaluation.per_clip["hybrid"]
    best, worst = re.findall(r"<dt>hybrid</dt><dd>best (.*?)</dd><dd>worst (.*?)</dd>", html[0])[0]
    for text, index in (
        (best, np.nanargmin(table["log_mel_l1"])),
        (worst, np.nanargmax(table["log_mel_l1"])),
    ):
        assert re.findall(r">(\w+)</a>", text)[0] == table["name"][index]


def test_names_are_text_not_markup(html):
    assert "<b>" not in "".join(html)
    assert "<h3>&lt;b&gt;&#34;five&#34; &amp; six&lt;/b&gt; <small>clips/&lt;b&gt;" in html[0]
    assert "evaluate_inversion --num_clips=&#39;&lt;28&gt;&#39;" in html[0]
    assert not re.search(r"\bnan\b", re.sub(r'"data:[^"]*"', "", html[0] + html[1]))


def test_known_latents_and_traces_are_drawn(html):
    """Of 6 clips on the second page 3 are synthesized; each has an encoder and a refinement."""
    assert html[1].count('aria-label="latent vector"') == 2 * 6 + 3
    assert html[1].count('class="trace"') == 6
    assert "objective: 1 at 10 → 0.01 at 30" in html[1]


def test_a_shorter_report_leaves_no_page_of_a_longer_one(sections, tmp_path):
    for name in ("report-2.html", "report-3.html", "report-of-mine.html"):
        (tmp_path / name).write_text("of a longer run")
    (page,) = report.write_report(tmp_path, sections[1:], {})
    assert sorted(path.name for path in tmp_path.iterdir()) == ["report-of-mine.html", "report.html"]
    assert "<nav" not in page.read_text(encoding="utf-8")
    assert report.write_report(tmp_path, [], {}) == []
    assert [path.name for path in tmp_path.iterdir()] == ["report-of-mine.html"]
