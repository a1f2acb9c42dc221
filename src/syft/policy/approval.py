"""This module says what exactly an approval binds: one digest over everything that decides what a run does."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec
from blake3 import blake3

from syft.model.limits import JobLimits
from syft.model.object import ObjectRecord
from syft.model.request import NestedCode
from syft.model.terms import Terms

_encoder = msgspec.json.Encoder(order="deterministic")


def approval_digest(
    code_digest: str,
    nested: Iterable[NestedCode],
    inputs: Mapping[str, ObjectRecord],
    environment: str,
    limits: JobLimits,
    terms: Terms,
) -> str:
    """The digest that an approval binds, recomputed at the moment the code runs.

    Args:
        code_digest: of the code with its policies (`code.capture.digest`).
        nested: the functions it launches, each pinned to a version.
        inputs: by parameter, the objects it runs on: a changed value or mock is another object here.
        environment: of the interpreter and packages the code runs in (`code.environment`).
        limits: what each run may use at most.
        terms: the conditions that the owner has made.
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
    # Said only where there are any, so that approvals from before there were terms hold.
    if terms != Terms():
        body["terms"] = msgspec.to_builtins(terms)
    return blake3(_encoder.encode(body)).hexdigest()


def approval_parts(inputs: Mapping[str, ObjectRecord], environment: str) -> dict[str, str]:
    """What of an approval can be seen in its digest only as a whole: the data and the environment, each by itself.

    Kept beside the digest to tell the next reviewer what has changed. Nothing is decided by it.

    Args:
        inputs: as of `approval_digest`.
        environment: likewise.
    Returns:
        Digests: by "environment", and by "data NAME" for each parameter.
    """
    parts = {
        f"data {name}": blake3(_encoder.encode(_object(record))).hexdigest()
        for name, record in inputs.items()
    }
    return {"environment": environment, **parts}


def _object(record: ObjectRecord) -> dict[str, str]:
    return {
        "uid": record.uid.hex,
        "private": record.private.digest if record.private else "",
        "mock": record.mock.digest if record.mock else "",
    }
