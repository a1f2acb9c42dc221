"""This module computes one operation on values that are here: in the sandbox's child, or small ones in the node."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from syft.ops.kinds import DATA, RESULTS, Kind, kind_of
from syft.ops.operation import Operation
from syft.ops.table import check_options, operation


def apply(row: Operation, inputs: Sequence[Any], options: Mapping[str, Any]) -> Any:
    """What the operation comes to.

    Args:
        row: of the table.
        inputs: values of the kinds that it takes; none is changed.
        options: that it has.
    Raises:
        TypeError: a value of a kind that it does not take, or a result of one that does not travel.
        MemoryError: the result would be far too large.
        Exception: whatever numpy, pandas or torch raise of it; its text may hold values.
    """
    check_options(row, options)
    if not row.least <= len(inputs) <= row.most:
        raise TypeError(f"{row.name} takes {row.least} to {row.most} inputs")
    for value in inputs:
        kind = kind_of(value)
        if kind not in row.takes:
            raise TypeError(f"{row.name} takes no {kind.value if kind else type(value).__name__}")
    result = row.call(*inputs, **options)
    if result is NotImplemented or kind_of(result) not in RESULTS:
        raise TypeError(f"{row.name} of these has no result that travels")
    return _apart(result)


def _apart(result: Any) -> Any:
    """The result without what hangs on it: a table's `attrs`, a tensor's history."""
    if kind_of(result) is Kind.TENSOR:
        return result.detach()
    return result


def run(step: Mapping[str, Any], inputs: Mapping[str, Any]) -> Any:
    """A step inside the sandbox: names and plain values in one mapping, the private ones beside it.

    Args:
        step: `op`; `plain`, values by the place of the input; `options`.
        inputs: the other inputs, as `input_<place>`.
    """
    row = operation(step["op"])
    given = dict(step["plain"]) | {int(name.removeprefix("input_")): value for name, value in inputs.items()}
    return apply(row, [given[place] for place in sorted(given)], step["options"])


def is_data(value: Any) -> bool:
    """Whether operations are done on it."""
    return kind_of(value) in DATA
