"""Every type that the guide lists goes into the sandbox and comes back, through a server process."""

from __future__ import annotations

import datetime as dt
import inspect
import io
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import pytest
from result import Err, Ok

import syft as sy
from syft.errors import UnsupportedType


def signature(a: int, b: str = "x", *, c: float | None = None) -> None:
    """A signature to send."""


FRAME = pd.DataFrame(
    {
        "n": [1, 2, 3],
        "f": [1.5, None, 2.5],
        "s": ["a", None, "ü"],
        "t": pd.date_range("2026", periods=3, tz="UTC"),
    },
    index=pd.Index([3, 1, 2], name="id"),
)
VALUES: dict[str, Any] = {
    "none": None,
    "primitives": [True, 0, -(2**80), 1.5, float("inf"), 2 + 3j, "text", b"bytes"],
    "collections": {
        "list": [1, [2]],
        "tuple": (1, (2,)),
        "set": {1, 2},
        "frozen": frozenset("ab"),
        "range": range(3),
    },
    "keys of all kinds": {1: "int", (1, 2): "tuple", None: "none", dt.date(2026, 1, 1): "date"},
    "frame": FRAME,
    "series": pd.Series([1.5, 2.5], name="weight"),
    "series without a name": pd.Series([1, 2, 3]),
    "timestamp": pd.Timestamp("2026-01-02 03:04:05.678901234", tz="Europe/Berlin"),
    "array": np.arange(12, dtype="int16").reshape(3, 4),
    "numpy scalars": [np.int8(-3), np.float32(1.5), np.bool_(True), np.datetime64("2026-01-01")],
    "dates": [dt.date(2026, 1, 2), dt.time(3, 4, 5), dt.datetime(2026, 1, 2, 3, 4), dt.timedelta(days=2)],
    "ok": Ok(5),
    "err": Err("no"),
    "signature": inspect.signature(signature),
    "parameter": inspect.signature(signature).parameters["b"],
    "nested": {"frames": [FRAME, {"deep": (np.ones(3), pd.Series([1], name="s"))}], "ok": Ok({"x": FRAME})},
}


def assert_same(left: Any, right: Any) -> None:
    """Equal, and of the same types all the way down."""
    assert type(left) is type(right)
    if isinstance(left, pd.DataFrame):
        pd.testing.assert_frame_equal(left, right)
    elif isinstance(left, pd.Series):
        pd.testing.assert_series_equal(left, right)
    elif isinstance(left, np.ndarray):
        np.testing.assert_array_equal(left, right)
        assert left.dtype == right.dtype
    elif isinstance(left, dict):
        assert list(left) == list(right)
        for key in left:
            assert_same(left[key], right[key])
    elif isinstance(left, list | tuple):
        assert len(left) == len(right)
        for one, other in zip(left, right, strict=True):
            assert_same(one, other)
    elif isinstance(left, Ok):
        assert_same(left.ok_value, right.ok_value)
    else:
        assert left == right


@pytest.fixture(scope="module")
def scientist(tmp_path_factory: pytest.TempPathFactory) -> Iterator[sy.Client]:
    patch = pytest.MonkeyPatch()
    patch.setenv("SYFT_HOME", str(tmp_path_factory.mktemp("home")))
    server = sy.orchestra.launch(name="types", port="auto", reset=True)
    admin = server.login(email="info@openmined.org", password="changethis")
    admin.users.create(
        email="s@example.org", name="S", password="123", role="data_scientist", mock_execution_permission=True
    )
    client = server.login(email="s@example.org", password="123")

    @sy.syft_function()
    def echo(value):
        return value

    @sy.syft_function()
    def picture(value):
        from io import BytesIO

        file = BytesIO()
        file.write(value)
        return file

    client.code.submit(echo)
    client.code.submit(picture)
    yield client
    server.land()
    patch.undo()


@pytest.mark.parametrize("name", VALUES)
def test_it_comes_back_as_it_went(scientist: sy.Client, name: str) -> None:
    assert_same(scientist.code.echo(value=VALUES[name]).get(), VALUES[name])


def test_a_file_that_was_not_rewound_comes_back_whole(scientist: sy.Client) -> None:
    back = scientist.code.picture(value=b"\x89PNG").get()
    assert isinstance(back, io.BytesIO)
    assert back.read() == b"\x89PNG"


def test_a_value_larger_than_a_message(scientist: sy.Client) -> None:
    large = np.random.default_rng(0).random(3_000_000)
    np.testing.assert_array_equal(scientist.code.echo(value=large).get(), large)


def test_what_cannot_travel_is_named_with_what_can(scientist: sy.Client) -> None:
    with pytest.raises(UnsupportedType, match=r"generator.*list"):
        scientist.code.echo(value={"x": (n for n in range(3))})

    @sy.syft_function()
    def figure(value):
        import matplotlib.pyplot as plt

        return plt.figure()

    scientist.code.submit(figure)
    with pytest.raises(sy.SyftException, match=r"[Ff]igure.*BytesIO"):
        scientist.code.figure(value=1)


def test_what_a_function_imports_is_there_when_it_begins(scientist: sy.Client) -> None:
    pytest.importorskip("sklearn")

    @sy.syft_function()
    def ahead(value):
        import sys

        there = "sklearn" in sys.modules
        import sklearn

        return there and sklearn.__version__ != ""

    scientist.code.submit(ahead)
    assert scientist.code.ahead(value=1).get() is True
