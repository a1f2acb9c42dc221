"""This module says what a request is about: what it would run on, where, and with what parameters."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from syft.code.reviewed import FUNCTION, LAUNCHED, Text
from syft.errors import NotFound
from syft.jobs.nested import pin_nested, pool_of
from syft.model.code import Code, Constant, Given, Handed, MustBe, OfType
from syft.model.limits import JobLimits
from syft.model.messages.evidence import AskedParameter, RunPlace, TouchedObject
from syft.model.object import Face, ObjectRecord
from syft.model.pool import Dask, Embedded, Pool, Remote
from syft.model.request import NestedCode, Request
from syft.node.context import Context
from syft.node.services.grants import may_read
from syft.node.services.history import decides_about, measured, measured_value
from syft.node.services.views import limits_of, person
from syft.store.base import Reader

_HEX: Final = 12
_SHOWN: Final = 200
# As `wire.types_partitioned` calls it.
_PARTITIONED: Final = "syft.Partitioned"


@dataclass(frozen=True)
class About:
    """A request with what it is about, as it stands now.

    Args:
        request: which.
        code: its code.
        nested: the functions that it launches, each as it is pinned; those that are missing are not among them.
        launched: their codes.
        objects: what it runs on, by parameter; what is gone is not among them.
        limits: what each run may use: as its request shows them.
        environment: the digest of where it would run; empty where a pool is gone.
    """

    request: Request
    code: Code
    nested: tuple[NestedCode, ...]
    launched: tuple[Code, ...]
    objects: Mapping[str, ObjectRecord]
    limits: JobLimits
    environment: str


def about_request(ctx: Context, reader: Reader, request: Request, code: Code) -> About:
    """What a request is about, as it stands now."""
    nested = request.nested or pin_nested(reader, code)[0]
    launched = tuple(reader.get(Code, one.code_uid) for one in nested)
    found = {
        name: reader.find(ObjectRecord, uid=rule.object_uid)
        for name, rule in code.submission.input_policy.objects.items()
    }
    try:
        environment = ctx.site.equipped.environment(pools_by_name(code, launched))
    except NotFound:
        environment = ""
    return About(
        request=request,
        code=code,
        nested=nested,
        launched=launched,
        objects={name: record for name, record in found.items() if record is not None},
        limits=limits_of(ctx, reader, request, code),
        environment=environment,
    )


def pools_by_name(code: Code, launched: Iterable[Code]) -> dict[str, list[str]]:
    """Where what runs, the function's own pool first."""
    pools = {code.submission.pool: [code.name]}
    for one in launched:
        pools.setdefault(pool_of(one, code.submission.pool), []).append(one.name)
    return pools


def role_of(text: Text, code: Code, top: Code) -> str:
    """What a text is in a request: those of functions that another launches are told apart."""
    return LAUNCHED if text.role == FUNCTION and code is not top else text.role


# On what, and where


def touched(ctx: Context, reader: Reader, about: About) -> Iterable[TouchedObject]:
    """The objects that it would run on, as far as the reviewer may know of them."""
    for name, rule in about.code.submission.input_policy.objects.items():
        record = about.objects.get(name)
        if record is None:
            yield TouchedObject(parameter=name, object_uid=rule.object_uid, name=rule.label)
            continue
        yours = decides_about(ctx.caller, record)
        known = record.private or record.mock
        yield TouchedObject(
            parameter=name,
            object_uid=record.uid,
            name=record.name,
            owner=person(reader, record.owner_uid),
            created_at=record.created_at,
            private=measured(ctx, reader, record),
            mock=measured_value(record.mock) if may_read(ctx.caller, reader, record, Face.MOCK) else None,
            is_partitioned=known is not None and known.type_name == _PARTITIONED,
            is_yours=yours,
            safeguards=record.safeguards if yours else None,
        )


def asked(code: Code) -> Iterable[AskedParameter]:
    """The parameters that take no object."""
    rules = code.submission.input_policy.rules
    for parameter in code.submission.parameters:
        match rules.get(parameter.name):
            case MustBe():
                continue
            case Constant():
                takes = "a constant"
            case OfType(type_name=name):
                takes = name
            case Given():
                takes = "a value"
            case Handed():
                takes = "handed over"
            case None:
                takes = "nothing"
        yield AskedParameter(
            name=parameter.name,
            takes=takes,
            has_default=parameter.has_default,
            annotation=parameter.annotation[:_SHOWN],
        )


def places(ctx: Context, reader: Reader, about: About) -> Iterable[RunPlace]:
    """Where it would run: pools, machines, level and packages, as of now.

    Approvals bind them, but for the level of a pool that names none: that is the best that its machine allows, or what
    its operator has set, and stands in each job's record.
    """
    for name, runs in pools_by_name(about.code, about.launched).items():
        pool = reader.find(Pool, name=name)
        if pool is None:
            yield RunPlace(pool=name, runs=tuple(runs))
            continue
        level = environment = ""
        with contextlib.suppress(NotFound):
            equipment = ctx.site.equipped.of(name)
            environment = equipment.bound[:_HEX]
            level = equipment.runner.level if isinstance(pool.engine, Embedded) else ""
        yield RunPlace(
            pool=name,
            runs=tuple(runs),
            engine=_engine(pool),
            isolation=pool.isolation,
            level=level,
            workers=pool.workers,
            environment=environment,
            has_image=pool.image_uid is not None,
        )


def _engine(pool: Pool) -> str:
    match pool.engine:
        case Embedded():
            return "this machine"
        case Remote():
            return "workers elsewhere"
        case Dask(address=address):
            return "a Dask cluster elsewhere" if address else "a Dask cluster here"
