"""Which rows a table has: one for each method, and for each inverter, where a method starts at its answer."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping

from tf_inversion import errors
from tf_inversion.inversion.methods import METHODS, plan
from tf_inversion.inversion.settings import InversionSettings

_TAKEN = ("reference", "silence", "zero_latent", *METHODS)


def named_inverters(items: Iterable[str]) -> dict[str, str]:
    """Returns the paths of inverters by their names, of items such as "bigan=runs/wavegan/inverter.keras".

    Raises:
      InvalidArgumentError: if an item is of another form, or its name no word or that of another row.
    """
    inverters: dict[str, str] = {}
    for item in items:
        name, _, path = item.partition("=")
        if not path or not re.fullmatch(r"\w+", name) or name in _TAKEN or name in inverters:
            raise errors.InvalidArgumentError(
                f"compare_inverters: {item}: give each as name=path, with a name that no other row has"
            )
        inverters[name] = os.path.expanduser(path)
    return inverters


def table_rows(
    settings: Mapping[str, InversionSettings], inverters: Mapping[str, str]
) -> dict[str, tuple[InversionSettings, str | None]]:
    """Returns how each row's clips are inverted: the settings, and which inverter instead of the models'.

    Args:
      settings: of each method, by its name.
      inverters: name -> path. Its row beside "encoder" has this name, one beside "hybrid" is "hybrid (name)".

    Raises:
      InvalidArgumentError: if there are inverters, but no method starts at one's answer.
    """
    rows: dict[str, tuple[InversionSettings, str | None]] = {}
    for method, chosen in settings.items():
        rows[method] = chosen, None
        if plan(chosen).init == "encoder":
            for name, path in inverters.items():
                rows[name if method == "encoder" else f"{method} ({name})"] = chosen, path
    if inverters and len(rows) == len(settings):
        raise errors.InvalidArgumentError(
            f"compare_inverters: no method of {', '.join(settings)} starts at an inverter's answer"
        )
    return rows
