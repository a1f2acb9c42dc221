"""Whatever a source is, reading it ends, in a list of findings or in one of our errors (THREATS 1.8)."""

from __future__ import annotations

import ast
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syft.code.difference import compare, hunks
from syft.code.findings import MOST_OF_A_KIND, Kind
from syft.code.reviewed import read
from syft.model.code import MAX_SOURCE, CodeSubmission, CustomPolicy, InputPolicy, OutputPolicy

# What hostile sources are made of.
WORDS = st.sampled_from(
    (
        "def f(a):",
        "class P:",
        "return a",
        "print(a)",
        "getattr(a,",
        "'__class__'",
        "lambda x:",
        "for x in a:",
        "[x for x in a",
        "if a:",
        "raise",
        "(y := a)",
        "a.b",
        "a[",
        "]",
        ")",
        "(",
        "\n",
        "\n    ",
        "\r",
        "\x00",
        "\u202e",
        "\ud800",
        "=",
        "f'{a}'",
        "'",
        "eval",
        "import os as o",
        "*",
        "0" * 20,
    )
)
SOURCES = st.one_of(st.text(max_size=200), st.lists(WORDS, max_size=40).map(" ".join))


def submission(source: str, *, whole: bool = True) -> CodeSubmission:
    if not whole:
        return CodeSubmission(name="f", source=source)
    policy = CustomPolicy(name="P", source=source)
    return CodeSubmission(
        name="f",
        source=source,
        input_policy=InputPolicy(custom=policy),
        output_policy=OutputPolicy(custom=policy),
    )


@given(SOURCES)
def test_reading_never_raises(source: str) -> None:
    texts = read(submission(source))
    assert [one.role for one in texts] == ["function", "input policy", "output policy"]
    count = source.count("\n") + source.count("\r") + 1
    for text in texts:
        assert all(0 <= one.line <= count for one in text.findings)
        assert all("\n" not in one.text for one in text.findings)


HUGE = {
    "names": lambda n: "def f(a):\n" + "".join(f"    x{i} = a\n" for i in range(n // 16)),
    "a chain of names": lambda n: (
        "def f(a):\n    x0 = a\n"
        + "".join(f"    x{i + 1} = x{i}\n" for i in range(n // 20))
        + "    print(x1)\n"
    ),
    "ten thousand lines": lambda n: "def f(a):\n" + "    print(a)\n" * 10_000,
    "one list": lambda n: "def f(a):\n    return [" + "a," * (n // 2 - 20) + "]\n",
    "calls in calls": lambda n: "def f(a):\n    " + "print(" * 90 + "a," * (n // 2 - 400) + ")" * 90 + "\n",
    "lambdas in lambdas": lambda n: "def f(a):\n    x = " + "lambda y: " * 80 + "a\n",
    "loops in loops": lambda n: (
        "def f(a):\n"
        + "".join(" " * (i + 1) + f"for x{i} in range(a):\n" for i in range(18))
        + " " * 19
        + "datasite.launch_job(g)\n"
    ),
    "many targets": lambda n: (
        "def f(a):\n    " + ",".join(f"x{i}" for i in range(n // 20)) + " = " + "a," * (n // 20) + "\n"
    ),
    "walruses": lambda n: "def f(a):\n    " + "(y := " * 80 + "a" + ")" * 80 + "\n",
    "strings": lambda n: "def f(a):\n    x = '" + "\u0430b " * (n // 4) + "'\n",
    "one word": lambda n: "def f(a):\n    x = '" + "\u0430b" * (n // 3) + "'\n",
    "remarks": lambda n: "def f(a):\n" + "    # \u0430b\n" * (n // 12) + "    return 1\n",
    "returns alone": lambda n: "def f(a):\n    x = 1 #" + "\r" * (n // 2) + "\n    return a\n",
    "comprehensions": lambda n: "def f(a):\n    return " + "[x for x in " * 80 + "a" + "]" * 80 + "\n",
    "attributes": lambda n: "def f(a):\n    return a" + ".b" * 900 + "\n",
    "concatenated": lambda n: "def f(a):\n    getattr(a, " + "'x' + " * 800 + "'x')\n",
    "spaces": lambda n: "def f(a):\n" + ("    x" + " " * 29) * 1 + "=" + " " * (n - 100) + "1\n",
    "wide gaps": lambda n: "def f(a):\n    x = '" + ("x" + " " * 29) * (n // 30) + "'\n",
    "imports": lambda n: "def f(a):\n    import " + ", ".join(f"os as o{i}" for i in range(n // 14)) + "\n",
}


@pytest.mark.parametrize("what", HUGE)
def test_a_huge_source_is_read(what: str) -> None:
    """Where time grew with the square of the length, these would take minutes and the suite would stop here."""
    source = HUGE[what](MAX_SOURCE)[:MAX_SOURCE]
    texts = read(submission(source, whole=False))
    assert all(len(one.findings) <= MOST_OF_A_KIND * len(Kind) for one in texts)


def test_work_grows_with_the_length_and_no_faster() -> None:
    """Counted in function calls, not in time: of a source twice as long they are about twice as many."""

    def calls(what: str, length: int) -> int:
        source = HUGE[what](length)
        ast.parse(source)
        count = 0

        def note(frame: object, event: str, argument: object) -> None:
            nonlocal count
            count += 1

        sys.setprofile(note)
        try:
            read(submission(source, whole=False))
        finally:
            sys.setprofile(None)
        return count

    for what in (
        "names",
        "a chain of names",
        "one list",
        "calls in calls",
        "many targets",
        "wide gaps",
        "imports",
    ):
        short, long = calls(what, 3_000), calls(what, 12_000)
        assert long < 6 * short, what


LINES = st.lists(st.sampled_from(("a", "b", "c", "", "d" * 5)), max_size=30)


@given(LINES, LINES)
def test_a_difference_is_the_whole_of_it(before: list[str], after: list[str]) -> None:
    """Taking away what is marked so, and adding what is, makes the one of the other."""
    old, new = "".join(f"{one}\n" for one in before), "".join(f"{one}\n" for one in after)
    lines = compare(old, new)
    assert [one.text for one in lines if one.sign in " -"] == before
    assert [one.text for one in lines if one.sign in " +"] == after
    assert [one.before for one in lines if one.before] == list(range(1, len(before) + 1))
    assert [one.after for one in lines if one.after] == list(range(1, len(after) + 1))
    shown = [one for one in hunks(lines) if one.sign in "+-"]
    assert shown == [one for one in lines if one.sign in "+-"]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("a\n" * 120_000, "b\na\n" * 60_000),
        ("a\nb\n" * 60_000, "b\na\n" * 60_000),
        ("".join(f"{i}\n" for i in range(40_000)), "".join(f"{i}\n" for i in reversed(range(40_000)))),
        ("".join(f"{i % 97}\n" for i in range(80_000)), "".join(f"{i % 89}\n" for i in range(80_000))),
    ],
)
def test_hostile_texts_are_compared(before: str, after: str) -> None:
    lines = compare(before, after)
    assert sum(one.sign in " -" for one in lines) == before.count("\n")
    assert sum(one.sign in " +" for one in lines) == after.count("\n")
