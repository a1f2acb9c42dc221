"""This module tells what kind of value something is, by its exact type; libraries are not imported to find out."""

from __future__ import annotations

import sys
from enum import Enum
from typing import Any, Final


class Kind(Enum):
    """What an operation is done with. Anything else is done nothing with."""

    NUMBER = "number"
    ARRAY = "numpy array"
    TABLE = "pandas table"
    COLUMN = "pandas column"
    TENSOR = "torch tensor"
    TEXT = "text"
    MOMENT = "moment"
    NOTHING = "None"
    KEY = "list, tuple, slice or ..."


DATA: Final = frozenset({Kind.NUMBER, Kind.ARRAY, Kind.TABLE, Kind.COLUMN, Kind.TENSOR})
PANDAS: Final = frozenset({Kind.TABLE, Kind.COLUMN})
# What an operation may come to: these travel, and none of them can hold code.
RESULTS: Final = DATA | {Kind.TEXT, Kind.MOMENT, Kind.NOTHING}

_BUILT_IN: Final[dict[type, Kind]] = {
    bool: Kind.NUMBER,
    int: Kind.NUMBER,
    float: Kind.NUMBER,
    complex: Kind.NUMBER,
    str: Kind.TEXT,
    type(None): Kind.NOTHING,
    list: Kind.KEY,
    tuple: Kind.KEY,
    slice: Kind.KEY,
    type(...): Kind.KEY,
}


def kind_of(value: Any) -> Kind | None:
    """What kind of value it is; None for what no operation takes.

    Exactly these types: a subclass could carry behaviour.
    """
    kind = type(value)
    if kind in _BUILT_IN:
        return _BUILT_IN[kind]
    if (numpy := sys.modules.get("numpy")) is not None:
        if kind is numpy.ndarray:
            return Kind.ARRAY
        if issubclass(kind, numpy.generic):
            return _scalar(value.dtype.kind)
    if (pandas := sys.modules.get("pandas")) is not None:
        if kind is pandas.DataFrame:
            return Kind.TABLE
        if kind is pandas.Series:
            return Kind.COLUMN
        if kind in (pandas.Timestamp, pandas.Timedelta):
            return Kind.MOMENT
        if value is pandas.NaT or value is pandas.NA:
            return Kind.NOTHING
    if (torch := sys.modules.get("torch")) is not None and kind is torch.Tensor:
        return Kind.TENSOR
    return None


def _scalar(kind: str) -> Kind | None:
    if kind in "biufc":
        return Kind.NUMBER
    return {"m": Kind.MOMENT, "M": Kind.MOMENT, "U": Kind.TEXT}.get(kind)
