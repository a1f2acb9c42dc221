"""This module holds plans and protocols in the table of tags: as values they can be kept, found and fetched.

What is in them is data and is checked by the records themselves when they are made; making one runs nothing.
"""

from __future__ import annotations

import msgspec

from syft.model.plan import Plan
from syft.model.protocol import SharedProtocol
from syft.wire.records import decode_record, encode_record
from syft.wire.tags import Packer, Tag, Unpacker, register


def _pack(value: msgspec.Struct, packer: Packer) -> object:
    return packer.buffer(encode_record(value))


def _unpack_plan(parts: object, unpacker: Unpacker) -> Plan:
    return decode_record(Plan, unpacker.view(parts))


def _unpack_protocol(parts: object, unpacker: Unpacker) -> SharedProtocol:
    return decode_record(SharedProtocol, unpacker.view(parts))


register(Tag.PLAN, Plan, _pack, _unpack_plan)
register(Tag.PROTOCOL, SharedProtocol, _pack, _unpack_protocol)
