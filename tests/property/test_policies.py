"""Policies as pure decisions: what counts, what is bound, and what an answer is taken for."""

from __future__ import annotations

from contextlib import suppress

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from syft.code.capture import digest
from syft.errors import DecodeError, InvalidInput, LimitExceeded, PolicyExhausted
from syft.model.code import CodeSubmission, CustomPolicy, Given, InputPolicy, MustBe, OutputPolicy, Parameter
from syft.model.job import BoundArgument, ObjectArgument, StoredArgument
from syft.model.object import ValueRef
from syft.model.uid import UID
from syft.policy.inputs import check_bound, inputs_key
from syft.policy.outputs import can_leave, check_can_leave
from syft.sandbox.policies import LET_OUT, Called, admitted, is_yes, let_out, pieces_of
from syft.wire.codec import encode
from syft.wire.plain import Plain
from syft.wire.several import apart, together

NAMES = st.sampled_from(["a", "b", "c", "d"])
VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.text(max_size=5), st.lists(st.integers(), max_size=3)
)


@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), max_size=60),
    st.integers(1, 10),
    st.one_of(st.none(), st.integers(1, 3)),
)
def test_never_more_than_was_approved(
    calls: list[tuple[int, int]], limit: int, per_inputs: int | None
) -> None:
    """Whatever is called in whatever order: no more results in all, nor on the same inputs, than the policy says."""
    policy = OutputPolicy(limit=limit, per_inputs=msgspec.UNSET if per_inputs is None else per_inputs)
    left: dict[tuple[int, int], int] = {}
    for key in calls:
        released, on_these = sum(left.values()), left.get(key, 0)
        with suppress(PolicyExhausted):
            check_can_leave(policy, released, "f", on_these)
            left[key] = on_these + 1
        assert can_leave(policy, released, on_these) == (left.get(key, 0) == on_these + 1)
    assert sum(left.values()) <= limit
    assert max(left.values(), default=0) <= (per_inputs or limit)
    # And no fewer: something is refused only where it has to be.
    if per_inputs is None:
        assert sum(left.values()) == min(limit, len(calls))


@given(st.text(max_size=40), st.dictionaries(NAMES, VALUES, max_size=3), st.data())
def test_the_digest_binds_every_letter_and_option(
    source: str, options: dict[str, object], data: st.DataObject
) -> None:
    def made(source: str, options: dict[str, object], where: str) -> CodeSubmission:
        encoded = {name: encode(value).to_bytes() for name, value in options.items()}
        policy = CustomPolicy(name="P", source=source, options=encoded)
        if where == "input":
            return CodeSubmission(name="f", source="", input_policy=InputPolicy(custom=policy))
        return CodeSubmission(name="f", source="", output_policy=OutputPolicy(custom=policy))

    place = data.draw(st.integers(0, len(source)))
    letter = data.draw(st.characters())
    found = {
        digest(made(source, options, "input")),
        digest(made(source, options, "output")),
        digest(made(source[:place] + letter + source[place:], options, "output")),
        digest(made(source, options | {"one_more": 1}, "output")),
        digest(CodeSubmission(name="f", source="")),
    }
    assert len(found) == 5
    assert digest(made(source, dict(reversed(options.items())), "output")) in found


@given(
    st.dictionaries(NAMES, st.integers(0, 3), max_size=4),
    st.dictionaries(NAMES, st.integers(0, 3), max_size=4),
)
def test_the_same_inputs_have_the_same_key(one: dict[str, int], other: dict[str, int]) -> None:
    def bound(values: dict[str, int]) -> dict[str, BoundArgument]:
        return {
            name: StoredArgument(ValueRef(digest=f"{value:064x}", size=1, type_name="", inline=b"x"))
            for name, value in values.items()
        }

    def key(arguments: dict[str, BoundArgument]) -> str:
        return inputs_key(arguments, lambda _value: Plain("list", None, 1))

    assert (key(bound(one)) == key(bound(other))) == (one == other)
    backwards = dict(reversed(bound(one).items()))
    assert key(backwards) == key(bound(one))


@given(st.sets(NAMES), st.booleans())
def test_only_values_may_be_left_to_a_policy(passed: set[str], is_custom: bool) -> None:
    """Without its object nothing is called, whatever a policy would fill in."""
    uid = UID()
    custom = CustomPolicy(name="P", source="") if is_custom else msgspec.UNSET
    submission = CodeSubmission(
        name="f",
        source="",
        parameters=(Parameter(name="a"), Parameter(name="b"), Parameter(name="c", has_default=True)),
        input_policy=InputPolicy(rules={"a": MustBe(uid), "b": Given(), "c": Given()}, custom=custom),
    )
    value = StoredArgument(ValueRef(digest="0" * 64, size=1, type_name="", inline=b"x"))
    bound: dict[str, BoundArgument] = {name: ObjectArgument(uid) if name == "a" else value for name in passed}
    for is_final in (True, False):
        allowed = (
            passed <= {"a", "b", "c"} and "a" in passed and ("b" in passed or (is_custom and not is_final))
        )
        try:
            check_bound(submission, bound, lambda _: "int", is_final=is_final)
        except InvalidInput:
            assert not allowed
        else:
            assert allowed


CALLED = Called(objects={"o": UID()}, labels={"o": ""}, values={}, fixed=frozenset(), free=("x", "y"))


@given(st.lists(VALUES, min_size=5, max_size=5))
def test_an_answer_is_yes_or_no(values: list[object]) -> None:
    """Only `True` itself is yes; what the code gets is what came with a `True` of its own."""
    pieces = apart(memoryview(encode(together(values)).to_bytes()), pieces_of(CALLED))
    assert is_yes(pieces) == (values[0] is True)
    found = admitted(CALLED, pieces)
    if values[0] is not True:
        assert found is None
    else:
        expected = {
            name: values[2 * at + 2] for at, name in enumerate(("x", "y")) if values[2 * at + 1] is True
        }
        assert found == {name: encode(value).to_bytes() for name, value in expected.items()}


@given(st.lists(VALUES, max_size=6), st.binary(max_size=40), st.integers(0, 400))
def test_hostile_answers(values: list[object], noise: bytes, place: int) -> None:
    """An error or a decision, whatever comes; and never a yes that is none."""
    whole = bytearray(encode(together(values)).to_bytes())
    whole[place : place + len(noise)] = noise
    with suppress(DecodeError, LimitExceeded):
        pieces = apart(memoryview(bytes(whole)), LET_OUT)
        found = let_out(pieces)
        assert (found is not None) == (bytes(pieces[0].data) == encode(True).to_bytes())
