"""Evidence as a reviewer holds it: on a card, as attributes, as plain values; and what changed, line by line."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from typing import Any

import pytest

import syft as sy
from syft.client.client import Client
from syft.client.coderequests import Request
from syft.client.datasets import AssetView
from syft.client.login import connect, login
from syft.client.present import Card
from syft.client.reviewtext import Difference, Reviewed
from syft.code.difference import Line, compare, hunks
from syft.errors import AuthorizationException
from syft.model.messages.evidence import Noted, ReviewedText
from syft.model.uid import UID
from syft.transport.memory import MemoryRoute


@pytest.fixture(scope="module")
def scientist(admin: Client, route: MemoryRoute) -> Client:
    """Amy, of whom nothing was approved before, whatever other tests have had approved."""
    connect(route=route).register(name="Amy", email="amy@evidence.org", password="123")
    return login("amy@evidence.org", "123", route=route)


@pytest.fixture
def request_(admin: Client, scientist: Client, asset: AssetView) -> Iterator[Request]:
    """A request about the people, not answered."""

    @sy.syft_function(input_policy=sy.ExactMatch(people=asset), output_policy=sy.SingleExecutionExactOutput())
    def ages(people: Any) -> Any:
        print(people.A)
        return people.head(2)

    asked = scientist.code.request_code_execution(ages, reason="why not")
    found = admin.requests.get_by_uid(asked.id)
    assert isinstance(found, Request)
    yield found
    found.deny("enough")


def test_what_is_there(request_: Request) -> None:
    seen = request_.evidence
    assert [(one["kind"], one["line"], one["in"]) for one in seen.findings] == [
        ("print", 2, "ages"),
        ("return", 3, "ages"),
    ]
    (touched,) = seen.data
    assert (touched.parameter, touched.name) == ("people", "'people' of 'People'")
    assert touched.private is not None
    assert touched.private.shape == (3, 2)
    assert seen.parameters == ()
    assert seen.place[0].pool == "default-pool"
    assert len(seen.place[0].environment) == 12
    assert seen.limits == request_.limits
    assert seen.requester.person.name == "Amy"
    assert seen.left_out == ()
    assert seen.diff is seen.changes is seen.mock_run is seen.approved_before is None
    assert seen.released_page() == seen.released_before
    assert seen.released_total == len(seen.released_before)


def test_a_card_has_all_of_it(request_: Request) -> None:
    run = request_.mock_run()
    shown = repr(request_.evidence)
    for word in (
        "Amy (amy@evidence.org)",
        "data scientist since",
        "'people' of 'People'",
        "Approved before: never",
        "Mock run: released",
        "Printed on mocks",
        "    2 |     print(people.A)",
        "    ! print: prints something made of the input 'people'.",
        "Limits of each run: memory",
        "on this machine",
    ):
        assert word in shown, word
    assert request_.evidence._repr_html_().startswith("<div")
    assert "pandas.DataFrame" in repr(run)


def test_it_is_data_for_tools(request_: Request) -> None:
    request_.mock_run()
    plain = request_.evidence.to_dict()
    assert json.loads(json.dumps(plain)) == plain
    assert plain["request_uid"] == request_.id.hex
    assert plain["texts"][0]["source"] == request_.code.raw_code
    assert plain["texts"][0]["findings"][0]["line"] == 2
    assert plain["diff"] is None
    assert plain["rehearsal"]["job"]["state"] == "released"
    assert "inline" not in plain["rehearsal"]["job"]["result"]
    assert plain["inputs"][0]["private"]["shape"] == [3, 2]


def test_who_asks_is_told_what_to_do_instead(scientist: Client, request_: Request) -> None:
    own = scientist.requests.get_by_uid(request_.id)
    assert isinstance(own, Request)
    with pytest.raises(AuthorizationException, match="calling it on mocks"):
        _ = own.evidence
    with pytest.raises(AuthorizationException):
        own.mock_run()


def reviewed(source: str, *findings: Noted) -> Reviewed:
    text = ReviewedText(
        role="function",
        name="f",
        code_uid=UID(),
        digest="0" * 64,
        version=1,
        findings=findings,
        left_out={"print": 3},
    )
    return Reviewed(text, source)


def test_findings_stand_below_their_lines() -> None:
    whole = Noted(kind="plan", line=0, text="about all of it.")
    text = reviewed("a\nb\nc\n", Noted(kind="file", line=2, text="opens."), whole)
    assert list(text.shown()) == [
        "=== function f (version 1)",
        "    ! plan: about all of it.",
        "    1 | a",
        "    2 | b",
        "    ! file: opens.",
        "    3 | c",
        "    ! 3 more of the kind 'print'",
    ]
    assert [(number, line) for number, line, _ in text.lines] == [(1, "a"), (2, "b"), (3, "c")]
    assert isinstance(text._card(), Card)


def test_a_long_line_goes_on_in_lines_that_are_marked() -> None:
    """THREATS 1.8: where a window wraps it, the rest could pass for a line with a number of its own."""
    lines = list(reviewed("x" * 109 + "    9 | return 1\n").shown())[1:-1]
    assert [line[:7] for line in lines] == ["    1 |", "     ~|"]
    assert math.fsum(len(line) > 125 for line in lines) == 0


def test_a_difference_has_numbers_of_both_sides() -> None:
    before = "".join(f"line {number}\n" for number in range(20))
    after = before.replace("line 10\n", "new\nlines\n")
    lines = compare(before, after)
    assert [one for one in lines if one.sign != " "] == [
        Line("-", 11, 0, "line 10"),
        Line("+", 0, 11, "new"),
        Line("+", 0, 12, "lines"),
    ]
    shown = hunks(lines)
    assert [one.sign for one in shown] == ["@", " ", " ", " ", "-", "+", "+", " ", " ", " "]
    assert shown[-1] == Line(" ", 14, 15, "line 13")
    diff = Difference([("function 'f'", before, after), ("launched function 'g'", None, after)])
    assert diff.texts["launched function 'g'"] is None
    assert "too long to be sent" in repr(diff)
    assert "-    11       | line 10" in repr(diff)
    assert json.loads(json.dumps(diff.to_dict()))["function 'f'"][0]["text"] == "line 10"


def test_texts_that_are_the_same_have_no_difference() -> None:
    assert not Difference([])
    assert "the same" in repr(Difference([]))
    assert [one.sign for one in compare("a\nb", "a\nb")] == [" ", " "]
    assert compare("", "") == []
    assert [one.sign for one in compare("", "a\n")] == ["+"]
