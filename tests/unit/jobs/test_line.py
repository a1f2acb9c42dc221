"""Lines: whose turn it is."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from syft.jobs.line import Line
from syft.model.uid import UID

NONE: Counter[UID] = Counter()
MANY = 1000
ANN, BEN, CAT = UID(), UID(), UID()


def drained(line: Line, running: Counter[UID] = NONE, most: int = MANY) -> list[UID]:
    found = []
    while (one := line.pop(running, most)) is not None:
        found.append(one[0])
    return found


def pushed(line: Line, user: UID, *priorities: int) -> list[UID]:
    uids = [UID() for _ in priorities]
    for uid, priority in zip(uids, priorities, strict=True):
        line.push(uid, user, priority)
    return uids


def test_one_persons_jobs_go_in_their_order() -> None:
    line = Line()
    assert drained(line) == []
    jobs = pushed(line, ANN, 0, 0, 0)
    assert len(line) == 3
    assert drained(line) == jobs
    assert len(line) == 0


def test_people_take_turns() -> None:
    line = Line()
    first, second, third = pushed(line, ANN, 0, 0, 0)
    ben, cat = *pushed(line, BEN, 0), *pushed(line, CAT, 0)
    assert drained(line) == [first, ben, cat, second, third]


def test_whoever_has_the_fewest_running_is_next() -> None:
    line = Line()
    (ann,), (ben,) = pushed(line, ANN, 0), pushed(line, BEN, 0)
    assert line.pop(Counter({ANN: 2, BEN: 1}), MANY) == (ben, BEN)
    assert line.pop(Counter({ANN: 2, BEN: 2}), MANY) == (ann, ANN)


def test_the_most_urgent_goes_first_whoever_it_is() -> None:
    line = Line()
    usual, urgent = pushed(line, ANN, 0, 5)
    (low,) = pushed(line, BEN, -5)
    assert line.pop(Counter({ANN: 9}), MANY) == (urgent, ANN)
    assert drained(line) == [usual, low]


def test_nobody_has_more_than_so_many() -> None:
    line = Line()
    (ann,) = pushed(line, ANN, 100)
    assert line.pop(Counter({ANN: 1}), 1) is None
    (ben,) = pushed(line, BEN, -100)
    assert line.pop(Counter({ANN: 1}), 1) == (ben, BEN)
    assert ann in line
    assert line.pop(NONE, 1) == (ann, ANN)


def test_what_lost_its_turn_goes_before_the_others_of_its_person() -> None:
    line = Line()
    first, second = pushed(line, ANN, 0, 0)
    lost = UID()
    line.push(lost, ANN, again=True)
    assert drained(line) == [lost, first, second]


def test_who_leaves_and_who_changes() -> None:
    line = Line()
    first, second, third = pushed(line, ANN, 0, 0, 0)
    assert line.remove(second)
    assert not line.remove(second)
    assert not line.set_priority(second, 3)
    assert line.set_priority(third, 3)
    assert line.set_priority(third, 4)
    line.push(third, ANN, -9)  # stands there already
    assert drained(line) == [third, first]


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(-2, 2), st.sampled_from("prc")), max_size=60))
def test_none_is_lost_and_none_comes_twice(acts: list[tuple[int, int, str]]) -> None:
    people = [UID() for _ in range(4)]
    line, there, out = Line(), {}, []
    for who, priority, act in acts:
        if act == "p":
            uid = UID()
            there[uid] = people[who]
            line.push(uid, people[who], priority)
        elif act == "r" and there:
            uid = next(iter(there))
            del there[uid]
            assert line.remove(uid)
        elif act == "c" and there:
            assert line.set_priority(next(reversed(there)), priority)
        elif found := line.pop(NONE, MANY):
            assert there.pop(found[0]) == found[1]
            out.append(found[0])
        assert len(line) == len(there)
    assert set(drained(line)) == set(there)
    assert not line._by_user
    assert not line._by_uid
