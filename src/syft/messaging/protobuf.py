"""This module is a door: a protocol as the protobuf message of PySyft 0.2, `syft_proto.messaging.v1.Protocol`.

The description of the message is made here rather than by a compiler: five fields, whose numbers are those of 0.2.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Final

from syft.errors import DecodeError, MissingExtra
from syft.model.uid import UID

_PACKAGE: Final = "syft_proto.messaging.v1"
# Who has UIDs for ids writes them as text of this length.
_UID_TEXT: Final = 32

# The id of a worker, or the name of a role; the id of a plan.
Assignment = tuple[Any, Any]


@lru_cache(maxsize=1)
def protocol_message() -> Any:
    """The class of the message.

    Raises:
        MissingExtra: protobuf is not installed.
    """
    try:
        from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
    except ImportError:
        raise MissingExtra("This needs protobuf: pip install 'datasite[protobuf]'.") from None
    file = descriptor_pb2.FileDescriptorProto(
        name="syft_proto/messaging/v1/protocol.proto", package=_PACKAGE, syntax="proto3"
    )
    field = descriptor_pb2.FieldDescriptorProto

    def add(to: Any, name: str, number: int, kind: int, *, many: bool = False, of: str = "") -> Any:
        return to.field.add(
            name=name,
            number=number,
            type=kind,
            label=field.LABEL_REPEATED if many else field.LABEL_OPTIONAL,
            type_name=f".{_PACKAGE}.{of}" if of else None,
        )

    of_id = file.message_type.add(name="Id")
    of_id.oneof_decl.add(name="id")
    add(of_id, "id_int", 1, field.TYPE_INT64).oneof_index = 0
    add(of_id, "id_str", 2, field.TYPE_STRING).oneof_index = 0
    assignment = file.message_type.add(name="PlanAssignment")
    add(assignment, "plan_id", 1, field.TYPE_MESSAGE, of="Id")
    add(assignment, "worker_id", 2, field.TYPE_MESSAGE, of="Id")
    whole = file.message_type.add(name="Protocol")
    add(whole, "id", 1, field.TYPE_MESSAGE, of="Id")
    add(whole, "tags", 2, field.TYPE_STRING, many=True)
    # Optional, so that no description is not an empty one: 0.2 mixed them up.
    whole.oneof_decl.add(name="_description")
    description = add(whole, "description", 3, field.TYPE_STRING)
    description.proto3_optional, description.oneof_index = True, 0
    add(whole, "workers_resolved", 4, field.TYPE_BOOL)
    add(whole, "plan_assignments", 5, field.TYPE_MESSAGE, many=True, of="PlanAssignment")
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{_PACKAGE}.Protocol"))


def to_message(
    protocol_id: Any,
    tags: Sequence[str],
    description: str | None,
    workers_resolved: bool,
    assignments: Sequence[Assignment],
) -> Any:
    """The message.

    Args:
        protocol_id: an int, text or UID.
        tags: in any order.
        description: None where there is none.
        workers_resolved: whether the workers are real ones.
        assignments: worker and plan ids, in the order of the steps.
    """
    message = protocol_message()()
    _set(message.id, protocol_id)
    message.tags.extend(sorted(tags))
    if description is not None:
        message.description = description
    message.workers_resolved = workers_resolved
    for worker_id, plan_id in assignments:
        added = message.plan_assignments.add()
        _set(added.plan_id, plan_id)
        _set(added.worker_id, worker_id)
    return message


def from_message(message: Any) -> tuple[Any, set[str], str | None, bool, list[Assignment]]:
    """What `to_message` was given.

    Raises:
        DecodeError: not such a message.
    """
    if not isinstance(message, protocol_message()):
        raise DecodeError(f"A {type(message).__name__} is no protobuf message of a protocol.")
    assignments = [(_get(one.worker_id), _get(one.plan_id)) for one in message.plan_assignments]
    description = message.description if message.HasField("description") else None
    return _get(message.id), set(message.tags), description, message.workers_resolved, assignments


def _set(field: Any, value: Any) -> None:
    if isinstance(value, UID):
        field.id_str = value.hex
    elif isinstance(value, int):
        field.id_int = value
    else:
        field.id_str = str(value)


def _get(field: Any) -> Any:
    which = field.WhichOneof("id")
    if which is None:
        raise DecodeError("An id in this message is neither a number nor text.")
    value = getattr(field, which)
    if which == "id_str" and len(value) == _UID_TEXT:
        try:
            return UID.from_string(value)
        except ValueError:
            return value
    return value
