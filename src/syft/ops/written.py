"""This module is what can be written with a value that is not here, and the name of the operation that each word means.

A pointer has its node compute what is written (`client.operators`); a placeholder notes it for a plan (`code.trace`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, ClassVar, Final, NoReturn, TypeVar

from syft.errors import InvalidInput
from syft.model.step import Constant, as_constant
from syft.model.uid import UID

P = TypeVar("P", bound="Operators")

# What numpy calls its functions, where the operation here is called otherwise.
_UFUNCS: Final = {
    "add": "add",
    "subtract": "sub",
    "multiply": "mul",
    "divide": "truediv",
    "true_divide": "truediv",
    "floor_divide": "floordiv",
    "remainder": "mod",
    "power": "pow",
    "matmul": "matmul",
    "bitwise_and": "bit_and",
    "bitwise_or": "bit_or",
    "bitwise_xor": "bit_xor",
    "left_shift": "lshift",
    "right_shift": "rshift",
    "equal": "eq",
    "not_equal": "ne",
    "less": "lt",
    "less_equal": "le",
    "greater": "gt",
    "greater_equal": "ge",
    "negative": "neg",
    "positive": "pos",
    "invert": "invert",
    "absolute": "abs",
    "exp": "exp",
    "log": "log",
    "sqrt": "sqrt",
    "sin": "sin",
    "cos": "cos",
    "tanh": "tanh",
    "maximum": "maximum",
    "minimum": "minimum",
}
# numpy's functions that take the value first, and the names of what may follow it by place.
_FUNCTIONS: Final[Mapping[str, tuple[str, ...]]] = {
    "sum": ("axis",),
    "mean": ("axis",),
    "prod": ("axis",),
    "amin": ("axis",),
    "amax": ("axis",),
    "min": ("axis",),
    "max": ("axis",),
    "std": ("axis",),
    "var": ("axis",),
    "any": ("axis",),
    "all": ("axis",),
    "argmin": ("axis",),
    "argmax": ("axis",),
    "cumsum": ("axis",),
    "round": ("decimals",),
    "around": ("decimals",),
    "reshape": ("shape",),
    "transpose": ("axes",),
    "ravel": (),
}
_NAMES: Final = {"amin": "min", "amax": "max", "around": "round"}


def as_option(name: str, value: Any) -> Constant:
    """The value of an option as it stands in a step; of a dtype its name.

    Args:
        name: of the option.
        value: a plain value, or for `dtype` what numpy and torch call one.
    Raises:
        InvalidInput: it is neither.
    """
    try:
        return as_constant(value)
    except TypeError:
        text = getattr(value, "name", None) or getattr(value, "__name__", None)
        if text is None and type(value).__module__ == "torch":
            text = str(value).removeprefix("torch.")
        if name == "dtype" and isinstance(text, str):
            return {"int": "int64", "float": "float64"}.get(text, text)
        raise InvalidInput(f"The option '{name}' cannot be a {type(value).__name__}.") from None


def _binary(op: str) -> tuple[Callable[[Any, Any], Any], Callable[[Any, Any], Any]]:
    """An operator, and the same with its sides changed."""

    def straight(self: Any, other: Any) -> Any:
        return self._operate(op, self, other)

    def reflected(self: Any, other: Any) -> Any:
        return self._operate(op, other, self)

    return straight, reflected


class Operators:
    """What can be written with a value that is elsewhere, as if it were here."""

    # What such values are called in errors.
    _called: ClassVar[str] = "pointers"

    # pandas and numpy leave it to us what comes of `series + pointer` and `array + pointer`.
    __pandas_priority__ = 5_000

    def _operate(self: P, op: str, *inputs: Any, **options: Any) -> P:
        raise NotImplementedError

    def _cannot(self, what: str) -> InvalidInput:
        """The error for what would need the value itself.

        Args:
            what: would have to be known: "how long it is".
        """
        return InvalidInput(
            f"The value is at its node, so nobody here knows {what}. Compute with the pointer (`pointer.sum()`, "
            "`pointer > 3`), or fetch the value with `.get()` where you may have it."
        )

    def _no_word(self, name: str, why: str = "") -> InvalidInput:
        """The error for a function of numpy's that is no operation."""
        return InvalidInput(
            f"numpy's '{name}'{why} is no operation on {self._called}; docs/operations.md lists those."
        )

    @property
    def _place(self) -> tuple[UID, UID] | None:
        raise NotImplementedError

    __add__, __radd__ = _binary("add")
    __sub__, __rsub__ = _binary("sub")
    __mul__, __rmul__ = _binary("mul")
    __truediv__, __rtruediv__ = _binary("truediv")
    __floordiv__, __rfloordiv__ = _binary("floordiv")
    __mod__, __rmod__ = _binary("mod")
    __pow__, __rpow__ = _binary("pow")
    __matmul__, __rmatmul__ = _binary("matmul")
    __and__, __rand__ = _binary("bit_and")
    __or__, __ror__ = _binary("bit_or")
    __xor__, __rxor__ = _binary("bit_xor")
    __lshift__, __rlshift__ = _binary("lshift")
    __rshift__, __rrshift__ = _binary("rshift")
    __lt__ = _binary("lt")[0]
    __le__ = _binary("le")[0]
    __gt__ = _binary("gt")[0]
    __ge__ = _binary("ge")[0]

    def __eq__(self, other: object) -> Any:
        # A pointer to a value that is here is equal to itself only; of others the node is asked.
        return NotImplemented if self._place is None else self._operate("eq", self, other)

    def __ne__(self, other: object) -> Any:
        return NotImplemented if self._place is None else self._operate("ne", self, other)

    __hash__ = object.__hash__

    def __neg__(self: P) -> P:
        return self._operate("neg", self)

    def __pos__(self: P) -> P:
        return self._operate("pos", self)

    def __invert__(self: P) -> P:
        return self._operate("invert", self)

    def __abs__(self: P) -> P:
        return self._operate("abs", self)

    def __round__(self: P, decimals: int = 0) -> P:
        return self.round(decimals)

    def __getitem__(self: P, key: Any) -> P:
        return self._operate("getitem", self, key)

    # --- what would need the value itself

    def __bool__(self) -> NoReturn:
        raise self._cannot("whether it is true")

    def __len__(self) -> NoReturn:
        raise self._cannot("how long it is")

    def __iter__(self) -> Iterator[Any]:
        raise self._cannot("what is in it")

    def __contains__(self, item: object) -> NoReturn:
        raise self._cannot("what is in it")

    def __array__(self, *ignored: Any, **also: Any) -> NoReturn:
        raise self._cannot("its numbers")

    # --- numpy's own functions

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        op = _UFUNCS.get(ufunc.__name__)
        if options.get("out") is not None:
            # `array += pointer` comes here, too.
            raise self._no_word(ufunc.__name__, " into an array that is there already")
        if op is None or method != "__call__" or options:
            raise self._no_word(ufunc.__name__)
        return self._operate(op, *inputs)

    def __array_function__(self, function: Any, types: Any, inputs: Any, options: Any) -> Any:
        name = function.__name__
        if name == "where" and len(inputs) == 3 and not options:
            return self._operate("where", *inputs)
        if name == "clip" and len(inputs) == 3 and not options:
            return self._operate("clip", *inputs)
        by_place = _FUNCTIONS.get(name)
        if by_place is None or not inputs or len(inputs) > 1 + len(by_place):
            raise self._no_word(name)
        given = {("shape" if one == "newshape" else one): value for one, value in options.items()}
        given |= dict(zip(by_place, inputs[1:], strict=False))
        return self._operate(_NAMES.get(name, name), inputs[0], **given)

    # --- methods, as numpy, pandas and torch have them

    def sum(self: P, axis: Any = None, **options: Any) -> P:
        """The sum, of all or along an axis. Options are those in docs/operations.md, here and below."""
        return self._reduce("sum", axis, options)

    def mean(self: P, axis: Any = None, **options: Any) -> P:
        """The mean."""
        return self._reduce("mean", axis, options)

    def prod(self: P, axis: Any = None, **options: Any) -> P:
        """The product."""
        return self._reduce("prod", axis, options)

    def min(self: P, axis: Any = None, **options: Any) -> P:
        """The least."""
        return self._reduce("min", axis, options)

    def max(self: P, axis: Any = None, **options: Any) -> P:
        """The greatest."""
        return self._reduce("max", axis, options)

    def std(self: P, axis: Any = None, **options: Any) -> P:
        """The standard deviation."""
        return self._reduce("std", axis, options)

    def var(self: P, axis: Any = None, **options: Any) -> P:
        """The variance."""
        return self._reduce("var", axis, options)

    def any(self: P, axis: Any = None, **options: Any) -> P:
        """Whether any is true."""
        return self._reduce("any", axis, options)

    def all(self: P, axis: Any = None, **options: Any) -> P:
        """Whether all are true."""
        return self._reduce("all", axis, options)

    def argmin(self: P, axis: Any = None, **options: Any) -> P:
        """The place of the least."""
        return self._reduce("argmin", axis, options)

    def argmax(self: P, axis: Any = None, **options: Any) -> P:
        """The place of the greatest."""
        return self._reduce("argmax", axis, options)

    def cumsum(self: P, axis: Any = None, **options: Any) -> P:
        """The running sums."""
        return self._reduce("cumsum", axis, options)

    def median(self: P, axis: Any = None, **options: Any) -> P:
        """The median of a table or column."""
        return self._reduce("median", axis, options)

    def count(self: P, axis: Any = None, **options: Any) -> P:
        """How many values of a table or column are there."""
        return self._reduce("count", axis, options)

    def _reduce(self: P, op: str, axis: Any, options: Mapping[str, Any]) -> P:
        return self._operate(op, self, **({} if axis is None else {"axis": axis}), **options)

    def exp(self: P) -> P:
        """e to the power of each."""
        return self._operate("exp", self)

    def log(self: P) -> P:
        """The natural logarithm of each."""
        return self._operate("log", self)

    def sqrt(self: P) -> P:
        """The square root of each."""
        return self._operate("sqrt", self)

    def sin(self: P) -> P:
        """The sine of each."""
        return self._operate("sin", self)

    def cos(self: P) -> P:
        """The cosine of each."""
        return self._operate("cos", self)

    def tanh(self: P) -> P:
        """The hyperbolic tangent of each."""
        return self._operate("tanh", self)

    def abs(self: P) -> P:
        """The size of each, without its sign."""
        return self._operate("abs", self)

    def maximum(self: P, other: Any) -> P:
        """The greater of each two."""
        return self._operate("maximum", self, other)

    def minimum(self: P, other: Any) -> P:
        """The lesser of each two."""
        return self._operate("minimum", self, other)

    def clip(self: P, low: Any = None, high: Any = None) -> P:
        """Each, but at least `low` and at most `high`."""
        return self._operate("clip", self, low, high)

    def round(self: P, decimals: int = 0) -> P:
        """Each, to so many decimals."""
        return self._operate("round", self, decimals=decimals)

    def reshape(self: P, *shape: Any) -> P:
        """The same numbers in another shape."""
        return self._operate("reshape", self, shape=shape[0] if len(shape) == 1 else tuple(shape))

    def transpose(self: P, *axes: int) -> P:
        """With its axes in another order."""
        return self._operate("transpose", self, **({"axes": tuple(axes)} if axes else {}))

    @property
    def T(self: P) -> P:  # noqa: N802 - numpy's name
        """With its axes the other way round."""
        return self.transpose()

    def ravel(self: P) -> P:
        """The same numbers in one row."""
        return self._operate("ravel", self)

    def astype(self: P, dtype: Any) -> P:
        """As numbers of another type, such as "float32"."""
        return self._operate("astype", self, dtype=dtype)

    # --- methods of pandas

    def head(self: P, n: int = 5) -> P:
        """The first rows."""
        return self._operate("head", self, n=n)

    def tail(self: P, n: int = 5) -> P:
        """The last rows."""
        return self._operate("tail", self, n=n)

    def nunique(self: P, **options: Any) -> P:
        """How many different values there are."""
        return self._operate("nunique", self, **options)

    def quantile(self: P, q: float = 0.5, **options: Any) -> P:
        """The value below which that share lies."""
        return self._operate("quantile", self, q=q, **options)

    def corr(self: P, **options: Any) -> P:
        """How columns go together."""
        return self._operate("corr", self, **options)

    def isna(self: P) -> P:
        """Which are missing."""
        return self._operate("isna", self)

    def notna(self: P) -> P:
        """Which are there."""
        return self._operate("notna", self)

    def dropna(self: P, **options: Any) -> P:
        """Without missing values."""
        return self._operate("dropna", self, **options)

    def fillna(self: P, value: Any) -> P:
        """With `value` for missing values."""
        return self._operate("fillna", self, value)

    def sort_values(self: P, by: Any = None, **options: Any) -> P:
        """Sorted, a table by columns."""
        return self._operate("sort_values", self, **({} if by is None else {"by": by}), **options)

    def value_counts(self: P, **options: Any) -> P:
        """How often each value is there."""
        return self._operate("value_counts", self, **options)

    def reset_index(self: P, drop: bool = False) -> P:
        """With its rows numbered anew."""
        return self._operate("reset_index", self, drop=drop)

    def drop(self: P, *, columns: Any) -> P:
        """Without these columns."""
        return self._operate("drop", self, columns=columns)

    def isin(self: P, values: Any) -> P:
        """Which are among these."""
        return self._operate("isin", self, values)

    def groupby(self, by: Any) -> Groups:
        """By the values of columns; `.agg(name)`, `.sum()` and the like compute."""
        return Groups(self, by)

    def merge(self: P, right: Any, **options: Any) -> P:
        """With another table beside it."""
        return self._operate("merge", self, right, **options)


class Groups:
    """A table by groups: nothing is computed before it is said what.

    Args:
        table: what stands for it.
        by: names of columns.
        columns: those that are computed; None: all.
    """

    def __init__(self, table: Operators, by: Any, columns: Any = None) -> None:
        self._table = table
        self._by = by
        self._columns = columns

    def __getitem__(self, columns: Any) -> Groups:
        return Groups(self._table, self._by, columns)

    def agg(self, name: str) -> Any:
        """A pointer to one number for each group: "sum", "mean", "min", "max", "count", "size", "std", ..."""
        chosen = {} if self._columns is None else {"columns": self._columns}
        return self._table._operate("groupby_agg", self._table, by=self._by, agg=name, **chosen)

    def sum(self) -> Any:
        """The sum of each group."""
        return self.agg("sum")

    def mean(self) -> Any:
        """The mean of each group."""
        return self.agg("mean")

    def min(self) -> Any:
        """The least of each group."""
        return self.agg("min")

    def max(self) -> Any:
        """The greatest of each group."""
        return self.agg("max")

    def count(self) -> Any:
        """How many values each group has."""
        return self.agg("count")

    def size(self) -> Any:
        """How many rows each group has."""
        return self.agg("size")
