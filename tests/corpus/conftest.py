"""A cluster for tests."""

import pytest


@pytest.fixture(scope="session")
def client():
    """Dask in threads of this process."""
    from distributed import Client

    with Client(
        processes=False, n_workers=1, threads_per_worker=2, dashboard_address=None, set_as_default=False
    ) as client:
        yield client
