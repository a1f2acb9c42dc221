"""This module decides whether a function can be the step of a deployed protocol that it says it is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from functools import lru_cache
from typing import Final

import msgspec

from syft.errors import DecodeError, EnvelopeError, InvalidInput
from syft.model.address import PART_OF_KIND
from syft.model.code import CodeSubmission, Constant, Given, Handed, MustBe, OfType, Part
from syft.model.identity import seal_for
from syft.model.protocol import Deployment, Edge, FromStep, ProtocolStep, Site
from syft.model.uid import UID
from syft.wire.records import decode_record, encode_record

# Each is a value to keep and to hand over: as many as a step for a hundred sites has, ten times.
MAX_LEAVING: Final = 1_000
MAX_OUTPUTS: Final = 10_000
# Deployments are up to 4 MiB, and a run asks for the same one again and again.
_REMEMBERED: Final = 8


def deployment_of(part: Part) -> Deployment:
    """The deployment that a part is of.

    Raises:
        InvalidInput: it cannot be read, or says something that nobody would see in it.
    """
    return _decoded(part.deployment)


@lru_cache(maxsize=_REMEMBERED)
def _decoded(data: bytes) -> Deployment:
    try:
        deployment = decode_record(Deployment, data)
    except DecodeError as error:
        raise InvalidInput(f"The deployed protocol cannot be read: {error.public_message}") from None
    # Owners approve the bytes and read what is decoded: there must be nothing in one that is not in the other.
    if encode_record(deployment) != data:
        raise InvalidInput("The deployed protocol is not written as this node writes it; deploy it again.")
    return deployment


def edges_of(submission: CodeSubmission) -> tuple[Edge, ...]:
    """The ways that a function's result takes to other steps; none where it goes to whoever calls."""
    if isinstance(submission.part, msgspec.UnsetType):
        return ()
    return deployment_of(submission.part).protocol.leaving(submission.part.step)


def check_part(submission: CodeSubmission, node_uid: UID, key: bytes) -> None:
    """Raise unless the function is a step of its protocol at this node, or of none.

    Args:
        submission: the function.
        node_uid: this node's.
        key: likewise, 32 bytes.
    Raises:
        InvalidInput: it differs from that step in anything, is for another node, or the protocol does not hold
            together.
    """
    part = submission.part
    if isinstance(part, msgspec.UnsetType):
        if any(isinstance(rule, Handed) for rule in submission.input_policy.rules.values()):
            raise InvalidInput(f"'{submission.name}' is no step of a protocol: nothing is handed over to it.")
        return
    deployment = deployment_of(part)
    steps = deployment.protocol.steps
    if not 0 <= part.step < len(steps):
        raise InvalidInput(f"The protocol has {len(steps)} steps; there is no step {part.step + 1}.")
    for number, step in enumerate(steps):
        _check_step(number, step)
    _check_edges(steps)
    _check_sites(deployment.sites.values())
    # By their bytes: a plan may hold a NaN, which equals nothing.
    if encode_record(msgspec.structs.replace(submission, part=msgspec.UNSET)) != encode_record(
        steps[part.step].code
    ):
        raise InvalidInput(
            f"'{submission.name}' is not step {part.step + 1} of the protocol as it was deployed. Deploy it again."
        )
    site = deployment.site_of(part.step)
    if (site.node_uid, site.key) != (node_uid, key):
        raise InvalidInput(
            f"Step {part.step + 1} of the protocol is for another node than this one: the deployment names "
            "another UID or another key."
        )


def _check_step(number: int, step: ProtocolStep) -> None:
    """Every parameter comes from where wires and policy both say."""
    code, name = step.code, f"Step {number + 1} of the protocol"
    if not isinstance(code.part, msgspec.UnsetType):
        raise InvalidInput(f"{name} cannot hold another protocol.")
    if code.nested:
        # Owners elsewhere would approve code that they have not seen.
        raise InvalidInput(f"{name} launches other functions, which would not be part of what is approved.")
    rules = code.input_policy.rules
    for parameter in code.parameters:
        wire, rule = step.wires.get(parameter.name), rules.get(parameter.name)
        match wire:
            case FromStep(output=output):
                fits = isinstance(rule, Handed) and (output is None or 0 <= output < MAX_OUTPUTS)
            case None if rule is None:
                fits = parameter.has_default
            case None:
                fits = isinstance(rule, MustBe | Constant)
            case _:
                fits = isinstance(rule, Given | OfType)
        if not fits:
            raise InvalidInput(
                f"{name}: the input policy of '{code.name}' and the protocol do not say the same of "
                f"'{parameter.name}'."
            )


def _check_edges(steps: tuple[ProtocolStep, ...]) -> None:
    leaving = Counter(
        wire.step for step in steps for wire in step.wires.values() if isinstance(wire, FromStep)
    )
    if leaving and max(leaving.values()) > MAX_LEAVING:
        raise InvalidInput(f"The result of one step goes to at most {MAX_LEAVING:,} places.")


def _check_sites(sites: Iterable[Site]) -> None:
    for site in sites:
        if site.kind not in PART_OF_KIND:
            raise InvalidInput(f"There is no kind of node '{site.kind[:50]}'.")
        try:
            seal_for(site.key, b"")
        except EnvelopeError:
            raise InvalidInput(f"The key of site '{site.name}' is no key.") from None
