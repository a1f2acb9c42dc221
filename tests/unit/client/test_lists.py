"""Lists here and at a node: only what is looked at is fetched."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

import pytest

from syft.client.lists import PAGE, DictTuple, Listing, ViewList
from syft.errors import AuthorizationException, NotFound
from syft.model.uid import UID


class Thing:
    def __init__(self, name: str) -> None:
        self.name = name

    def row(self) -> Mapping[str, object]:
        return {"Name": self.name}


class Things(Listing[Thing]):
    _title: ClassVar[str] = "Thing List"
    _what: ClassVar[str] = "thing"

    def __init__(self, count: int) -> None:
        self.things = [Thing(f"<{number}>") for number in range(count)]
        self.asked: list[tuple[int, int]] = []

    def _page(self, limit: int, offset: int) -> tuple[Sequence[Thing], int]:
        self.asked.append((limit, offset))
        return self.things[offset : offset + limit], len(self.things)


def test_a_place_is_one_small_question() -> None:
    things = Things(1000)
    assert things[3].name == "<3>"
    assert things.asked == [(1, 3)]


def test_from_the_end() -> None:
    assert Things(5)[-1].name == "<4>"
    with pytest.raises(NotFound):
        Things(5)[-6]


def test_no_such_place_says_how_many_there_are() -> None:
    with pytest.raises(NotFound, match="no thing at that place; there are 5"):
        Things(5)[5]


def test_iterating_reads_pages() -> None:
    things = Things(PAGE + 1)
    assert [thing.name for thing in things] == [thing.name for thing in things.things]
    assert things.asked == [(PAGE, 0), (PAGE, PAGE)]
    assert list(Things(0)) == []


def test_slices_and_length() -> None:
    assert [thing.name for thing in Things(5)[1:3]] == ["<1>", "<2>"]
    assert len(Things(5)) == 5
    assert bool(Things(0))


@pytest.mark.parametrize("key", ["name", UID(), None, 1.5])
def test_what_it_is_not_found_by_is_said(key: object) -> None:
    with pytest.raises(TypeError, match="a thing is found by its place"):
        Things(1)[key]  # type: ignore[call-overload]


def test_shown_bounded_and_escaped() -> None:
    things = Things(1000)
    text, html = repr(things), things._repr_html_()
    assert text.startswith("Thing List\nTotal: 1000\n")
    assert "… and 950 more" in text
    assert "&lt;3&gt;" in html
    assert "<3>" not in html
    assert all(limit <= 50 for limit, _ in things.asked)


def test_showing_does_not_raise() -> None:
    class Closed(Things):
        def _page(self, limit: int, offset: int) -> tuple[Sequence[Thing], int]:
            raise AuthorizationException("You may not.")

    assert repr(Closed(1)) == "Thing List\nYou may not."


def test_view_list_is_a_list_with_a_table() -> None:
    things = ViewList("Thing List", [Thing("a"), Thing("b")])
    assert [thing.name for thing in things] == ["a", "b"]
    assert repr(things) == "Thing List\nTotal: 2\n   Name\n0  a\n1  b"
    assert "<table" in things._repr_html_()
    assert repr(ViewList("Thing List")) == "Thing List\nTotal: 0"


def test_dict_tuple() -> None:
    things = DictTuple("Thing Dicttuple", {"a": Thing("a"), "b": Thing("b")})
    assert things[0] is things["a"]
    assert things[-1] is things["b"]
    assert [thing.name for thing in things[:1]] == ["a"]
    assert things.keys() == ("a", "b")
    assert things.items() == (("a", things[0]), ("b", things[1]))
    assert things.values() == tuple(things)
    assert "a" in things
    assert things[0] in things
    assert len(things) == 2
    with pytest.raises(KeyError, match="there is: a, b"):
        things["c"]
    with pytest.raises(IndexError):
        things[2]
    assert repr(things).startswith("Thing Dicttuple\nTotal: 2")
