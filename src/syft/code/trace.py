"""This module turns a Python function into a plan, by running it on placeholders that note what is done with them.

A trace knows no values, so the plan holds for every shape. What it cannot follow is refused with a sentence that says
what to do; a plan that quietly did something else than its function would be worse than none.
"""

from __future__ import annotations

import contextlib
import copy
import inspect
import sys
import types
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

from syft.code.placeholder import Placeholder
from syft.code.planned import check_plan, digest_of
from syft.code.recorder import Place, Recorder
from syft.errors import InvalidInput, MissingExtra, SyftException
from syft.model.plan import MAX_PLAN_INPUTS, Plan, number_of, place
from syft.model.step import Of, plain_value
from syft.ops.kinds import Kind, kind_of
from syft.ops.plans import run_plan
from syft.wire import codec

Shape = Sequence[int]
_CLOSE: Final = 1e-5  # in place, a number of 32 bits stays one; in a plan it may become one of 64


class State:
    """What a plan brings along, as its function is given it: `weights, bias = state.read()`.

    Args:
        values: in order.
    """

    def __init__(self, values: Sequence[Any] = ()) -> None:
        self._values = tuple(values)

    def read(self) -> tuple[Any, ...]:
        """All of them."""
        return self._values

    tensors = read

    def __len__(self) -> int:
        return len(self._values)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._values)

    def __getitem__(self, at: int) -> Any:
        return self._values[at]

    def __repr__(self) -> str:
        return f"<State of {len(self)} value{'' if len(self) == 1 else 's'}>"


def trace(
    function: Callable[..., Any],
    *,
    name: str | None = None,
    shapes: Sequence[Shape] | None = None,
    examples: Sequence[Any] | None = None,
    state: Sequence[Any] = (),
    passes_state: bool | None = None,
) -> Plan:
    """What a function does, as a plan.

    It is run twice on placeholders, since what differs between two runs (random numbers, the time, a counter) cannot be
    part of a plan; with `shapes` or `examples` once more, on these, and the plan must come to the same.

    Args:
        function: anything that is called with a fixed number of values.
        name: another name for it.
        shapes: of its inputs, each for an array of zeros to try it on; -1 is any length.
        examples: values to try it on instead.
        state: values that it brings along.
        passes_state: whether the function's last parameter takes them (as `State`); it does where there are any.
    Returns:
        The same plan for the same function, wherever and whenever it is traced.
    Raises:
        InvalidInput: a trace cannot follow what it does, or it has no fixed number of inputs.
        ValueError: a shape with a length below -1.
        Exception: whatever the function raises.
    """
    called: str = name or getattr(function, "__name__", None) or "plan"
    if called == "<lambda>":
        called = "plan"
    gives_state = bool(state) if passes_state is None else passes_state
    inputs = input_names(function, called, with_state=gives_state)
    _check_shapes(called, inputs, shapes)
    if examples is not None and len(examples) != len(inputs):
        raise InvalidInput(_count_text(called, inputs, f"{len(examples)} examples"))
    plan = _traced(function, called, inputs, state, gives_state)
    if digest_of(plan) != digest_of(_traced(function, called, inputs, state, gives_state)):
        raise InvalidInput(
            f"'{called}' does something else each time it is run: random numbers, the time, or a variable outside that "
            "it changes. A plan would hold what it was this time, for ever. Pass it as an input, or use a function for "
            "approval (`@sy.syft_function`)."
        )
    check_plan(plan)
    if shapes is not None and examples is None:
        examples = _zeros(function, shapes, state)
    if examples is not None:
        _check_comes_to_the_same(function, plan, examples, state, gives_state)
    return plan


def input_names(function: Callable[..., Any], called: str, *, with_state: bool = False) -> tuple[str, ...]:
    """The inputs that a plan of that function has.

    Args:
        function: to be traced.
        called: its name, for errors.
        with_state: whether its last parameter takes what the plan brings along, and so is no input.
    Raises:
        InvalidInput: it takes any number of values, too many, or one that may be None.
    """
    parameters = list(inspect.signature(function).parameters.values())
    for one in parameters:
        if one.kind in (one.VAR_POSITIONAL, one.VAR_KEYWORD):
            stars = "*" if one.kind is one.VAR_POSITIONAL else "**"
            raise InvalidInput(
                f"'{called}' takes {stars}{one.name}, but a plan has a fixed number of inputs: write each out as a "
                "parameter of its own."
            )
    if with_state:
        if not parameters or parameters[-1].kind is parameters[-1].KEYWORD_ONLY:
            raise InvalidInput(f"'{called}' has state, so it needs a last parameter for it: def f(x, state).")
        parameters.pop()
    for one in parameters:
        if one.default is None:
            raise InvalidInput(
                f"The default of '{one.name}' in '{called}' is None. A plan cannot ask whether a value was passed: "
                "give it a default to compute with, or make two functions."
            )
    if len(parameters) > MAX_PLAN_INPUTS:
        raise InvalidInput(f"'{called}' has more than {MAX_PLAN_INPUTS} parameters; pass an array.")
    return tuple(one.name for one in parameters)


def defaults_of(function: Callable[..., Any]) -> dict[str, Any]:
    """The values of parameters that may be left out, by name; no part of a plan, whose inputs are all passed."""
    found = inspect.signature(function).parameters.values()
    return {one.name: one.default for one in found if one.default is not one.empty}


def inlined(plan: Plan, values: Sequence[Any], state: Sequence[Any]) -> tuple[Any, ...]:
    """What a plan comes to within a trace: its steps become steps of the plan that is being made.

    Args:
        plan: that is called.
        values: its inputs, at least one of them a placeholder.
        state: what it brings along, decoded.
    """
    mine = next(one for one in values if type(one) is Placeholder)
    places: list[Any] = [*values, *state]
    for step in plan.steps:
        given = [
            places[number_of(one.uid)] if isinstance(one, Of) else plain_value(one) for one in step.inputs
        ]
        options = {name: plain_value(value) for name, value in step.constants.items()}
        places.append(mine._operate(step.op, *given, **options))
    return tuple(places[number_of(uid)] for uid in plan.outputs)


def is_traced(values: Sequence[Any]) -> bool:
    """Whether these are what a function is given while it is traced."""
    return any(type(one) is Placeholder for one in values)


def _traced(
    function: Callable[..., Any], name: str, inputs: tuple[str, ...], state: Sequence[Any], gives_state: bool
) -> Plan:
    recorder = Recorder(name)
    declared = [Placeholder(recorder, recorder.constant(one, declared=True)) for one in state]
    given: list[Any] = [Placeholder(recorder, Place("input", number)) for number in range(len(inputs))]
    returned = called_with(function, given, State(declared) if gives_state else None)
    if recorder.refused is not None:
        # Also where the function has caught it: it went the way that it keeps for failures.
        raise recorder.refused
    single = type(returned) not in (tuple, list)
    results = [returned] if single else list(returned)
    if not results or any(one is None for one in results):
        raise InvalidInput(
            f"'{name}' returns {'None among others' if len(results) > 1 else 'nothing'}; is a `return` missing?"
        )
    places = [_output(recorder, one) for one in results]
    steps, number_at = recorder.finished(len(inputs))
    return Plan(
        name=name,
        inputs=inputs,
        state=tuple(recorder.state),
        steps=steps,
        outputs=tuple(place(number_at(one)) for one in places),
        single=single,
    )


def called_with(function: Callable[..., Any], values: Sequence[Any], state: State | None) -> Any:
    """What the function returns of these, each passed as its parameter takes it.

    Args:
        function: to call.
        values: one for each of its inputs, in order.
        state: for its last parameter; None where it takes none.
    """
    parameters = list(inspect.signature(function).parameters.values())
    if state is not None:
        values = [*values, state]
    named = {
        one.name: value for one, value in zip(parameters, values, strict=True) if one.kind is one.KEYWORD_ONLY
    }
    return function(*values[: len(values) - len(named)], **named)


def _output(recorder: Recorder, value: Any) -> Place:
    if isinstance(value, Placeholder):
        return value._place_in(recorder)
    if type(value) in (tuple, list, dict, set):
        raise InvalidInput(
            f"'{recorder.name}' returns a {type(value).__name__} within what it returns. A plan returns one value, or "
            "several in one tuple."
        )
    return recorder.constant(value)


# --- trying it


def _check_shapes(name: str, inputs: tuple[str, ...], shapes: Sequence[Shape] | None) -> None:
    if shapes is None:
        return
    if not isinstance(shapes, Sequence) or any(not isinstance(one, Sequence) for one in shapes):
        raise InvalidInput(
            f"The shapes of '{name}' are a list with one for each input, as `args_shape=[(1,), (-1, 3)]`, not "
            f"{shapes!r}."
        )
    if len(shapes) != len(inputs):
        raise InvalidInput(_count_text(name, inputs, f"{len(shapes)} shapes"))
    for shape in shapes:
        if any(type(length) is not int or length < -1 for length in shape):
            raise ValueError(f"Invalid shape {tuple(shape)}")


def _count_text(name: str, inputs: tuple[str, ...], given: str) -> str:
    return f"'{name}' takes {len(inputs)} inputs ({', '.join(inputs)}), but {given} were given: one for each is needed."


def _zeros(function: Callable[..., Any], shapes: Sequence[Shape], state: Sequence[Any]) -> list[Any]:
    """An array of zeros of each shape: of torch where the function uses it, else of numpy."""
    wanted = [tuple(1 if length == -1 else length for length in shape) for shape in shapes]
    torch: Any = sys.modules.get("torch")
    if torch is not None and _uses(function, torch, state):
        return [torch.zeros(shape) for shape in wanted]
    try:
        import numpy as np
    except ImportError:
        raise MissingExtra(
            "To try a plan on shapes this needs numpy: pip install 'datasite[data]'."
        ) from None
    return [np.zeros(shape) for shape in wanted]


def _uses(function: Callable[..., Any], torch: types.ModuleType, state: Sequence[Any]) -> bool:
    if any(kind_of(one) is Kind.TENSOR for one in state):
        return True
    plain = inspect.unwrap(getattr(function, "__func__", function))
    code = getattr(plain, "__code__", None)
    around = getattr(plain, "__globals__", {})
    named = [around.get(name) for name in code.co_names] if code is not None else []
    named += [cell.cell_contents for cell in getattr(plain, "__closure__", None) or () if _is_full(cell)]
    named += (
        list(vars(getattr(function, "__self__", object())).values()) if hasattr(function, "__self__") else []
    )
    return any(
        one is torch
        or (isinstance(one, types.ModuleType) and one.__name__.startswith("torch."))
        or isinstance(one, torch.Tensor | torch.nn.Module)
        for one in named
    )


def _is_full(cell: types.CellType) -> bool:
    try:
        _ = cell.cell_contents
    except ValueError:  # a variable that has no value yet
        return False
    return True


def _check_comes_to_the_same(
    function: Callable[..., Any], plan: Plan, examples: Sequence[Any], state: Sequence[Any], gives_state: bool
) -> None:
    """Raise unless the function can be run on the examples, and the plan comes to what it returns.

    Raises:
        Exception: what the function raises, as it is.
        InvalidInput: the plan comes to something else.
    """
    with _quiet():
        # Copies: a function may change what it is given, and is not to change the caller's examples.
        given = State([copy.deepcopy(one) for one in state]) if gives_state else None
        returned = called_with(function, [copy.deepcopy(one) for one in examples], given)
        try:
            results = run_plan(plan, list(examples), [codec.decode(one) for one in plan.state])
        except SyftException:
            raise
        except Exception as error:  # numpy, pandas and torch raise anything
            raise InvalidInput(
                f"'{plan.name}' runs on the examples as a function, but not as a plan: {type(error).__name__}: {error}"
            ) from error
    expected = [returned] if plan.single else list(returned)
    if not all(_is_close(one, other) for one, other in zip(expected, results, strict=True)):
        raise InvalidInput(
            f"As a plan, '{plan.name}' comes to something else than it does as a function. Something in it depends on "
            "what kind of value it is given (`type(x)`, a value kept outside): take that out, or use a function for "
            "approval (`@sy.syft_function`)."
        )


def _is_close(one: Any, other: Any) -> bool:
    """Whether two results are the same, but for rounding. What cannot be compared is taken for the same."""
    kinds = {kind_of(one), kind_of(other)}
    if Kind.TENSOR in kinds:
        torch: Any = sys.modules["torch"]
        left, right = torch.as_tensor(one).detach(), torch.as_tensor(other).detach()
        if left.shape != right.shape:
            return False
        return bool(torch.allclose(left.double(), right.double(), rtol=_CLOSE, atol=_CLOSE, equal_nan=True))
    if kinds <= {Kind.NUMBER, Kind.ARRAY} and "numpy" in sys.modules:
        np: Any = sys.modules["numpy"]
        if np.shape(one) != np.shape(other):
            return False
        with contextlib.suppress(TypeError):  # an array of objects
            return bool(np.allclose(one, other, rtol=_CLOSE, atol=_CLOSE, equal_nan=True))
    return True


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Zeros divide badly, and a person who has said shapes only need not hear of it."""
    numpy = sys.modules.get("numpy")
    if numpy is None:
        yield
    else:
        with numpy.errstate(all="ignore"):
            yield


__all__ = ["State", "called_with", "defaults_of", "inlined", "input_names", "is_traced", "trace"]
