"""Where functions run, and what becomes of those that fail."""

import re
from pathlib import Path

import pytest

from tf_inversion import errors
from tf_inversion.corpus import cluster
from tf_inversion.corpus.settings import ClusterSettings


def square_at_attempt(item: int, folder: str, attempts: dict[int, int]) -> int:
    """Squares an item, from its so-manieth attempt on."""
    with open(Path(folder, f"{item}"), "a", encoding="utf-8") as file:
        file.write(".")
    tried = Path(folder, f"{item}").stat().st_size
    if tried < attempts.get(item, 1):
        raise ValueError(f"{item} at attempt {tried}")
    return item**2


@pytest.mark.parametrize("where", ["process", "dask"])
def test_items_are_tried_three_times(where, client, tmp_path):
    attempts = {2: 3, 5: 4}
    outcomes = cluster.run(
        client if where == "dask" else None, square_at_attempt, range(20), str(tmp_path), attempts
    )
    by_item = {outcome.item: outcome for outcome in outcomes}
    assert sorted(by_item) == list(range(20))
    assert str(by_item.pop(5).error) == "5 at attempt 3"
    assert all(outcome.value == item**2 and outcome.error is None for item, outcome in by_item.items())
    tried = {int(path.name): path.stat().st_size for path in tmp_path.iterdir()}
    assert tried == {item: 3 if item in attempts else 1 for item in range(20)}


def test_few_items_are_taken_at_a_time(client, tmp_path):
    taken = []
    items = (taken.append(i) or i for i in range(1000))
    outcomes = cluster.run(client, square_at_attempt, items, str(tmp_path), {})
    for done in range(1, 30):
        next(outcomes)
        assert len(taken) < done + 8
    outcomes.close()


class Workers:
    """A client of workers that say of themselves what they are told to."""

    def __init__(self, python="3.11.4", version="0.2.0"):
        def told(python, version):
            return {"host": {"python": python}, "packages": {"tf_inversion": version}}

        self._told = {
            "client": told("3.11.2", "0.2.0"),
            "workers": {"tcp://a:1": told("3.11.9.final.0", "0.2.0"), "tcp://b:2": told(python, version)},
        }

    def get_versions(self, packages):
        assert packages == ["tf_inversion"]
        return self._told


def test_workers_of_this_version_are_taken():
    assert cluster._refuse_other_versions(Workers()) is None


@pytest.mark.parametrize(
    ("other", "words"),
    [
        ({"version": "0.1.0"}, "tcp://b:2 has tf_inversion 0.1.0, but here is 0.2.0"),
        ({"version": None}, "tcp://b:2 has tf_inversion none, but here is 0.2.0"),
        ({"python": "3.12.1"}, "tcp://b:2 has Python 3.12, but here is 3.11"),
    ],
)
def test_workers_of_other_versions_are_refused(other, words):
    with pytest.raises(errors.ClusterError, match=re.escape(words)):
        cluster._refuse_other_versions(Workers(**other))


def test_a_scheduler_that_is_not_there(tmp_path, monkeypatch):
    monkeypatch.setattr(cluster, "_PATIENCE", 0.1)
    for address in ("tcp://127.0.0.1:9", "no address"):
        with (
            pytest.raises(errors.ClusterError, match=r"scheduler: no Dask scheduler answers at"),
            cluster.connect(ClusterSettings(scheduler=address), tmp_path),
        ):
            pass


def test_slurm_that_is_not_there(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with (
        pytest.raises(errors.ClusterError, match="there is no sbatch"),
        cluster.connect(ClusterSettings(slurm=True), tmp_path),
    ):
        pass


@pytest.mark.parametrize(
    "settings",
    [
        {"scheduler": "tcp://a:1", "slurm": True},
        {"scheduler": "tcp://a:1", "workers": 2},
        {"slurm": True, "workers": 0},
    ],
)
def test_settings_that_contradict_each_other(settings):
    with pytest.raises(errors.InvalidArgumentError):
        ClusterSettings(**settings)


def test_without_workers_there_is_no_client(tmp_path):
    with cluster.connect(ClusterSettings(workers=0), tmp_path) as client:
        assert client is None
