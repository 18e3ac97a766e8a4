import os

import pytest

from tf_inversion import errors
from tf_inversion.evaluation.rows import named_inverters, table_rows
from tf_inversion.inversion.settings import InversionSettings


def methods(*names: str, **changes) -> dict[str, InversionSettings]:
    return {name: InversionSettings(method=name, **changes) for name in names}


def test_each_inverter_has_a_row_beside_each_method_that_starts_at_one():
    chosen = methods("encoder", "gradient", "hybrid")
    rows = table_rows(chosen, {"bigan": "a.keras", "later": "b.keras"})
    assert {name: path for name, (_, path) in rows.items()} == {
        "encoder": None,
        "bigan": "a.keras",
        "later": "b.keras",
        "gradient": None,
        "hybrid": None,
        "hybrid (bigan)": "a.keras",
        "hybrid (later)": "b.keras",
    }
    assert list(rows)[:4] == ["encoder", "bigan", "later", "gradient"]
    assert rows["hybrid (later)"][0] is chosen["hybrid"]


def test_without_further_inverters_the_methods_are_the_rows():
    assert list(table_rows(methods("gradient", "encoder"), {})) == ["gradient", "encoder"]


@pytest.mark.parametrize("chosen", [methods("gradient"), methods("encoder", init="zero")])
def test_inverters_that_nothing_starts_at_are_refused(chosen):
    with pytest.raises(errors.InvalidArgumentError, match="compare_inverters: no method of "):
        table_rows(chosen, {"bigan": "a.keras"})


def test_named_inverters():
    found = named_inverters(["bigan=runs/a=b.keras", "other=~/c.keras"])
    assert found == {"bigan": "runs/a=b.keras", "other": os.path.expanduser("~/c.keras")}
    for items in (["a.keras"], ["=a.keras"], ["a="], ["a b=c"], ["hybrid=c"], ["silence=c"], ["a=b", "a=c"]):
        with pytest.raises(errors.InvalidArgumentError, match=f"compare_inverters: {items[-1]}: give each"):
            named_inverters(items)
