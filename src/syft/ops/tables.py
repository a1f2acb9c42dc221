"""This module holds operations on pandas tables and columns. None of them reads text as code or touches a file."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from syft.ops.kinds import DATA, PANDAS, Kind, kind_of
from syft.ops.operation import (
    Operation,
    flags,
    is_axis,
    is_flag,
    is_label,
    is_share,
    is_whole,
    one_of,
)

# What a group can come to; pandas takes functions there, and names of any method.
AGGREGATES: Final = (
    "sum",
    "mean",
    "min",
    "max",
    "count",
    "size",
    "std",
    "var",
    "median",
    "first",
    "last",
    "nunique",
)
_is_aggregate: Final = one_of(*AGGREGATES)


def _method(name: str) -> Callable[..., Any]:
    """pandas' method of that name, which stands in this file: never one that somebody sent."""

    def call(value: Any, *inputs: Any, **options: Any) -> Any:
        if kind_of(value) not in PANDAS:
            raise TypeError("this is for pandas tables and columns")
        return getattr(value, name)(*inputs, **options)

    return call


def _tables_only(name: str) -> Callable[..., Any]:
    method = _method(name)

    def call(value: Any, *inputs: Any, **options: Any) -> Any:
        if kind_of(value) is not Kind.TABLE:
            raise TypeError("this is for pandas tables")
        return method(value, *inputs, **options)

    return call


def _is_in(value: Any, among: Any) -> Any:
    if type(among) not in (list, tuple) and kind_of(among) not in (Kind.ARRAY, Kind.COLUMN):
        raise TypeError("a list, array or column is due")
    return _method("isin")(value, among)


def _grouped(value: Any, *, by: Any, agg: str, columns: Any = None) -> Any:
    """One number a group: names of columns in, no functions."""
    if kind_of(value) is not Kind.TABLE:
        raise TypeError("this is for pandas tables")
    groups = value.groupby(_listed(by) if type(by) is tuple else by)
    if columns is not None:
        groups = groups[_listed(columns) if type(columns) is tuple else columns]
    # Not `agg(name)`, which would take any method's name: one of AGGREGATES, whatever was checked before.
    return getattr(groups, AGGREGATES[AGGREGATES.index(agg)])()


def _listed(labels: Any) -> list[Any]:
    return list(labels)


def _joined(left: Any, right: Any, **options: Any) -> Any:
    if kind_of(left) is not Kind.TABLE or kind_of(right) not in PANDAS:
        raise TypeError("tables are merged with tables")
    return left.merge(right, **options)


def _row(
    name: str, written: str, text: str, call: Callable[..., Any] | None = None, **more: Any
) -> Operation:
    return Operation(
        name=name,
        written=written,
        text=text,
        call=call or _method(name),
        **{"takes": PANDAS, "tag": name, **more},
    )


_SKIPPING: Final = {"axis": is_axis, "skipna": is_flag, "numeric_only": is_flag}

TABLES: Final = (
    _row("head", "a.head(n)", "first rows of {0}", options={"n": is_whole}),
    _row("tail", "a.tail(n)", "last rows of {0}", options={"n": is_whole}),
    _row("describe", "a.describe()", "summary of {0}"),
    _row("median", "a.median()", "median of {0}", options=_SKIPPING),
    _row("count", "a.count()", "number of values in {0}", options={"axis": is_axis, "numeric_only": is_flag}),
    _row("nunique", "a.nunique()", "number of different values in {0}", options={"dropna": is_flag}),
    _row("quantile", "a.quantile(q)", "quantile of {0}", options={"q": is_share, "numeric_only": is_flag}),
    _row("corr", "a.corr()", "correlations of {0}", _tables_only("corr"), options={"numeric_only": is_flag}),
    _row("isna", "a.isna()", "which of {0} are missing"),
    _row("notna", "a.notna()", "which of {0} are there"),
    _row(
        "dropna",
        "a.dropna()",
        "{0} without missing values",
        options={"axis": is_axis, "how": one_of("any", "all"), "subset": is_label},
    ),
    _row(
        "fillna",
        "a.fillna(value)",
        "{0} with {1} for missing values",
        least=2,
        most=2,
        takes=PANDAS | {Kind.NUMBER, Kind.TEXT, Kind.MOMENT},
    ),
    _row(
        "sort_values",
        "a.sort_values(by)",
        "{0} sorted",
        options={"by": is_label, "ascending": flags, "ignore_index": is_flag},
    ),
    _row(
        "value_counts",
        "a.value_counts()",
        "counts of values in {0}",
        options={"normalize": is_flag, "sort": is_flag, "ascending": is_flag, "dropna": is_flag},
    ),
    _row("reset_index", "a.reset_index(drop=True)", "{0} numbered anew", options={"drop": is_flag}),
    _row(
        "drop",
        "a.drop(columns=...)",
        "{0} without columns",
        _tables_only("drop"),
        options={"columns": is_label},
    ),
    _row(
        "isin",
        "a.isin(values)",
        "which of {0} are in {1}",
        _is_in,
        least=2,
        most=2,
        takes=PANDAS | {Kind.KEY, Kind.ARRAY},
    ),
    _row(
        "groupby_agg",
        "a.groupby(by).agg(name)",
        "{0} by groups",
        _grouped,
        options={"by": is_label, "agg": _is_aggregate, "columns": is_label},
        tag="groupby",
    ),
    _row(
        "merge",
        "a.merge(b)",
        "{0} merged with {1}",
        _joined,
        least=2,
        most=2,
        takes=DATA,
        options={
            "how": one_of("left", "right", "outer", "inner", "cross"),
            "on": is_label,
            "left_on": is_label,
            "right_on": is_label,
        },
    ),
)
