"""Clips in memory, inverted by a cluster."""

import dataclasses

import curved
import numpy as np
import pytest

from tf_inversion import errors
from tf_inversion.corpus import inverting, parts
from tf_inversion.inversion.invert import invert
from tf_inversion.inversion.settings import InversionSettings
from tf_inversion.models import ModelBundle, ModelSettings

SETTINGS = InversionSettings(method="least_squares", adjust=("gain",), starts=1)


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """Parts of four clips, by models that no other test has left behind."""
    monkeypatch.setattr(parts, "_PART", 4)
    inverting.models_of.cache_clear()


@pytest.fixture
def job():
    chosen = ModelSettings(generator="curved:Curved")
    return parts.job_of(ModelBundle.load(chosen, needs=(), wants=()), chosen, SETTINGS)


def test_parts_are_joined_as_if_inverted_at_once(client, job):
    generator = curved.Curved()
    clips = generator(generator.draw_latents(10, seed=0)).numpy()
    told = []
    result = parts.invert_on(client, clips, job, progress=lambda x: told.extend(x) or x)
    expected = invert(clips, generator, SETTINGS)
    assert told == [0, 4, 8]
    np.testing.assert_allclose(result.latents, expected.latents, atol=1e-3)
    np.testing.assert_allclose(result.adjustments["gain"], expected.adjustments["gain"], atol=1e-2)
    assert result.status.shape == (10,)
    assert [len(points) > 0 for points in result.trace] == [True] * 10
    assert (result.latent_std, result.names) == (None, None)
    once = parts.invert_on(client, clips[:3], job, max_iterations=1)
    assert once.latents.shape == (3, 4)


def test_workers_with_other_models_are_refused(client, job):
    other = dataclasses.replace(job, record=job.record.replace("Curved", "Another"))
    with pytest.raises(errors.ClusterError, match=r"generator: a worker has Curved.* but here is Another"):
        parts.invert_on(client, np.zeros((2, 2048), np.float32), other)
