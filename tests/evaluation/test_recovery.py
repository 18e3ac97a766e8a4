"""Recovery of training, test and synthesized clips, where it is known what the generator can make."""

import numpy as np
import pytest
from curved import Curved, Other

from tf_inversion.evaluation import recovery


@pytest.fixture(scope="module")
def found():
    """The training clips are the generator's own, of latents that it is not given; the test clips are not."""
    generator = Curved()
    train, test, synthesized = (generator.draw_latents(8, seed) for seed in (1, 2, 3))
    sets = {"train": generator(train).numpy(), "test": Other()(test).numpy()}
    return recovery.recovery_errors(sets | {"synthesized": generator(synthesized).numpy()}, generator)


def test_clips_that_the_generator_knows_by_heart_are_recovered_better(found):
    rows = {row["clips"]: row for row in recovery.compare(found)}
    assert rows["train"]["better_than_test"] == rows["synthesized"]["better_than_test"] == 1
    assert rows["train"]["p_value"] < 0.001
    assert rows["train"]["upper_quartile"] < 0.5 * rows["test"]["lower_quartile"]


def test_clips_alike_are_recovered_alike(found):
    (row,) = recovery.compare({"synthesized": found["synthesized"], "test": found["train"]})[:1]
    assert row["p_value"] > 0.05
    assert 0.2 < row["better_than_test"] < 0.8


def test_pairs_are_counted():
    errors = {"test": np.array([1.0, 2.0, 3.0]), "train": np.array([0.5, 2.0, 2.5, 9.0])}
    test, train = recovery.compare(errors)
    pairs = [(a < b) + (a == b) / 2 for a in errors["train"] for b in errors["test"]]
    assert train["better_than_test"] == pytest.approx(np.mean(pairs))
    assert (test["num"], test["median"], test["better_than_test"], test["p_value"]) == (3, 2, None, None)
    cells = [cell.strip() for cell in recovery.markdown([test, train]).splitlines()[2].split("|")[1:-1]]
    assert cells == ["test", "3", "2.0000", "1.5000", "2.5000", "-", "-"]
