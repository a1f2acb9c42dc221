"""From a function to text that stands alone; and what a node refuses of such texts."""

from __future__ import annotations

import functools
import linecache
import math
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from syft.code.capture import CapturedFunction, analyse, capture, check_submission, digest
from syft.code.review import Kind
from syft.errors import InvalidCode
from syft.model.code import (
    CodeSubmission,
    Constant,
    InputPolicy,
    MustBe,
    OfType,
    OutputPolicy,
    Parameter,
    Part,
)
from syft.model.limits import JobLimits
from syft.model.plan import Plan, place
from syft.model.uid import UID

CONST = 10


def helper(x: int) -> int:
    return x


class Helper:
    def method(self, x: int) -> int:
        return x


def syft_function(**_: Any) -> Callable[[Any], CapturedFunction]:
    """Stands for the decorator, which captures what it is put above."""
    return capture


def from_cell(source: str, name: str = "f", **around: Any) -> Any:
    """The function that a notebook cell with this text makes."""
    filename = f"<cell {len(linecache.cache)}>"
    linecache.cache[filename] = (len(source), None, source.splitlines(keepends=True), filename)
    exec(compile(source, filename, "exec"), around)
    return around[name]


# Source


def test_a_function_of_a_file() -> None:
    def total(data, scale=2, *, shift: int = 0):  # type: ignore[no-untyped-def]
        """Add up."""
        return data.sum() * scale + shift

    captured = capture(total)
    assert captured.source.startswith("def total(data, scale=2, *, shift: int = 0):")
    assert captured.source.endswith("return data.sum() * scale + shift\n")
    assert captured.name == "total"
    assert captured.parameters == (
        Parameter(name="data"),
        Parameter(name="scale", has_default=True),
        Parameter(name="shift", has_default=True, annotation="int"),
    )
    assert not captured.uses_datasite
    assert captured.outside_names == ()
    assert captured.file == __file__
    assert captured.first_line == total.__code__.co_firstlineno


def test_decorators_are_taken_off_and_lines_still_match() -> None:
    @syft_function(
        input_policy=None,
    )
    def total(data):  # type: ignore[no-untyped-def]
        return CONST * data

    assert total.source == "def total(data):  # type: ignore[no-untyped-def]\n    return CONST * data\n"
    (finding,) = total.findings
    lines = linecache.getlines(__file__)
    assert "return CONST * data" in lines[total.author_line(finding.line) - 1]


def test_other_decorators_are_taken_off_and_said() -> None:
    def keep(function: Any) -> Any:
        return functools.wraps(function)(lambda *args: function(*args))

    @keep
    def total(data):  # type: ignore[no-untyped-def]
        return len(data)

    captured = capture(total)
    assert captured.source.startswith("def total(data):")
    assert [(one.kind, one.name) for one in captured.findings] == [(Kind.DECORATOR, "keep")]


def test_text_of_several_lines_keeps_its_indentation() -> None:
    def query():  # type: ignore[no-untyped-def]
        text = """
        SELECT *
    FROM t
end"""
        number = 1
        return (
            text,
            number,
            f"""
        {number}
        """,
        )

    source = capture(query).source
    space: dict[str, Any] = {}
    exec(source, space)
    assert space["query"]() == query()


def test_a_cell_and_a_string_that_inspect_can_find() -> None:
    captured = capture(from_cell("x = 1\n\ndef f(a):\n    return a + x\n"))
    assert captured.source == "def f(a):\n    return a + x\n"
    assert captured.first_line == 3
    assert captured.author_line(captured.outside_names[0].line) == 4


def test_one_line_and_tabs() -> None:
    assert capture(from_cell("def f(a): return a")).source == "def f(a): return a\n"
    assert capture(from_cell("if True:\n\tdef f(a):\n\t\treturn a\n")).source == "def f(a):\n\treturn a\n"


def test_without_source_it_says_what_to_do() -> None:
    around: dict[str, Any] = {}
    exec("def f(a): return a", around)
    with pytest.raises(InvalidCode, match="Put it into a file or a notebook cell"):
        capture(around["f"])


def test_a_file_that_was_edited_since_is_noticed() -> None:
    function = from_cell("def f(a):\n    return a\n")
    filename = function.__code__.co_filename
    for text in ("def g(a):\n    return a\n", "def f(a, b):\n    return a\n"):
        linecache.cache[filename] = (len(text), None, text.splitlines(keepends=True), filename)
        with pytest.raises(InvalidCode, match="has been changed since"):
            capture(function)


def test_another_name() -> None:
    captured = capture(helper, name="other")
    assert captured.name == "other"
    assert captured.source.startswith("def other(x: int)")


# What cannot be sent


async def asynchronous(x: int) -> int:
    return x


def generator(x: int) -> Any:
    yield x


def positional_only(x: int, /) -> int:
    return x


def starred(*args: int) -> tuple[int, ...]:
    return args


def double_starred(**kwargs: int) -> dict[str, int]:
    return kwargs


def blocking_parameter(blocking: bool) -> bool:
    return blocking


def with_global() -> None:
    global CONST
    CONST = 1


def _private() -> None: ...


def get_all() -> None: ...


@pytest.mark.parametrize(
    ("function", "reason"),
    [
        (lambda x: x, "anonymous function"),
        (asynchronous, "async function"),
        (generator, "generator: line 2"),
        (positional_only, "take the `/` out"),
        (starred, r"takes \*args"),
        (double_starred, r"takes \*\*kwargs"),
        (blocking_parameter, "'blocking' parameter is not allowed"),
        (with_global, "global variable.*line 2"),
        (Helper().method, "is a method"),
        (Helper.method, "defined in a class"),
        (Helper, "not from type"),
        (len, "not from builtin_function_or_method"),
        (functools.partial(helper, 1), "not from partial"),
        (_private, "underscore"),
        (get_all, "already means something"),
    ],
)
def test_refused_with_a_reason(function: Any, reason: str) -> None:
    with pytest.raises(InvalidCode, match=reason):
        capture(function)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("", "cannot be empty"),
        ("a b", "valid Python identifier"),
        ("class", "reserved"),
        ("submit", "already means"),
    ],
)
def test_names_that_cannot_be(name: str, reason: str) -> None:
    with pytest.raises(InvalidCode, match=reason):
        capture(helper, name=name)


# What the author is told


class Launchable:
    """Stands for a Syft function."""

    is_syft_function = True

    def __init__(self, captured: CapturedFunction) -> None:
        self.captured = captured


@pytest.mark.parametrize(
    ("expression", "told"),
    [
        ("math.pi", "module 'math', imported outside: write `import math` inside"),
        ("m.pi", "write `import math as m` inside"),
        ("helper(1)", "function 'helper' from outside: define it inside"),
        ("Helper()", "class 'Helper' from outside"),
        ("CONST", "variable 'CONST' from outside: define it inside, or pass it as an argument"),
        ("nowhere", "'nowhere', which is not defined"),
        ("part", "start it by `datasite.launch_job"),
    ],
)
def test_each_outside_name_is_explained(expression: str, told: str) -> None:
    around = {
        "math": math,
        "m": math,
        "helper": helper,
        "Helper": Helper,
        "CONST": 1,
        "part": Launchable(capture(helper)),
    }
    captured = capture(from_cell(f"def f():\n    x = 1\n    return {expression}\n", **around))
    (finding,) = captured.outside_names
    assert told in finding.text
    assert finding.line == 3


def test_a_closure_is_explained_too() -> None:
    limit = 3

    def f():  # type: ignore[no-untyped-def]
        return limit

    assert "variable 'limit'" in capture(f).outside_names[0].text


def test_launched_functions_are_found() -> None:
    part = Launchable(capture(helper))
    source = (
        "def f(datasite, data):\n    return datasite.launch_job(part, x=data), datasite.launch_job(missing)\n"
    )
    captured = capture(from_cell(source, part=part))
    assert captured.uses_datasite
    assert captured.parameters == (Parameter(name="data"),)
    assert captured.nested == {"part": part, "missing": None}
    assert captured.outside_names == ()


# What the node checks


SOURCE = "def f(datasite, data, scale=2):\n    import numpy as np\n    return datasite.launch_job(g, x=np.sum(data))\n"
GOOD = CodeSubmission(
    name="f",
    source=SOURCE,
    parameters=(Parameter(name="data"), Parameter(name="scale", has_default=True)),
    uses_datasite=True,
    nested=("g",),
    input_policy=InputPolicy(kind="exact", rules={"data": MustBe(UID())}),
)


def change(**fields: Any) -> CodeSubmission:
    return msgspec.structs.replace(GOOD, **fields)


def test_what_capture_makes_passes() -> None:
    captured = capture(from_cell(SOURCE))
    check_submission(
        CodeSubmission(
            name=captured.name,
            source=captured.source,
            parameters=captured.parameters,
            uses_datasite=captured.uses_datasite,
            nested=tuple(captured.nested),
        )
    )
    check_submission(GOOD)


def test_outside_names_are_refused_all_of_them_with_their_lines() -> None:
    source = "def f():\n    a = np.ones(3)\n    return a + np.e + CONST\n"
    with pytest.raises(InvalidCode) as refused:
        check_submission(CodeSubmission(name="f", source=source))
    text = refused.value.public_message
    assert "line 2: 'np' in `a = np.ones(3)`" in text
    assert "line 3: 'CONST'" in text
    assert "Import modules inside the function" in text


BAD_SOURCES = [
    ("", "exactly one function"),
    ("x = 1", "exactly one function"),
    ("import os\ndef f(): pass", "exactly one function"),
    ("def f(): pass\nf()", "exactly one function"),
    ("def f(): pass\ndef g(): pass", "exactly one function"),
    ("'''doc'''\ndef f(): pass", "exactly one function"),
    ("class f: pass", "exactly one function"),
    ("f = lambda: 1", "exactly one function"),
    ("def g(): pass", "defines 'g' and not 'f'"),
    ("@print\ndef f(): pass", "decorator"),
    ("async def f(): pass", "async"),
    ("def f():\n  yield 1", "generator"),
    ("def f(*args): pass", "write each out"),
    ("def f(x, x): pass", "syntax error, line 1"),
    ("def f():\n  return (", "syntax error, line 2"),
    ("def f():\n nonlocal x", "syntax error, line 2"),
    ("def f():\n global x\n x = 1", "global variable"),
    ("def f(): pass\0", "syntax error|not text that Python can read"),
    ("def f():\n return '\ud800'", "not text that Python can read"),
    ("def f():\n return " + "-" * 100_000 + "1", "nested too deeply"),
    ("def f():\n return " + "(" * 10_000, "too many nested parentheses|nested too deeply"),
    ("def f():\n return 1" + "+1" * 50_000, "nested too deeply"),
    ("def f():\n return a" + ".b" * 50_000, "nested too deeply"),
    ("def f():\n return 1" + "+1" * 700, "nested too deeply"),  # Python parses it; walking it is what ends
    ("def f():\n return " + "lambda:" * 20_000 + "1", "nested too deeply"),
]


@pytest.mark.parametrize(("source", "reason"), BAD_SOURCES, ids=[row[0][:30] for row in BAD_SOURCES])
def test_sources_that_are_refused(source: str, reason: str) -> None:
    with pytest.raises(InvalidCode, match=reason):
        check_submission(CodeSubmission(name="f", source=source))


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"parameters": ()}, "not what was said with it"),
        ({"parameters": GOOD.parameters[::-1]}, "not what was said with it"),
        ({"parameters": (Parameter(name="data", annotation="int"), GOOD.parameters[1])}, "not what was said"),
        ({"uses_datasite": False}, "not what was said with it"),
        ({"nested": ()}, "launches 'g', not nothing"),
        ({"nested": ("g", "h")}, "not 'g', 'h'"),
        ({"name": "submit"}, "already means"),
        ({"name": "__f__"}, "underscore"),
        ({"input_policy": InputPolicy(rules={"other": OfType("int")})}, "names 'other'"),
        ({"input_policy": InputPolicy(rules={"datasite": OfType("int")})}, "names 'datasite'"),
        ({"renamed": {"table": "nowhere"}}, "do not match its parameters"),
        ({"renamed": {"data": "scale"}}, "do not match its parameters"),
        ({"renamed": {"a": "data", "b": "data"}}, "do not match its parameters"),
        ({"renamed": {"table": "scale"}}, "do not match its input policy"),
    ],
)
def test_what_is_said_must_be_what_is_written(fields: dict[str, Any], reason: str) -> None:
    with pytest.raises(InvalidCode, match=reason):
        check_submission(change(**fields))


def test_a_renamed_input_passes() -> None:
    check_submission(change(renamed={"table": "data"}))


def test_analyse_reads_text_alone() -> None:
    found = analyse("def f():\n    return CONST\n")
    assert [(one.kind, one.name, one.line) for one in found] == [(Kind.OUTSIDE_NAME, "CONST", 2)]


# Digest


def test_the_digest_depends_on_every_field() -> None:
    others = [
        change(name="h"),
        change(source=SOURCE + "#"),
        change(parameters=()),
        change(uses_datasite=False),
        change(input_policy=InputPolicy(kind="exact", rules={"data": MustBe(UID())})),
        change(input_policy=msgspec.structs.replace(GOOD.input_policy, kind="mixed")),
        change(output_policy=OutputPolicy(limit=2)),
        change(renamed={"table": "data"}),
        change(nested=()),
        change(pool="other"),
        change(share_results_with_owners=True),
        change(limits=JobLimits(wall_s=60)),
        change(plan=Plan(name="f", inputs=("x",), outputs=(place(0),))),
        change(part=Part(deployment=b"all of it", step=0)),
    ]
    changed = {
        name
        for other in others
        for name in GOOD.__struct_fields__
        if getattr(other, name) != getattr(GOOD, name)
    }
    assert changed == set(GOOD.__struct_fields__)
    digests = {digest(submission) for submission in (GOOD, *others)}
    assert len(digests) == len(others) + 1
    assert all(len(one) == 64 for one in digests)


def test_a_function_from_before_there_were_limits_keeps_its_digest() -> None:
    """What was submitted and asked for then could otherwise never be approved."""
    submission = CodeSubmission(name="f", source="def f(): pass\n")
    assert digest(submission) == "61d83f539d6de861a3f6526403a74a07f39a04b56ba7e1738bd58135b2ef24b5"


def test_the_digest_does_not_depend_on_the_order_of_dicts() -> None:
    rules = {"data": Constant(b"x"), "scale": OfType("int")}
    backwards = dict(reversed(rules.items()))
    one, other = (change(input_policy=InputPolicy(rules=some)) for some in (rules, backwards))
    assert digest(one) == digest(other)
