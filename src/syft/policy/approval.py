"""This module says what exactly an approval binds: one digest over everything that decides what a run does."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec
from blake3 import blake3

from syft.model.limits import JobLimits
from syft.model.object import ObjectRecord
from syft.model.request import NestedCode

_encoder = msgspec.json.Encoder(order="deterministic")


def approval_digest(
    code_digest: str,
    nested: Iterable[NestedCode],
    inputs: Mapping[str, ObjectRecord],
    environment: str,
    limits: JobLimits,
) -> str:
    """The digest that an approval binds, recomputed at the moment the code runs.

    Args:
        code_digest: of the code with its policies (`code.capture.digest`).
        nested: the functions it launches, each pinned to a version.
        inputs: by parameter, the objects it runs on: a changed value or mock is another object here.
        environment: of the interpreter and packages the code runs in (`code.environment`).
        limits: what each run may use at most.
    Returns:
        64 hex digits.
    """
    body = {
        "code": code_digest,
        "nested": sorted([one.name, one.code_uid.hex, one.digest] for one in nested),
        "inputs": {name: _object(record) for name, record in inputs.items()},
        "environment": environment,
        "limits": limits.said,
    }
    return blake3(_encoder.encode(body)).hexdigest()


def _object(record: ObjectRecord) -> dict[str, str]:
    return {
        "uid": record.uid.hex,
        "private": record.private.digest if record.private else "",
        "mock": record.mock.digest if record.mock else "",
    }
