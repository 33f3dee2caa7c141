"""What programs with pickled messages hand over: named tuples, values of pandas."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

import pytest

from otel_taskmon.payload import PayloadEncoder
from otel_taskmon.settings import Settings

OUTER = PayloadEncoder(Settings())
WHOLE = PayloadEncoder(Settings(truncate_nested_data=False))


def decoded(encoder: PayloadEncoder, value: object) -> Any:
    return json.loads(encoder.encode(value, "args").text)


class Login(NamedTuple):
    user: str
    password: str


class Admin(Login):
    """A subclass has the fields of the class it comes from."""


class Tuple(tuple[int, ...]):
    _fields = "password"


def test_fields_of_named_tuples_are_masked_by_their_names() -> None:
    for value in (Login("ada", "hunter2"), Admin("ada", "hunter2")):
        assert decoded(WHOLE, value) == ["ada", "***"]
        assert decoded(WHOLE, [value, ("ada", "lovelace")]) == [["ada", "***"], ["ada", "lovelace"]]
    assert decoded(WHOLE, Tuple((1, 2))) == [1, 2]


def test_times_of_pandas() -> None:
    pandas = pytest.importorskip("pandas")
    assert decoded(OUTER, [pandas.NaT, pandas.Timestamp("2026-11-23 10:00", tz="UTC")]) == [
        "NaT",
        "2026-11-23T10:00:00+00:00",
    ]
