"""This module shows a plan as text, digests it, and says whether a node takes it.

The text is made from the steps, by whoever reads it, and is never what runs.
"""

from __future__ import annotations

import keyword
import math
import re
import unicodedata
from collections.abc import Callable, Sequence
from typing import Final

import msgspec
from blake3 import blake3

from syft.errors import DecodeError, InvalidCode, InvalidInput
from syft.model.code import CodeSubmission, Parameter
from syft.model.plan import Plan, number_of
from syft.model.step import Constant, Dots, Items, Of, Operand, Slice, Step
from syft.ops.operation import Growth, Operation
from syft.ops.table import check_step, operation
from syft.wire.peek import describe
from syft.wire.records import to_plain

_CONTEXT: Final = b"syft plan 1\n"
_canonical: Final = msgspec.msgpack.Encoder(enc_hook=to_plain, order="deterministic")
# Names that the text gives: an input called so would be read as something else.
_GIVEN: Final = re.compile(r"(?:var|state)_[0-9]+|np|abs|slice|float|complex")
_BINARY: Final = re.compile(r"a (\S+) b")


def digest_of(plan: Plan) -> str:
    """BLAKE3 over all of a plan, 64 hex digits: the same wherever it was traced."""
    return blake3(_CONTEXT + _canonical.encode(plan)).hexdigest()


def check_plan(plan: Plan) -> None:
    """Raise unless every step is an operation that there is, with inputs and options that it takes.

    Raises:
        InvalidInput: it is not, or a name would be read as something else.
    """
    for name in (plan.name, *plan.inputs):
        if unicodedata.normalize("NFKC", name) != name:
            # Python folds such letters: what readers take for two names is one, or one that the text gives.
            raise InvalidInput("In a plan a name is written as Python reads it, in its plain letters.")
        if keyword.iskeyword(name) or _GIVEN.fullmatch(name):
            raise InvalidInput(f"In a plan nothing can be called '{name[:50]}'. Choose another name.")
    if plan.name in plan.inputs:
        raise InvalidInput(f"A plan and an input of it are both called '{plan.name[:50]}'. Rename one.")
    for step in plan.steps:
        check_step(step)


def check_planned(submission: CodeSubmission, plan: Plan) -> None:
    """Raise unless a submission is what its plan says, and the text in it the one that readers are to see.

    Raises:
        InvalidCode: it is not.
    """
    try:
        check_plan(plan)
        text = source_of(plan)
    except (InvalidInput, DecodeError) as error:
        raise InvalidCode(f"The plan of '{submission.name}' is none: {error}") from None
    if plan.name != submission.name or parameters_of(plan) != submission.parameters:
        raise InvalidCode(f"'{submission.name}' and its parameters are not those of its plan.")
    if submission.nested or submission.uses_datasite:
        raise InvalidCode("A plan launches nothing and takes no `datasite`.")
    if text != submission.source:
        raise InvalidCode(
            f"The text of '{submission.name}' is not what its plan does. Make it from the plan again, with the version "
            "that the node has."
        )


def parameters_of(plan: Plan) -> tuple[Parameter, ...]:
    """The inputs of a plan as parameters of code: each has to be passed."""
    return tuple(Parameter(name=name) for name in plan.inputs)


def findings_of(plan: Plan) -> tuple[str, ...]:
    """What a reviewer should look at, a sentence each."""
    if not plan.state:
        return ()
    size = sum(map(len, plan.state))
    return (
        f"It brings {len(plan.state)} constant{'s' if len(plan.state) > 1 else ''} along ({size:,} bytes), shown above "
        "by type, shape and digest: who wrote it chose them.",
    )


def source_of(plan: Plan) -> str:
    """The plan as Python that says the same; nothing is left out or cut, but for the contents of constants.

    Args:
        plan: of operations that there are.
    Raises:
        InvalidInput: one that there is not.
        DecodeError: a constant whose bytes are no value.
    """
    names = _names(plan)
    lines = [f"def {plan.name}({', '.join(plan.inputs)}):"]
    for number, data in enumerate(plan.state):
        literal, about = describe(data)
        comment = f"{about}, {len(data)} bytes, blake3 {blake3(data).hexdigest()}"
        lines.append(f"state_{number} = {literal}" if literal else f"state_{number} = ...  # {comment}")
    for step in plan.steps:
        lines.append(f"{names(number_of(step.output))} = {_expression(step, names)}")
    results = ", ".join(names(number_of(uid)) for uid in plan.outputs)
    if plan.single:
        lines.append(f"return {results}")
    else:
        lines.append(f"return ({results},)" if len(plan.outputs) == 1 else f"return {results}")
    return "\n    ".join(lines) + "\n"


def lines_of(plan: Plan) -> tuple[str, ...]:
    """Each step as a line of text."""
    names = _names(plan)
    return tuple(f"{names(number_of(step.output))} = {_expression(step, names)}" for step in plan.steps)


def _names(plan: Plan) -> Callable[[int], str]:
    def name(number: int) -> str:
        if number < len(plan.inputs):
            return plan.inputs[number]
        if number < plan.first_step:
            return f"state_{number - len(plan.inputs)}"
        return f"var_{number - plan.first_step}"

    return name


def _expression(step: Step, names: Callable[[int], str]) -> str:
    row = operation(step.op)
    said = [_operand(one, names) for one in step.inputs]
    options = [f"{name}={_literal(value)}" for name, value in step.constants.items()]
    binary = _BINARY.fullmatch(row.written)
    if binary is not None and len(said) == 2:
        return f"{said[0]} {binary[1]} {said[1]}"
    if row.written in ("-a", "+a", "~a"):
        return f"{row.written[0]}{said[0]}"
    if row.name == "abs":
        return f"abs({said[0]})"
    if row.name == "getitem" and len(said) == 2:
        return f"{said[0]}[{_key(step.inputs[1], names)}]"
    if row.name == "groupby_agg":
        return _grouped(step, said[0])
    if row.growth is Growth.MADE or row.written.startswith("np."):
        return f"np.{row.name}({', '.join([*said, *options])})"
    return _method(row, said, options)


def _method(row: Operation, said: Sequence[str], options: Sequence[str]) -> str:
    return f"{said[0]}.{row.name}({', '.join([*said[1:], *options])})"


def _grouped(step: Step, table: str) -> str:
    constants = step.constants
    by = _literal(constants["by"]) if "by" in constants else ""
    chosen = f"[{_literal(constants['columns'])}]" if "columns" in constants else ""
    agg = _literal(constants["agg"]) if "agg" in constants else ""
    return f"{table}.groupby({by}){chosen}.agg({agg})"


def _operand(one: Operand, names: Callable[[int], str]) -> str:
    if isinstance(one, Of):
        return names(number_of(one.uid))
    # So that `-1 ** x` does not say something else than is done.
    text = _literal(one)
    return f"({text})" if text.startswith("-") else text


def _key(key: Operand, names: Callable[[int], str]) -> str:
    if isinstance(key, Slice):
        return _sliced(key)
    if isinstance(key, Items) and key.kind == "tuple" and key.items:
        inner = ", ".join(_sliced(one) if isinstance(one, Slice) else _literal(one) for one in key.items)
        return inner + ("," if len(key.items) == 1 else "")
    return names(number_of(key.uid)) if isinstance(key, Of) else _literal(key)


def _sliced(key: Slice) -> str:
    text = ":".join("" if one is None else str(one) for one in (key.start, key.stop))
    return text if key.step is None else f"{text}:{key.step}"


def _literal(value: Constant) -> str:
    """A constant as Python writes it, whole, in ASCII: marks that turn the reading direction round are not shown."""
    if isinstance(value, Slice):
        return f"slice({value.start}, {value.stop}, {value.step})"
    if isinstance(value, Dots):
        return "..."
    if isinstance(value, Items):
        inner = ", ".join(map(_literal, value.items))
        if value.kind == "list":
            return f"[{inner}]"
        return f"({inner},)" if len(value.items) == 1 else f"({inner})"
    if isinstance(value, float) and not math.isfinite(value):
        return f'float("{value}")'
    return ascii(value)
