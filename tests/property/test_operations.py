"""Every operation, computed by a node through a pointer, comes to what it comes to here.

Each case is written once, as a person writes it, and done twice: with pointers, and with the values themselves.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from support.sites import opened
from syft.client.client import Client
from syft.client.login import login
from syft.client.pointer import Pointer
from syft.config import DEFAULT_EMAIL, DEFAULT_PASSWORD
from syft.errors import CodeFailed
from syft.ops.table import OPERATIONS
from syft.transport.memory import MemoryRoute

Case = Callable[..., Any]

# Of two matrices of one shape.
NUMERIC: dict[str, list[Case]] = {
    "add": [lambda a, b: a + b, lambda a, b: 1 + a, lambda a, b: a + b[0]],
    "sub": [lambda a, b: a - b, lambda a, b: 2.5 - a],
    "mul": [lambda a, b: a * b, lambda a, b: 3 * a],
    "truediv": [lambda a, b: a / b, lambda a, b: 1 / a],
    "floordiv": [lambda a, b: a // b, lambda a, b: 7 // a],
    "mod": [lambda a, b: a % b, lambda a, b: 7 % a],
    "pow": [lambda a, b: a**2, lambda a, b: 2**a],
    "matmul": [lambda a, b: a @ b.T, lambda a, b: a @ b],
    "eq": [lambda a, b: a == b, lambda a, b: a == 1],
    "ne": [lambda a, b: a != b],
    "lt": [lambda a, b: a < b],
    "le": [lambda a, b: a <= b],
    "gt": [lambda a, b: a > b],
    "ge": [lambda a, b: a >= 0],
    "bit_and": [lambda a, b: (a > 0) & (b > 0)],
    "bit_or": [lambda a, b: (a > 0) | (b > 0)],
    "bit_xor": [lambda a, b: (a > 0) ^ (b > 0)],
    "lshift": [lambda a, b: a.astype("int64") << 2],
    "rshift": [lambda a, b: a.astype("int64") >> 1],
    "invert": [lambda a, b: ~(a > 0)],
    "neg": [lambda a, b: -a],
    "pos": [lambda a, b: +a],
    "abs": [lambda a, b: abs(a), lambda a, b: np.abs(a)],
    "sum": [lambda a, b: a.sum(), lambda a, b: np.sum(a, axis=0), lambda a, b: a.sum(axis=1, keepdims=True)],
    "mean": [lambda a, b: a.mean(), lambda a, b: np.mean(a, axis=1)],
    "prod": [lambda a, b: a.prod()],
    "min": [lambda a, b: a.min(), lambda a, b: a.min(axis=0)],
    "max": [lambda a, b: a.max(), lambda a, b: np.max(a)],
    "std": [lambda a, b: a.std(), lambda a, b: a.std(ddof=1)],
    "var": [lambda a, b: a.var(axis=0)],
    "any": [lambda a, b: a.any()],
    "all": [lambda a, b: a.all(axis=1)],
    "argmin": [lambda a, b: a.argmin()],
    "argmax": [lambda a, b: a.argmax(axis=0)],
    "cumsum": [lambda a, b: a.cumsum(), lambda a, b: np.cumsum(a, axis=1)],
    "exp": [lambda a, b: np.exp(a)],
    "log": [lambda a, b: np.log(a)],
    "sqrt": [lambda a, b: np.sqrt(a)],
    "sin": [lambda a, b: np.sin(a)],
    "cos": [lambda a, b: np.cos(a)],
    "tanh": [lambda a, b: np.tanh(a)],
    "maximum": [lambda a, b: np.maximum(a, b), lambda a, b: np.maximum(a, 0)],
    "minimum": [lambda a, b: np.minimum(a, b)],
    "where": [lambda a, b: np.where(a > 0, a, b), lambda a, b: np.where(a > 0, 1, 0)],
    "clip": [lambda a, b: a.clip(-1, 1), lambda a, b: np.clip(a, 0, None)],
    "round": [lambda a, b: a.round(1), lambda a, b: np.round(a)],
    "reshape": [lambda a, b: a.reshape(-1), lambda a, b: a.reshape(1, -1), lambda a, b: a.reshape((7, 7))],
    "transpose": [lambda a, b: a.T, lambda a, b: a.transpose(1, 0)],
    "ravel": [lambda a, b: a.ravel()],
    "astype": [lambda a, b: a.astype("float32"), lambda a, b: a.astype(np.float64)],
    "getitem": [
        lambda a, b: a[0],
        lambda a, b: a[0, 1],
        lambda a, b: a[..., ::-1],
        lambda a, b: a[a > 0],
        lambda a, b: a[:, [0, 0]],
        lambda a, b: a[10],
    ],
}
# Of a table with a column of words, one of whole numbers and one with gaps.
TABLE: dict[str, list[Case]] = {
    "getitem": [
        lambda t: t["n"],
        lambda t: t[["n", "x"]],
        lambda t: t[t["word"] == "a"],
        lambda t: t["gone"],
    ],
    "head": [lambda t: t.head(2), lambda t: t["n"].head()],
    "tail": [lambda t: t.tail(1)],
    "describe": [lambda t: t.describe()],
    "sum": [lambda t: t["x"].sum(), lambda t: t.sum(numeric_only=True)],
    "mean": [lambda t: t[["n", "x"]].mean()],
    "median": [lambda t: t["x"].median()],
    "count": [lambda t: t.count(), lambda t: t["x"].count()],
    "nunique": [lambda t: t["word"].nunique(), lambda t: t.nunique()],
    "quantile": [lambda t: t["n"].quantile(0.25)],
    "corr": [lambda t: t.corr(numeric_only=True)],
    "isna": [lambda t: t.isna()],
    "notna": [lambda t: t["x"].notna()],
    "dropna": [lambda t: t.dropna(), lambda t: t.dropna(subset="x")],
    "fillna": [lambda t: t["x"].fillna(0)],
    "sort_values": [
        lambda t: t.sort_values("n"),
        lambda t: t.sort_values(["word", "n"], ascending=[True, False]),
    ],
    "value_counts": [lambda t: t["word"].value_counts()],
    "reset_index": [lambda t: t[t["n"] > 0].reset_index(drop=True)],
    "drop": [lambda t: t.drop(columns=["word"])],
    "isin": [lambda t: t["word"].isin(["a", "b"])],
    "groupby_agg": [
        lambda t: t.groupby("word")["n"].agg("mean"),
        lambda t: t.groupby("word").size(),
        lambda t: t.groupby(["word", "n"]).count(),
    ],
    "merge": [
        lambda t: t.merge(t.groupby("word").size().reset_index(), on="word"),
        lambda t: t.merge(t, on="n"),
    ],
    "add": [lambda t: t["n"] + t["x"], lambda t: t["word"] + "!"],
    "abs": [lambda t: abs(t["n"])],
    "exp": [lambda t: np.exp(t["n"])],
    "cumsum": [lambda t: t["n"].cumsum()],
    "round": [lambda t: t["x"].round(1)],
}
# Of the two libraries themselves: numpy here, `client.numpy` there.
MADE: dict[str, list[Case]] = {
    "zeros": [lambda numpy: numpy.zeros(3), lambda numpy: numpy.zeros((2, 2), dtype="int8")],
    "ones": [lambda numpy: numpy.ones(2)],
    "eye": [lambda numpy: numpy.eye(3), lambda numpy: numpy.eye(2, 3)],
    "arange": [lambda numpy: numpy.arange(5), lambda numpy: numpy.arange(1, 2, 0.25)],
}


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """Somebody who may read all there is, so that results and errors can be compared."""
    with opened(tmp_path_factory.mktemp("operations")) as node:
        yield login(DEFAULT_EMAIL, DEFAULT_PASSWORD, route=MemoryRoute(node))


def outcome(case: Case, *values: Any) -> tuple[Any, str]:
    """What it comes to, or the name of the error."""
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            return case(*values), ""
    except CodeFailed as error:
        return None, error.public_message.partition("failed: ")[2].partition(":")[0]
    except Exception as error:
        return None, type(error).__name__


def check_same(case: Case, there: tuple[Any, ...], here: tuple[Any, ...], op: str = "") -> None:
    pointer, remote_error = outcome(case, *there)
    value, local_error = outcome(case, *here)
    assert remote_error == local_error
    if local_error:
        return
    assert isinstance(pointer, Pointer)
    assert not op or pointer.refresh()._about().op == op
    back = pointer.get()
    if isinstance(value, pd.DataFrame):
        pd.testing.assert_frame_equal(back, value)
    elif isinstance(value, pd.Series):
        pd.testing.assert_series_equal(back, value)
    else:
        assert type(back) is type(value)
        assert getattr(back, "dtype", None) == getattr(value, "dtype", None)
        np.testing.assert_array_equal(back, value)


KINDS = st.sampled_from([np.dtype(name) for name in ("int8", "int64", "float32", "float64", "bool")])
SHAPES = st.tuples(st.integers(1, 3), st.integers(1, 3))
FEW = settings(
    max_examples=6,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


@FEW
@given(data=st.data())
@pytest.mark.parametrize("op", NUMERIC)
def test_arrays_come_to_what_they_do_here(client: Client, op: str, data: st.DataObject) -> None:
    shape, kind = data.draw(SHAPES), data.draw(KINDS)
    elements = None if kind.kind == "b" else st.integers(-3, 3)
    here = tuple(data.draw(hnp.arrays(kind, shape, elements=elements)) for _ in range(2))
    there = tuple(client.objects.send(value, pointable=False) for value in here)
    for case in NUMERIC[op]:
        check_same(case, there, here, op)


@settings(FEW, max_examples=2)
@given(
    rows=st.lists(
        st.tuples(st.sampled_from("abc"), st.integers(-9, 9), st.one_of(st.none(), st.floats(-9, 9))),
        min_size=1,
        max_size=5,
    )
)
@pytest.mark.parametrize("op", TABLE)
def test_tables_come_to_what_they_do_here(client: Client, op: str, rows: list[tuple[Any, ...]]) -> None:
    here = pd.DataFrame(rows, columns=["word", "n", "x"]).astype({"x": "float64"})
    there = client.objects.send(here, pointable=False)
    for case in TABLE[op]:
        check_same(case, (there,), (here,), op)


@pytest.mark.parametrize("op", MADE)
def test_what_is_made_there_is_what_is_made_here(client: Client, op: str) -> None:
    for case in MADE[op]:
        check_same(case, (client.numpy,), (np,), op)


@FEW
@given(left=st.integers(-(2**70), 2**70), right=st.one_of(st.integers(-50, 50), st.floats(-9, 9)))
def test_pythons_own_numbers_stay_pythons(client: Client, left: int, right: float) -> None:
    here = (left, right)
    there = tuple(client.objects.send(value, pointable=False) for value in here)
    cases: list[Case] = [
        lambda a, b: a + b,
        lambda a, b: a * b,
        lambda a, b: a // b,
        lambda a, b: a**b,
        lambda a, b: a < b,
        lambda a, b: -a,
        lambda a, b: abs(a) % 7,
        lambda a, b: a << 3,
        lambda a, b: ~a,
    ]
    for case in cases:
        check_same(case, there, here)


def test_every_operation_has_a_case() -> None:
    assert set(OPERATIONS) == set(NUMERIC) | set(TABLE) | set(MADE)


def test_the_other_side_may_be_a_plain_value_of_any_library(client: Client) -> None:
    here = np.arange(3.0)
    there = client.objects.send(here, pointable=False)
    cases: list[Case] = [
        lambda a: np.array([1, 2, 3]) + a,
        lambda a: np.float64(2) * a,
        lambda a: pd.Series([1.0, 2.0, 3.0]) - a,
        lambda a: [0, 1, 2] @ a if isinstance(a, np.ndarray) else np.array([0, 1, 2]) @ a,
        lambda a: np.add(1, a),
    ]
    for case in cases:
        check_same(case, (there,), (here,))


def test_tensors_come_to_what_they_do_here(client: Client) -> None:
    torch = pytest.importorskip("torch")
    here = torch.tensor([[1.0, -2.0], [3.0, 4.0]])
    there = client.objects.send(here, pointable=False)
    cases: list[Case] = [
        lambda a: a + 1,
        lambda a: a @ a,
        lambda a: a.sum(axis=0),
        lambda a: a.max(),
        lambda a: a.std(),
        lambda a: a.exp(),
        lambda a: a.T,
        lambda a: a.reshape(4),
        lambda a: a[0],
        lambda a: a[a > 0],
        lambda a: a.clip(0, 2),
        lambda a: abs(a).sqrt().round(),
    ]
    for case in cases:
        assert torch.equal(case(there).get(), case(here))
    assert torch.equal(there.max(axis=0).get(), here.amax(dim=0))
    assert torch.equal(there.std(ddof=0).get(), here.std(correction=0))
    assert there.astype("int64").get().dtype is torch.int64
    assert torch.equal(np.where(there > 0, there, there * 0).get(), here.clip(0))
    assert torch.equal(np.maximum(there, 0).get(), here.clip(0))
