"""Settings as data: a dataclass field is all there is to a setting.

Its default, help, range and choices stand in the field; flags, their help, checks, a run's settings.json
and the comparison that a resume makes follow from it. Needs no TensorFlow.

    @dataclasses.dataclass(frozen=True)
    class NoiseSettings(Settings):
        noise_db: float = setting(-40.0, "Level of white noise, dB re full scale.", upper=0.0)
"""

from __future__ import annotations

import dataclasses
import math
import typing
from collections.abc import Mapping, Sequence
from typing import Any

from tf_inversion import errors


def setting(
    default: Any,
    help: str,
    *,
    lower: float | None = None,
    upper: float | None = None,
    choices: Sequence[str] | None = None,
    shapes_result: bool = True,
) -> Any:
    """Declares a field of `Settings`.

    Args:
      default: its value if nobody gives another; None: decided elsewhere, as the help says.
      help: what it is and in which unit, for --help.
      lower, upper: the least and the largest number allowed.
      choices: the only values allowed, or, of a tuple, the only items.
      shapes_result: whether another value gives another result; else a run may be resumed with another.
    """
    metadata = {
        "help": help,
        "lower": lower,
        "upper": upper,
        "choices": choices,
        "shapes_result": shapes_result,
    }
    return dataclasses.field(default=default, metadata=metadata)


@dataclasses.dataclass(frozen=True)
class Settings:
    """A group of settings, checked when made; derive from it and declare fields by `setting`.

    Fields are bool, int, float, str or tuple[str, ...], or `T | None` of one of them.

    Raises:
      InvalidArgumentError: for a value of another type, outside its range, or none of its choices.
    """

    def __post_init__(self):
        kinds = field_types(type(self))
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if value is None and field.default is None:
                continue
            if kinds[field.name] is float and isinstance(value, int) and not isinstance(value, bool):
                value = float(value)
            elif kinds[field.name] is tuple and isinstance(value, (list, tuple)):
                value = tuple(value)
            object.__setattr__(self, field.name, value)
            _check(field, kinds[field.name], value)

    def shaping(self) -> dict[str, Any]:
        """Returns the settings that shape the result, by name, as JSON can hold them."""
        return {
            field.name: list(value) if isinstance(value, tuple) else value
            for field in dataclasses.fields(self)
            if field.metadata["shapes_result"]
            for value in [getattr(self, field.name)]
        }


def field_types(cls: type[Settings]) -> dict[str, type]:
    """Returns the type of each setting: bool, int, float, str or tuple; the T of `T | None`."""
    types = {}
    for name, hint in typing.get_type_hints(cls).items():
        kinds = [kind for kind in typing.get_args(hint) if kind is not type(None)]
        # Of tuple[str, ...] the arguments are the items' types.
        kind = hint if typing.get_origin(hint) is tuple or not kinds else kinds[0]
        types[name] = typing.get_origin(kind) or kind
    return types


def difference(before: Mapping[str, Any], now: Mapping[str, Any]) -> str | None:
    """Returns the first name under which two groups of settings differ, None if they are equal."""
    return next((name for name in sorted({*before, *now}) if before.get(name) != now.get(name)), None)


def _check(field: dataclasses.Field, kind: Any, value: Any) -> None:
    rules = field.metadata
    if not isinstance(value, kind) or (kind is not bool and isinstance(value, bool)):
        raise errors.InvalidArgumentError(f"{field.name}: {value!r} is no {kind.__name__}")
    if kind in (int, float):
        if not math.isfinite(value):
            raise errors.InvalidArgumentError(f"{field.name}: {value} is not a finite number")
        for bound, words, outside in (
            (rules["lower"], "at least", lambda bound: value < bound),
            (rules["upper"], "at most", lambda bound: value > bound),
        ):
            if bound is not None and outside(bound):
                raise errors.InvalidArgumentError(f"{field.name}: {value}; give {words} {bound:g}")
    if rules["choices"]:
        for item in value if kind is tuple else (value,):
            if item not in rules["choices"]:
                raise errors.InvalidArgumentError(
                    f"{field.name}: {item!r} is unknown; choose from {', '.join(rules['choices'])}"
                )
