"""absl flags made of the fields of settings: one flag a field, of the same name, help, range and default."""

from __future__ import annotations

import dataclasses
from typing import Any, TypeVar

from absl import flags

from tf_inversion.settings import Settings, field_types

AnySettings = TypeVar("AnySettings", bound=Settings)
_DEFINE = {
    bool: flags.DEFINE_bool,
    int: flags.DEFINE_integer,
    float: flags.DEFINE_float,
    str: flags.DEFINE_string,
    tuple: flags.DEFINE_list,
    "enum": flags.DEFINE_enum,
}


def define(
    cls: type[Settings],
    flag_values: flags.FlagValues,
    *,
    only: tuple[str, ...] | None = None,
    without: tuple[str, ...] = (),
    **defaults: Any,
) -> None:
    """Defines the flags of a settings class.

    Args:
      cls: a dataclass derived from `Settings`.
      flag_values: the command's flags.
      only: fields that get a flag; None for all.
      without: fields that get none.
      **defaults: where the command's default is another than the field's.
    """
    kinds = field_types(cls)
    for field in dataclasses.fields(cls):
        if field.name in without or (only is not None and field.name not in only):
            continue
        rules, default = field.metadata, defaults.get(field.name, field.default)
        kind, options = kinds[field.name], {"flag_values": flag_values}
        if kind in (int, float):
            options |= {"lower_bound": rules["lower"], "upper_bound": rules["upper"]}
        elif kind is str and rules["choices"]:
            options["enum_values"] = rules["choices"]
        elif kind is tuple:
            default = list(default)
        _DEFINE["enum" if "enum_values" in options else kind](
            field.name, default, help=rules["help"], **options
        )


def read(cls: type[AnySettings], flag_values: flags.FlagValues, **others: Any) -> AnySettings:
    """Returns the settings that the flags give; `others` are fields that have no flag or another value."""
    names = [field.name for field in dataclasses.fields(cls) if field.name not in others]
    given = {name: flag_values[name].value for name in names if name in flag_values}
    return cls(**given, **others)
