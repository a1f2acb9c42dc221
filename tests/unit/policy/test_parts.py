"""Which functions are the step of a deployed protocol that they say they are."""

from __future__ import annotations

import msgspec
import pytest

from syft.errors import InvalidInput
from syft.model.code import (
    CodeSubmission,
    Constant,
    Given,
    Handed,
    InputPolicy,
    MustBe,
    OfType,
    Parameter,
    Part,
    Rule,
)
from syft.model.identity import Identity
from syft.model.protocol import Deployment, FromRun, FromStep, Protocol, ProtocolStep, Site, Wire
from syft.model.uid import UID
from syft.policy.parts import MAX_LEAVING, MAX_OUTPUTS, check_part, deployment_of, edges_of
from syft.wire.records import encode_record

HERE = UID.with_seed("here")
KEY = Identity.from_seed(b"h" * 32).verify_key
SITE = Site(node_uid=HERE, name="here", kind="datasite", key=KEY)


def code(name: str, rules: dict[str, Rule], *parameters: str) -> CodeSubmission:
    """A function; a parameter that ends in `?` may be left out."""
    return CodeSubmission(
        name=name,
        source="",
        parameters=tuple(
            Parameter(name=one.rstrip("?"), has_default=one.endswith("?")) for one in parameters
        ),
        input_policy=InputPolicy(kind="mixed", rules=rules),
    )


def step(rules: dict[str, Rule], wires: dict[str, Wire], *parameters: str) -> ProtocolStep:
    return ProtocolStep(role="here", code=code("f", rules, *parameters), wires=wires)


FIRST = step({}, {})


def submission(*steps: ProtocolStep, number: int = 0, site: Site = SITE) -> CodeSubmission:
    """What is handed in for one of the steps."""
    whole = encode_record(Deployment(protocol=Protocol(name="p", steps=steps), sites={"here": site}))
    return msgspec.structs.replace(steps[number].code, part=Part(deployment=whole, step=number))


def check(handed_in: CodeSubmission) -> None:
    check_part(handed_in, HERE, KEY)


def test_a_function_of_no_protocol_is_handed_nothing() -> None:
    check(code("f", {"x": Given()}, "x"))
    assert edges_of(code("f", {})) == ()
    with pytest.raises(InvalidInput, match="no step of a protocol"):
        check(code("f", {"x": Handed()}, "x"))


@pytest.mark.parametrize(
    ("rule", "wire", "name", "fits"),
    [
        (Handed(), FromStep(0), "x", True),
        (Handed(), FromStep(0, MAX_OUTPUTS - 1), "x", True),
        (Handed(), FromStep(0, MAX_OUTPUTS), "x", False),
        (Handed(), FromStep(0, -1), "x", False),
        (Given(), FromStep(0), "x", False),
        (Handed(), FromRun("x"), "x", False),
        (Given(), FromRun("x"), "x", True),
        (OfType("int"), FromRun("x"), "x", True),
        (MustBe(UID()), FromRun("x"), "x", False),
        (MustBe(UID()), None, "x", True),
        (Constant(b"1"), None, "x", True),
        (Given(), None, "x", False),
        # A parameter of which neither speaks takes its default, if it has one.
        (None, None, "x?", True),
        (None, None, "x", False),
    ],
)
def test_wires_and_rules_say_the_same(rule: Rule | None, wire: Wire | None, name: str, fits: bool) -> None:
    rules = {} if rule is None else {"x": rule}
    wires = {} if wire is None else {"x": wire}
    handed_in = submission(FIRST, step(rules, wires, name), number=1)
    if fits:
        check(handed_in)
    else:
        with pytest.raises(InvalidInput, match="do not say the same of 'x'"):
            check(handed_in)


def test_a_result_goes_to_so_many_places_and_no_more() -> None:
    def taking(count: int) -> CodeSubmission:
        names = [f"x{number}" for number in range(count)]
        steps = [
            step(
                {name: Handed() for name in names[start : start + 100]},
                {name: FromStep(0) for name in names[start : start + 100]},
                *names[start : start + 100],
            )
            for start in range(0, count, 100)
        ]
        return submission(FIRST, *steps)

    handed_in = taking(MAX_LEAVING)
    check(handed_in)
    assert len(edges_of(handed_in)) == MAX_LEAVING
    with pytest.raises(InvalidInput, match="at most 1,000 places"):
        check(taking(MAX_LEAVING + 1))


def test_what_is_approved_is_what_is_read() -> None:
    """THREATS 1.1: bytes that decode to the same deployment and are others: something in them is shown to nobody."""
    good = submission(FIRST)
    assert isinstance(good.part, Part)
    assert deployment_of(good.part).protocol.name == "p"
    written = msgspec.msgpack.decode(good.part.deployment)
    more = msgspec.msgpack.encode({**written, "besides": "shown to nobody"})
    for data in (more, b"", good.part.deployment[:-1]):
        with pytest.raises(InvalidInput):
            check(msgspec.structs.replace(good, part=Part(deployment=data, step=0)))
    with pytest.raises(InvalidInput, match="not written as this node writes it"):
        check(msgspec.structs.replace(good, part=Part(deployment=more, step=0)))


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (
            lambda one: msgspec.structs.replace(one, part=msgspec.structs.replace(one.part, step=5)),
            "no step 6",
        ),
        (
            lambda one: msgspec.structs.replace(one, part=msgspec.structs.replace(one.part, step=-1)),
            "no step 0",
        ),
        (lambda one: msgspec.structs.replace(one, source="x"), "is not step 1"),
        (lambda one: submission(FIRST, site=msgspec.structs.replace(SITE, key=bytes(32))), "is no key"),
        (lambda one: submission(FIRST, site=msgspec.structs.replace(SITE, kind="moon")), "no kind of node"),
        (lambda one: submission(FIRST, site=msgspec.structs.replace(SITE, node_uid=UID())), "another node"),
        (
            lambda one: submission(
                FIRST, site=msgspec.structs.replace(SITE, key=Identity.from_seed(b"o" * 32).verify_key)
            ),
            "another node",
        ),
        (
            lambda one: submission(msgspec.structs.replace(FIRST, code=one)),
            "cannot hold another protocol",
        ),
        (
            lambda one: submission(
                msgspec.structs.replace(FIRST, code=msgspec.structs.replace(FIRST.code, nested=("kid",)))
            ),
            "launches other functions",
        ),
    ],
)
def test_anything_else_is_not_that_step(change, complaint: str) -> None:  # type: ignore[no-untyped-def]
    check(submission(FIRST))
    with pytest.raises(InvalidInput, match=complaint):
        check(change(submission(FIRST)))
