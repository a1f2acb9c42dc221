"""This module holds operations on numbers, arrays, columns and tensors alike: arithmetic, sums, functions, shapes."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import Any, Final

from syft.ops.kinds import DATA, PANDAS, Kind, kind_of
from syft.ops.operation import (
    Growth,
    Operation,
    is_axis,
    is_decimals,
    is_flag,
    is_shape,
    is_whole,
    one_of,
)

# Python's numbers have no end of digits; beyond this, one costs seconds and megabytes.
MAX_INT_BITS: Final = 1 << 20
# 128 MiB of the widest common numbers: the sandbox has room for a few of these.
MAX_MADE: Final = 1 << 24
NUMBERS: Final = (
    "bool",
    "int8",
    "int16",
    "int32",
    "int64",
    "uint8",
    "float16",
    "float32",
    "float64",
    "complex64",
    "complex128",
)
_is_number_type: Final = one_of(*NUMBERS)
_PLAIN: Final = frozenset({Kind.NUMBER, Kind.TEXT, Kind.MOMENT})


def _binary(name: str, sign: str, call: Callable[[Any, Any], Any]) -> Operation:
    return Operation(
        name=name,
        written=f"a {sign} b",
        text=f"({{0}} {sign} {{1}})",
        call=_careful(call),
        least=2,
        most=2,
        takes=DATA | _PLAIN,
        growth=Growth.PRODUCT if name == "matmul" else Growth.EACH,
        tag=_METHODS.get(name, f"__{name}__"),
    )


_METHODS: Final = {"bit_and": "__and__", "bit_or": "__or__", "bit_xor": "__xor__"}


def _careful(call: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    """The same, for numbers and columns only: text and moments are combined with whole columns, never repeated."""

    def careful(left: Any, right: Any) -> Any:
        kinds = {kind_of(left), kind_of(right)}
        if kinds & {Kind.TEXT, Kind.MOMENT} and not kinds & (PANDAS | {Kind.ARRAY}):
            raise TypeError("text and moments are compared with columns and arrays")
        if Kind.TEXT in kinds and call not in _COMPARISONS and call is not operator.add:
            raise TypeError("text can be compared, and added to columns of text")
        return call(left, right)

    return careful


def power(base: Any, exponent: Any) -> Any:
    """`base ** exponent`, but no whole number of millions of digits.

    Raises:
        MemoryError: it would be one.
    """
    if type(base) in (int, bool) and type(exponent) in (int, bool) and exponent > 0:
        _check_bits(int(base).bit_length() * exponent if abs(base) > 1 else 1)
    return base**exponent


def left_shift(value: Any, places: Any) -> Any:
    """`value << places`, within the same bound.

    Raises:
        MemoryError: beyond it.
    """
    if type(value) in (int, bool) and type(places) in (int, bool):
        _check_bits(int(value).bit_length() + places)
    return value << places


def times(left: Any, right: Any) -> Any:
    """`left * right`, within the same bound.

    Raises:
        MemoryError: beyond it.
    """
    if type(left) in (int, bool) and type(right) in (int, bool):
        _check_bits(int(left).bit_length() + int(right).bit_length())
    return left * right


def _check_bits(bits: int) -> None:
    if bits > MAX_INT_BITS:
        raise MemoryError("a whole number of too many digits")


_COMPARISONS: Final = (operator.eq, operator.ne, operator.lt, operator.le, operator.gt, operator.ge)
_BINARY: Final = (
    ("add", "+", operator.add),
    ("sub", "-", operator.sub),
    ("mul", "*", times),
    ("truediv", "/", operator.truediv),
    ("floordiv", "//", operator.floordiv),
    ("mod", "%", operator.mod),
    ("pow", "**", power),
    ("matmul", "@", operator.matmul),
    ("bit_and", "&", operator.and_),
    ("bit_or", "|", operator.or_),
    ("bit_xor", "^", operator.xor),
    ("lshift", "<<", left_shift),
    ("rshift", ">>", operator.rshift),
    ("eq", "==", operator.eq),
    ("ne", "!=", operator.ne),
    ("lt", "<", operator.lt),
    ("le", "<=", operator.le),
    ("gt", ">", operator.gt),
    ("ge", ">=", operator.ge),
)
_UNARY: Final = (
    ("neg", "-a", operator.neg),
    ("pos", "+a", operator.pos),
    ("invert", "~a", operator.invert),
    ("abs", "abs(a)", operator.abs),
)


# --- a method of arrays, columns and tensors; Python's numbers become arrays first


def _method(name: str) -> Callable[..., Any]:
    """The method of that name, which stands in this file: never one that somebody sent."""

    def call(value: Any, *inputs: Any, **options: Any) -> Any:
        if kind_of(value) is Kind.NUMBER:
            import numpy as np

            value = np.asarray(value)
        return getattr(value, name)(*inputs, **options)

    return call


def _extreme(name: str) -> Callable[..., Any]:
    """`max` or `min`; along an axis, torch's tells the places as well."""
    method, along = _method(name), _method(f"a{name}")

    def call(value: Any, **options: Any) -> Any:
        if kind_of(value) is Kind.TENSOR and options.get("axis") is not None:
            return along(value, **{"dim": options.pop("axis"), **options})
        return method(value, **options)

    return call


def _spread(name: str) -> Callable[..., Any]:
    """`std` or `var`; what numpy calls `ddof`, torch calls a correction."""
    method = _method(name)

    def call(value: Any, **options: Any) -> Any:
        if kind_of(value) is Kind.TENSOR and "ddof" in options:
            options["correction"] = options.pop("ddof")
        return method(value, **options)

    return call


_ALONG: Final = {"axis": is_axis}
_ALONG_KEEPING: Final = {"axis": is_axis, "keepdims": is_flag}
_SKIPPING: Final = {**_ALONG_KEEPING, "skipna": is_flag, "numeric_only": is_flag}


def _reduction(name: str, about: str, call: Callable[..., Any], options: Any = None) -> Operation:
    return Operation(
        name=name,
        written=f"a.{name}()",
        text=f"{about} of {{0}}",
        call=call,
        options=_SKIPPING if options is None else options,
        growth=Growth.EACH,
        tag=name,
    )


_REDUCTIONS: Final = (
    _reduction("sum", "sum", _method("sum")),
    _reduction("mean", "mean", _method("mean")),
    _reduction("prod", "product", _method("prod")),
    _reduction("min", "minimum", _extreme("min")),
    _reduction("max", "maximum", _extreme("max")),
    _reduction("std", "standard deviation", _spread("std"), {**_SKIPPING, "ddof": is_whole}),
    _reduction("var", "variance", _spread("var"), {**_SKIPPING, "ddof": is_whole}),
    _reduction("any", "any", _method("any"), {**_ALONG_KEEPING, "skipna": is_flag}),
    _reduction("all", "all", _method("all"), {**_ALONG_KEEPING, "skipna": is_flag}),
    _reduction("argmin", "place of the minimum", _method("argmin"), _ALONG_KEEPING),
    _reduction("argmax", "place of the maximum", _method("argmax"), _ALONG_KEEPING),
    _reduction("cumsum", "running sums", _method("cumsum"), _ALONG),
)


# --- a function of each number


def _function(name: str) -> Callable[[Any], Any]:
    def call(value: Any) -> Any:
        if kind_of(value) is Kind.TENSOR:
            return getattr(value, name)()
        import numpy as np

        return getattr(np, name)(value)

    return call


_FUNCTIONS: Final = ("exp", "log", "sqrt", "sin", "cos", "tanh")


def _pairwise(name: str) -> Callable[[Any, Any], Any]:
    def call(left: Any, right: Any) -> Any:
        if Kind.TENSOR in (kind_of(left), kind_of(right)):
            import torch

            return getattr(torch, name)(torch.as_tensor(left), torch.as_tensor(right))
        import numpy as np

        return getattr(np, name)(left, right)

    return call


def _where(condition: Any, left: Any, right: Any) -> Any:
    if kind_of(condition) is Kind.TENSOR:
        import torch

        return torch.where(condition, left, right)
    import numpy as np

    return np.where(condition, left, right)


# --- shapes


def _reshape(value: Any, *, shape: Any) -> Any:
    if kind_of(value) is Kind.NUMBER:
        import numpy as np

        value = np.asarray(value)
    return value.reshape(shape)


def _transpose(value: Any, *, axes: Any = None) -> Any:
    if kind_of(value) is Kind.TENSOR:
        return value.permute(tuple(axes) if axes is not None else tuple(reversed(range(value.ndim))))
    return value.transpose() if axes is None else value.transpose(axes)


def _astype(value: Any, *, dtype: str) -> Any:
    if kind_of(value) is Kind.TENSOR:
        import torch

        return value.to(getattr(torch, dtype))  # one of NUMBERS
    if kind_of(value) is Kind.NUMBER:
        import numpy as np

        return np.asarray(value).astype(dtype)[()]
    return value.astype(dtype)


def _item(value: Any, key: Any) -> Any:
    if kind_of(value) is Kind.NUMBER:
        raise TypeError("a number has no parts")
    return value[key]


# --- what is made of nothing


def count_made(name: str, inputs: tuple[Any, ...]) -> int:
    """How many numbers a constructor would make; more than `MAX_MADE` for what makes no sense.

    Args:
        name: of the constructor.
        inputs: plain values.
    """
    try:
        if name == "arange":
            return max(0, len(range(*inputs))) if all(type(one) is int for one in inputs) else _steps(inputs)
        lengths = inputs[0] if name != "eye" and type(inputs[0]) in (tuple, list) else inputs
        if name == "eye" and len(lengths) == 1:
            lengths = (lengths[0], lengths[0])
        # A side of length 0 makes nothing, and hides how long the others are from whatever is done with it.
        return math.prod(max(1, int(one)) for one in lengths)
    except (OverflowError, ValueError, TypeError):
        return MAX_MADE + 1


def _steps(inputs: tuple[Any, ...]) -> int:
    start, stop = (0, inputs[0]) if len(inputs) == 1 else inputs[:2]
    step = inputs[2] if len(inputs) == 3 else 1
    return max(0, math.ceil((stop - start) / step)) if step else MAX_MADE + 1


def _made(name: str) -> Callable[..., Any]:
    def call(*inputs: Any, dtype: str | None = None) -> Any:
        if count_made(name, inputs) > MAX_MADE:
            raise MemoryError("more numbers than are made at once")
        import numpy as np

        return getattr(np, name)(*inputs, dtype=dtype or (None if name == "arange" else "float64"))

    return call


def _constructor(name: str, written: str, most: int) -> Operation:
    return Operation(
        name=name,
        written=written,
        text=f"{name}({{*}})",
        call=_made(name),
        least=1,
        most=most,
        takes=frozenset({Kind.NUMBER, Kind.KEY}),
        options={"dtype": _is_number_type},
        growth=Growth.MADE,
    )


ARRAYS: Final = (
    *(_binary(*one) for one in _BINARY),
    *(
        Operation(
            name=name,
            written=written,
            text=written.replace("a", "{0}") if name != "abs" else "abs({0})",
            call=call,
            growth=Growth.EACH,
            tag=f"__{name}__",
        )
        for name, written, call in _UNARY
    ),
    *_REDUCTIONS,
    *(
        Operation(
            name=name,
            written=f"np.{name}(a)",
            text=f"{name}({{0}})",
            call=_function(name),
            growth=Growth.EACH,
            tag=name,
        )
        for name in _FUNCTIONS
    ),
    *(
        Operation(
            name=name,
            written=f"np.{name}(a, b)",
            text=f"{name}({{0}}, {{1}})",
            call=_pairwise(name),
            least=2,
            most=2,
            growth=Growth.EACH,
            tag=name,
        )
        for name in ("maximum", "minimum")
    ),
    Operation(
        name="where",
        written="np.where(condition, a, b)",
        text="where({0}, {1}, {2})",
        call=_where,
        least=3,
        most=3,
        takes=DATA | {Kind.TEXT},
        growth=Growth.EACH,
        tag="where",
    ),
    Operation(
        name="clip",
        written="a.clip(low, high)",
        text="{0} clipped to {1} and {2}",
        call=_method("clip"),
        least=3,
        most=3,
        takes=DATA | {Kind.NOTHING},
        growth=Growth.EACH,
        tag="clip",
    ),
    Operation(
        name="round",
        written="a.round(decimals=0)",
        text="{0} rounded",
        call=_method("round"),
        options={"decimals": is_decimals},
        growth=Growth.EACH,
        tag="round",
    ),
    Operation(
        name="reshape",
        written="a.reshape(shape)",
        text="{0} in another shape",
        call=_reshape,
        options={"shape": is_shape},
        growth=Growth.EACH,
        tag="reshape",
    ),
    Operation(
        name="transpose",
        written="a.transpose(), a.T",
        text="{0} transposed",
        call=_transpose,
        options={"axes": is_axis},
        growth=Growth.EACH,
        tag="transpose",
    ),
    Operation(
        name="ravel",
        written="a.ravel()",
        text="{0} in one row",
        call=_method("ravel"),
        growth=Growth.EACH,
        tag="ravel",
    ),
    Operation(
        name="astype",
        written="a.astype(dtype)",
        text="{0} as other numbers",
        call=_astype,
        options={"dtype": _is_number_type},
        growth=Growth.EACH,
        tag="astype",
    ),
    Operation(
        name="getitem",
        written="a[key]",
        text="{0}[{1}]",
        call=_item,
        least=2,
        most=2,
        takes=DATA | {Kind.TEXT, Kind.NOTHING, Kind.KEY},
        growth=Growth.UNKNOWN,
        tag="__getitem__",
    ),
    _constructor("zeros", "client.numpy.zeros(shape)", 1),
    _constructor("ones", "client.numpy.ones(shape)", 1),
    _constructor("eye", "client.numpy.eye(n)", 2),
    _constructor("arange", "client.numpy.arange(start, stop, step)", 3),
)
