"""What a search finds: by ids, tags and words, as far as who asks may know of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

import syft as sy
from syft.model.uid import UID
from syft.workers import search
from syft.workers.pointers import digits


@pytest.fixture(scope="module")
def library() -> Iterator[sy.VirtualWorker]:
    worker = sy.VirtualWorker(id="library")
    worker.load_data(
        sy.lib.python.Int(number).tag(*tags).describe(text)
        for number, (tags, text) in enumerate(
            [
                (("#mnist", "#train"), "digits written by hand"),
                (("#mnist", "#test"), "more digits"),
                (("#boston", "7"), "houses, train of thought"),
                ((), ""),
            ]
        )
    )
    yield worker
    worker.close()


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("#mnist", [0, 1]),
        ("#mni", []),
        ("digits", [0, 1]),
        ("igit", [0, 1]),
        ("train", [2]),
        (["#mnist", "#test"], [1]),
        (["#mnist", "hand"], [0]),
        (("#mnist", "houses"), []),
        (7, [2]),
        ([], [0, 1, 2, 3]),
        ("nothing like it", []),
        (UID(), []),
    ],
)
def test_each_term_is_a_tag_or_a_part_of_the_description(
    library: sy.VirtualWorker, query: Any, found: list[int]
) -> None:
    pointers = library.search(query)
    assert all(type(pointer) is sy.PointerTensor for pointer in pointers)
    assert [pointer.copy().get() for pointer in pointers] == found
    assert all(pointer.location is library for pointer in pointers)
    asked = sy.local_worker.request_search(query, location="library")
    assert [pointer.id for pointer in asked] == [pointer.id for pointer in pointers]


def test_an_id_is_a_term_however_it_is_written(library: sy.VirtualWorker) -> None:
    uid = library.search("#boston")[0].id
    for term in (uid, uid.hex, str(uid.value), digits(uid), str(digits(uid))):
        assert [pointer.id for pointer in library.search(term)] == [uid]
        assert library.search([term, "#mnist"]) == []
        assert [pointer.id for pointer in library.search([term, "houses"])] == [uid]


def test_a_result_in_passing_is_found_by_its_id_alone(library: sy.VirtualWorker) -> None:
    result = library.search("#train")[0] + 1
    assert len(library.search()) == 4
    assert [pointer.id for pointer in library.search(result.id)] == [result.id]


def test_only_what_one_may_know_of_is_found(library: sy.VirtualWorker) -> None:
    hidden = sy.lib.python.Int(9).tag("#mnist").send(library)
    guest = library.node.get_client()
    # The act works for its owner, and not for a stranger: neither by words nor by its id.
    for term in ("#mnist", hidden.id, digits(hidden.id)):
        assert hidden.id in [pointer.id for pointer in library.search(term)]
        assert hidden.id not in [pointer.id for pointer in search(guest, term)]
    assert len(search(guest)) == 4
    hidden.pointable = True
    assert hidden.id in [pointer.id for pointer in search(guest, "#mnist")]
    hidden.delete()
