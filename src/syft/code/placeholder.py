"""This module is what a function is traced with: placeholders, which have noted what is done and refuse what cannot be.

There is no value, so whatever would decide something by it (`if`, `len`, a loop) is refused: decided once for all
callers, it would be wrong for most of them, and nobody would be told.
"""

from __future__ import annotations

import operator
import sys
from collections.abc import Callable, Iterator, Mapping
from typing import Any, ClassVar, Final, NoReturn

from syft.code.recorder import Place, Recorder
from syft.errors import InvalidInput
from syft.model.step import Constant, as_constant
from syft.ops.written import Operators, as_option

# Libraries that look at whatever they are given; what they ask decides nothing in the function itself.
_LIBRARIES: Final = frozenset({"numpy", "pandas", "pyarrow", "syft", "torch"})
# What comes of these may be the same memory as what they are taken of: a change of the one would change the other.
_VIEWS: Final = frozenset({"getitem", "ravel", "reshape", "transpose"})
_POINTER: Final = "'{name}' uses a pointer from outside; a plan has no place for it. Pass it as an argument."
_TORCH_OPTIONS: Final = {"dim": "axis", "keepdim": "keepdims"}


class _Memory:
    """What several placeholders may stand for parts of."""

    def __init__(self) -> None:
        self.was_changed = False


class Placeholder(Operators):
    """Stands for a value while a function is traced.

    Args:
        recorder: of the trace.
        at: where its value will be.
        memory: which other placeholders may share its memory; None: nobody does.
    """

    _called: ClassVar[str] = "plans"

    def __init__(self, recorder: Recorder, at: Place, memory: _Memory | None = None) -> None:
        self._recorder = recorder
        self._at = at
        self._memory = memory or _Memory()

    def __repr__(self) -> str:
        return f"<placeholder in the trace of {self._recorder.name}>"

    # --- what is noted

    def _operate(self, op: str, *inputs: Any, **options: Any) -> Placeholder:
        given = [self._operand(one) for one in inputs]
        constants = {}
        for name, value in options.items():
            if isinstance(value, Placeholder):
                raise self._cannot(f"what the option '{name}' is")
            constants[name] = as_option(name, value)
        at = self._recorder.step(op, given, constants)
        memory = inputs[0]._memory if op in _VIEWS and isinstance(inputs[0], Placeholder) else None
        return Placeholder(self._recorder, at, memory)

    def _operand(self, value: Any) -> Place | Constant:
        if isinstance(value, Placeholder):
            return value._place_in(self._recorder)
        if isinstance(value, Operators):
            raise self._recorder.refuse(_POINTER.format(name=self._recorder.name))
        try:
            return as_constant(value)
        except TypeError:
            return self._recorder.constant(value)

    def _place_in(self, recorder: Recorder) -> Place:
        """Where it is, for whoever uses it now.

        Raises:
            InvalidInput: it belongs to another trace, or was changed under another name.
        """
        if recorder is not self._recorder:
            raise recorder.refuse(
                f"'{recorder.name}' uses what an earlier trace, of '{self._recorder.name}', has left somewhere. Keep "
                "nothing of a trace outside the function."
            )
        if self._memory.was_changed:
            raise recorder.refuse(
                f"'{recorder.name}' changes a value in place (`x += 1`) that it also has under another name. Whether "
                "that other name sees the change depends on what kind of value it is, so a plan cannot follow it; "
                "write `x = x + 1`."
            )
        return self._at

    def _changed(self, op: str, other: Any) -> Placeholder:
        """`x += other`: a new value under this name. No other name of the old one may be used from here on."""
        result = self._operate(op, self, other)
        # An array's other names see the change, a plain number's do not.
        self._memory.was_changed = True
        return result

    def __iadd__(self, other: Any) -> Placeholder:
        return self._changed("add", other)

    def __isub__(self, other: Any) -> Placeholder:
        return self._changed("sub", other)

    def __imul__(self, other: Any) -> Placeholder:
        return self._changed("mul", other)

    def __itruediv__(self, other: Any) -> Placeholder:
        return self._changed("truediv", other)

    def __ifloordiv__(self, other: Any) -> Placeholder:
        return self._changed("floordiv", other)

    def __imod__(self, other: Any) -> Placeholder:
        return self._changed("mod", other)

    def __ipow__(self, other: Any) -> Placeholder:
        return self._changed("pow", other)

    def __imatmul__(self, other: Any) -> Placeholder:
        return self._changed("matmul", other)

    def __iand__(self, other: Any) -> Placeholder:
        return self._changed("bit_and", other)

    def __ior__(self, other: Any) -> Placeholder:
        return self._changed("bit_or", other)

    def __ixor__(self, other: Any) -> Placeholder:
        return self._changed("bit_xor", other)

    def __ilshift__(self, other: Any) -> Placeholder:
        return self._changed("lshift", other)

    def __irshift__(self, other: Any) -> Placeholder:
        return self._changed("rshift", other)

    def __eq__(self, other: object) -> Any:
        return self._operate("eq", self, other)

    def __ne__(self, other: object) -> Any:
        return self._operate("ne", self, other)

    def copy(self) -> Placeholder:
        """The same value with a memory of its own: nothing to be computed, since steps change nothing."""
        return Placeholder(self._recorder, self._place_in(self._recorder))

    __copy__ = clone = copy

    def detach(self) -> Placeholder:
        """The same value; steps have no history."""
        return Placeholder(self._recorder, self._place_in(self._recorder), self._memory)

    def __deepcopy__(self, memo: object) -> Placeholder:
        return self.copy()

    @property
    def _place(self) -> NoReturn:
        # A pointer that the function has from outside asks for it: it comes before the placeholder in `pointer + x`.
        raise self._recorder.refuse(_POINTER.format(name=self._recorder.name))

    def describe(self) -> Placeholder:
        """A summary of a table or column."""
        return self._operate("describe", self)

    def _reduce(self, op: str, axis: Any, options: Mapping[str, Any]) -> Placeholder:
        # Of `max` and `min` torch gives the places as well when it is asked by these names.
        if op not in ("max", "min"):
            options = {_TORCH_OPTIONS.get(name, name): value for name, value in options.items()}
        return super()._reduce(op, axis, options)

    # --- what torch calls what is here by other names

    def add(self, other: Any) -> Placeholder:
        """`self + other`."""
        return self._operate("add", self, other)

    def sub(self, other: Any) -> Placeholder:
        """`self - other`."""
        return self._operate("sub", self, other)

    def mul(self, other: Any) -> Placeholder:
        """`self * other`."""
        return self._operate("mul", self, other)

    def div(self, other: Any) -> Placeholder:
        """`self / other`."""
        return self._operate("truediv", self, other)

    def pow(self, other: Any) -> Placeholder:
        """`self ** other`."""
        return self._operate("pow", self, other)

    def matmul(self, other: Any) -> Placeholder:
        """`self @ other`."""
        return self._operate("matmul", self, other)

    mm = matmul

    def dot(self, other: Any) -> Placeholder:
        """`self @ other`."""
        return self._operate("matmul", self, other)

    def neg(self) -> Placeholder:
        """`-self`."""
        return self._operate("neg", self)

    def t(self) -> Placeholder:
        """With its axes the other way round."""
        return self.transpose()

    def view(self, *shape: Any) -> Placeholder:
        """The same numbers in another shape."""
        return self.reshape(*shape)

    def relu(self) -> Placeholder:
        """Each, but at least 0."""
        return self._operate("clip", self, 0, None)

    def sigmoid(self) -> Placeholder:
        """`1 / (1 + exp(-self))`."""
        result: Placeholder = 1 / (1 + (-self).exp())
        return result

    def softmax(self, dim: int = -1) -> Placeholder:
        """Shares along an axis, which sum up to 1."""
        raised: Placeholder = (self - self.max(axis=dim, keepdims=True)).exp()
        shares: Placeholder = raised / raised.sum(axis=dim, keepdims=True)
        return shares

    @classmethod
    def __torch_function__(cls, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = getattr(function, "__name__", str(function))
        mine = next((one for one in _flat((args, kwargs or {})) if isinstance(one, Placeholder)), None)
        written = TORCH.get(name.strip("_"))
        if mine is None or written is None:
            text = (
                f"torch's '{name}' is no operation of plans; docs/operations.md and docs/plans.md list those."
            )
            raise InvalidInput(text) if mine is None else mine._recorder.refuse(text)
        return written(mine, *args, **(kwargs or {}))

    # --- what would need the value

    def _cannot(self, what: str) -> InvalidInput:
        return self._recorder.refuse(
            f"While '{self._recorder.name}' is traced nobody knows {what}: a plan holds the same steps for every "
            "value. Choose with `np.where(condition, a, b)`, compute with the whole array (`x.sum()`, `np.exp(x)`), or "
            "use a function for approval (`@sy.syft_function`), which may look at its values."
        )

    def _no_word(self, name: str, why: str = "") -> InvalidInput:
        return self._recorder.refuse(
            f"numpy's '{name}'{why} is no operation of plans; docs/operations.md lists those."
        )

    def __float__(self) -> NoReturn:
        raise self._cannot("which number it is")

    def __int__(self) -> NoReturn:
        raise self._cannot("which number it is")

    def __index__(self) -> NoReturn:
        raise self._cannot("which number it is")

    def __complex__(self) -> NoReturn:
        raise self._cannot("which number it is")

    def __hash__(self) -> NoReturn:
        # A set or dict would look for the placeholder and not find it, whatever the value is.
        raise self._cannot("whether it is in a set or dict")

    def __iter__(self) -> Iterator[Any]:
        raise self._cannot("how many items it has, to go through or unpack them")

    def __setitem__(self, key: object, value: object) -> NoReturn:
        raise self._recorder.refuse(
            f"'{self._recorder.name}' changes a part of a value (`x[0] = 1`). Steps change nothing: make the whole "
            "anew, as by `np.where(condition, a, b)`."
        )

    def __delitem__(self, key: object) -> NoReturn:
        raise self._recorder.refuse(
            f"'{self._recorder.name}' takes a part of a value out (`del x[0]`). Steps change nothing: use "
            "`x.drop(...)`."
        )

    def __setattr__(self, name: str, value: object) -> None:
        if not name.startswith("_"):
            raise self._recorder.refuse(
                f"'{self._recorder.name}' sets `.{name}` of a value. Steps change nothing."
            )
        object.__setattr__(self, name, value)

    def __getattr__(self, name: str) -> NoReturn:
        if name.startswith("_"):
            raise AttributeError(name)
        text = (
            f"While '{self._recorder.name}' is traced nobody knows `.{name}` of a value, and it is no operation of "
            "plans; docs/operations.md lists those."
        )
        # `hasattr` must not answer: which way the function goes would be decided by what a placeholder has.
        raise self._recorder.refuse(text) if _asks_itself(sys._getframe(1).f_globals) else InvalidInput(text)

    @property  # type: ignore[misc]  # nobody sets it
    def __class__(self) -> type[Placeholder]:
        # `isinstance(x, np.ndarray)` comes here when the answer is no, and would decide for every value.
        if _asks_itself(sys._getframe(1).f_globals):
            raise self._cannot("of what type it is")
        return Placeholder

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise self._cannot("its bytes")


def _asks_itself(asking: Mapping[str, Any]) -> bool:
    """Whether it is the function, or one of its author's, that asks; and not a library that looks at everything."""
    return str(asking.get("__name__", "")).partition(".")[0] not in _LIBRARIES


def _flat(value: Any) -> Iterator[Any]:
    if type(value) in (tuple, list):
        for one in value:
            yield from _flat(one)
    elif type(value) is dict:
        yield from _flat(list(value.values()))
    else:
        yield value


# --- torch's functions, by name, where one of their arguments is a placeholder


def _two(op: str) -> Callable[..., Placeholder]:
    def written(mine: Placeholder, left: Any, right: Any) -> Placeholder:
        return mine._operate(op, left, right)

    return written


def _reflected(op: str) -> Callable[..., Placeholder]:
    def written(mine: Placeholder, left: Any, right: Any) -> Placeholder:
        return mine._operate(op, right, left)

    return written


def _method(name: str) -> Callable[..., Placeholder]:
    call = operator.attrgetter(name)

    def written(mine: Placeholder, value: Any, *args: Any, **options: Any) -> Placeholder:
        if not isinstance(value, Placeholder):
            raise mine._cannot(f"what torch's '{name}' of another value with it is")
        changing = [key for key in ("inplace", "dtype") if options.pop(key, None) not in (None, False)]
        if changing:
            raise mine._cannot(f"what torch's '{name}' with '{changing[0]}' comes to")
        options.pop("_stacklevel", None)  # of warnings
        found: Placeholder = call(value)(*args, **options)
        return found

    return written


def _linear(mine: Placeholder, value: Any, weight: Any, bias: Any = None) -> Placeholder:
    if not isinstance(weight, Placeholder):
        # As it is: turned round here, it would be another constant than the one that the module has.
        weight = Placeholder(mine._recorder, mine._recorder.constant(weight))
    product = mine._operate("matmul", value, weight.transpose())
    return product if bias is None else product + bias


TORCH: Final[Mapping[str, Callable[..., Placeholder]]] = {
    **{name: _two(name) for name in ("add", "sub", "mul", "matmul", "maximum", "minimum")},
    **{
        name: _two(name) for name in ("pow", "eq", "ne", "lt", "le", "gt", "ge", "truediv", "floordiv", "mod")
    },
    **{f"r{name}": _reflected(name) for name in ("add", "sub", "mul", "pow", "matmul")},
    **{f"r{name}": _reflected(name) for name in ("truediv", "floordiv", "mod")},
    "div": _two("truediv"),
    "true_divide": _two("truediv"),
    "rdiv": _reflected("truediv"),
    "mm": _two("matmul"),
    "subtract": _two("sub"),
    "multiply": _two("mul"),
    "rsub": _reflected("sub"),
    **{name: _method(name) for name in ("exp", "log", "sqrt", "sin", "cos", "tanh", "abs", "neg", "t")},
    **{
        name: _method(name)
        for name in ("sum", "mean", "prod", "std", "var", "any", "all", "argmin", "argmax")
    },
    **{name: _method(name) for name in ("relu", "sigmoid", "softmax", "reshape", "ravel", "cumsum", "clone")},
    "linear": _linear,
    "where": lambda mine, condition, left, right: mine._operate("where", condition, left, right),
}
