"""This module has a node compute what is written with pointers: `pointer + 1`, `table["age"].mean()`, `np.exp(x)`.

What comes back is a pointer again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from syft.client.objects import bring
from syft.client.session import Session
from syft.errors import InvalidInput
from syft.model.messages.objects import Brought, ObjectReply, ObjectView, Operate
from syft.model.step import Of, Operand, Step, as_constant
from syft.model.uid import UID
from syft.ops.written import Groups, Operators, as_option

__all__ = ["Groups", "Operators", "operate", "uid_at"]


def operate(session: Session, op: str, inputs: Sequence[Any], options: Mapping[str, Any]) -> ObjectView:
    """Have a node compute a step; returns what it says of the result.

    Args:
        session: with the node.
        op: of the table of operations.
        inputs: pointers to objects there, plain values, or values that travel: those go along.
        options: by name.
    Raises:
        InvalidInput: no such operation, not with these, or a pointer to another node.
        UnsupportedType: an input cannot travel.
        CodeFailed: it cannot be computed.
        LimitExceeded: it would take too much.
    """
    brought: list[Brought] = []
    operands: list[Operand] = []
    for value in inputs:
        if isinstance(value, Operators):
            operands.append(Of(uid_at(value, session)))
            continue
        try:
            operands.append(as_constant(value))
        except TypeError:
            brought.append(Brought(UID(), bring(session, value)))
            operands.append(Of(brought[-1].uid))
    constants = {name: as_option(name, value) for name, value in options.items()}
    step = Step(op=op, inputs=tuple(operands), output=UID(), constants=constants)
    return session.ask(Operate(step, tuple(brought)), ObjectReply).object


def uid_at(pointer: Operators, session: Session) -> UID:
    """The object that a pointer is to.

    Raises:
        InvalidInput: it is at another node than the session's, or at none.
    """
    place = pointer._place
    if place is None or place[0] != session.info.uid:
        raise InvalidInput(
            "An input is at another node, or at none. Bring it here first: `client.objects.send(pointer.get())`."
        )
    return place[1]
