"""What Python's parser takes minutes for is refused before it begins; what people write is not."""

from __future__ import annotations

import ast

import pytest

from syft.code.capture import analyse, check_submission
from syft.code.findings import Kind
from syft.code.parsing import DOTS_MAX, FIELDS_MAX, parse
from syft.errors import InvalidCode
from syft.model.code import MAX_PARAMETERS, CodeSubmission, Parameter
from syft.sandbox.profiles import BASE, TORCH, profile_for

# Each takes time that grows with the square of its length: a quarter of a megabyte some 15 s, with all else waiting.
LONG_NAMES = {
    "import": "import " + "a." * DOTS_MAX + "b.c",
    "from": "from " + "a." * DOTS_MAX + "b.c import d",
    "spread": "import a" + " . \\\n b" * (DOTS_MAX + 1),
    "letters": "import " + "ä." * DOTS_MAX + "b.c",
}


@pytest.mark.parametrize("way", LONG_NAMES)
def test_a_module_of_very_many_names_is_refused(way: str) -> None:
    ast.parse(LONG_NAMES[way])  # Python itself takes it
    with pytest.raises(SyntaxError, match="names with dots"):
        parse(LONG_NAMES[way])
    source = f"def f():\n    x = 1\n    {LONG_NAMES[way]}\n"
    with pytest.raises(InvalidCode, match="line 3: more than 100 names with dots"):
        analyse(source)
    # Kept before such code was refused: it runs, with nothing read ahead.
    assert profile_for(f"import torch\n{source}") == BASE


def test_formatted_strings_of_very_many_fields_are_refused() -> None:
    source = 'def f():\n    return f"' + "{1}" * (FIELDS_MAX + 1) + '"\n'
    ast.parse(source)
    with pytest.raises(InvalidCode, match="line 2: formatted strings in a source with more than 5000 braces"):
        analyse(source)
    # A large table in braces is something else.
    found = analyse("def f():\n    return [" + "{1}," * (FIELDS_MAX + 1) + "]\n")
    assert [one.kind for one in found] == [Kind.LAYOUT]  # it is long; nothing else


@pytest.mark.parametrize(
    "line",
    [
        "import " + "a." * (DOTS_MAX - 1) + "b",
        "x = a" + ".b" * (DOTS_MAX - 1),
        'x = "' + "." * 1_000 + '"',
        "x = a" + ".b()" * 150,
        'x = f"' + "{1}" * 1_000 + '"',
        "from . import a",
        "from .... import a",
    ],
)
def test_what_people_write_is_parsed(line: str) -> None:
    assert ast.dump(parse(line)) == ast.dump(ast.parse(line))
    assert profile_for(f"import torch\n{line}") == TORCH


def test_parameters_are_counted_before_they_are_read() -> None:
    """Each annotation had all of the source split into lines: 12 minutes for 30,000 of them."""

    def submission(count: int) -> CodeSubmission:
        names = [f"a{number}" for number in range(count)]
        source = f"def f({', '.join(f'{name}: int' for name in names)}):\n    return 1\n"
        known = tuple(Parameter(name=name, annotation="int") for name in names[:MAX_PARAMETERS])
        return CodeSubmission(name="f", source=source, parameters=known)

    check_submission(submission(MAX_PARAMETERS))
    for count in (MAX_PARAMETERS + 2, 10_000):
        with pytest.raises(InvalidCode, match="has more than 100 parameters"):
            check_submission(submission(count))


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_annotations_are_read_as_python_reads_them(end: str) -> None:
    lines = [
        "def f(",
        "    ä: 'é' = 1, b: dict[",
        "        str,  # ü\x0c",
        "        int] = 2, c=3,",
        "): return 1",
        "",
    ]
    source = end.join(lines)
    node = ast.parse(source).body[0]
    assert isinstance(node, ast.FunctionDef)
    wanted = [
        ast.get_source_segment(source, one.annotation) if one.annotation else "" for one in node.args.args
    ]
    known = tuple(
        Parameter(name=name, has_default=True, annotation=text or "")
        for name, text in zip("äbc", wanted, strict=True)
    )
    check_submission(CodeSubmission(name="f", source=source, parameters=known))
