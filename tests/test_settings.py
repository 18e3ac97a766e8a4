"""Settings check themselves, and flags follow from their fields."""

from __future__ import annotations

import dataclasses

import pytest
from absl import flags

from tf_inversion import errors
from tf_inversion.scripts import settings_flags
from tf_inversion.settings import Settings, difference, setting


@dataclasses.dataclass(frozen=True)
class Example(Settings):
    epochs: int = setting(3, "Passes.", lower=1, upper=10, shapes_result=False)
    rate: float = setting(0.5, "Rate.", lower=0.0)
    peak: float | None = setting(None, "Peak level.", upper=1.0)
    mode: str = setting("a", "Mode.", choices=("a", "b"))
    names: tuple[str, ...] = setting((), "Names.", choices=("x", "y"))
    quick: bool = setting(False, "Quick.")


def test_values_are_kept_in_the_type_of_the_field():
    made = Example(rate=2, names=["x"])
    assert (made.rate, made.names) == (2.0, ("x",))
    assert isinstance(made.rate, float)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("epochs", 0),
        ("epochs", 11),
        ("epochs", 2.5),
        ("epochs", True),
        ("epochs", None),
        ("rate", -1e-9),
        ("rate", float("nan")),
        ("rate", "0.5"),
        ("peak", 1.5),
        ("mode", "c"),
        ("names", ("x", "z")),
        ("quick", 1),
    ],
)
def test_other_values_are_refused_by_the_name_of_the_setting(name, value):
    with pytest.raises(errors.InvalidArgumentError, match=f"^{name}: "):
        Example(**{name: value})


def test_what_shapes_the_result_is_what_a_resume_compares():
    before, now = Example().shaping(), Example(epochs=5).shaping()
    assert difference(before, now) is None
    assert difference(before, Example(names=("y",)).shaping()) == "names"
    assert "epochs" not in before


@pytest.fixture
def flag_values() -> flags.FlagValues:
    values = flags.FlagValues()
    settings_flags.define(Example, values, epochs=7)
    return values


def test_settings_are_read_from_their_flags(flag_values):
    flag_values(["command", "--names=x,y", "--rate=2", "--mode=b", "--quick"])
    made = settings_flags.read(Example, flag_values, peak=0.5)
    assert made == Example(epochs=7, rate=2.0, peak=0.5, mode="b", names=("x", "y"), quick=True)


def test_flags_have_the_help_and_the_range_of_their_fields(flag_values):
    assert flag_values["rate"].help.startswith("Rate.")
    for wrong in ("--epochs=11", "--rate=-1", "--mode=c"):
        with pytest.raises(flags.IllegalFlagValueError, match=wrong):
            flag_values(["command", wrong])
