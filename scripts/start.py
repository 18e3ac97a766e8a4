"""The console scripts: each an attribute of its command's name, and quiet after Ctrl-C while it imports."""

import importlib
import signal
from collections.abc import Callable


def __getattr__(name: str) -> Callable[[], int]:
    if name.startswith("__"):
        raise AttributeError(name)
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    return importlib.import_module(f"tf_inversion.scripts.{name}").run
