"""What all tests share: quiet TensorFlow, and real speech where it is at hand."""

import logging
import os
import signal
import zlib
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# Of networks so small more threads only wait for one another, and pytest's workers share the cores.
os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")
# As the package itself would, were it imported before TensorFlow.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")

import keras
import pytest

# Whoever runs the tests in the background has them ignore Ctrl-C, of which some are.
signal.signal(signal.SIGINT, signal.default_int_handler)
# Whether TensorFlow warns of retracing depends on the tests before in the same process.
logging.getLogger("tensorflow").setLevel(logging.ERROR)

ROOT = Path(__file__).resolve().parent.parent


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item):
    """Has each test, and the fixtures made for it, draw the same random numbers in every run."""
    keras.utils.set_random_seed(zlib.crc32(item.nodeid.encode()))


@pytest.fixture
def eagerly():
    """Has functions of TensorFlow run uncompiled: to trace them would take longer than a few steps."""
    import tensorflow as tf

    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


@pytest.fixture(scope="session")
def fsdd_dir() -> Path:
    """The Free Spoken Digit Dataset, named by TF_INVERSION_FSDD or beside the checkout."""
    folder = Path(os.environ.get("TF_INVERSION_FSDD", ROOT.parent / "shared" / "data" / "fsdd"))
    if not folder.is_dir():
        pytest.skip("needs real speech: set TF_INVERSION_FSDD to a copy of the Free Spoken Digit Dataset")
    return folder
