"""What reviewers are pointed to."""

from __future__ import annotations

import pytest

from syft.code.capture import analyse, review
from syft.code.review import Kind, is_invisible
from syft.model.code import CodeSubmission, Parameter

# (a line in a function of `df`, what it is about, a word of the sentence)
TABLE = [
    ("import numpy", Kind.IMPORT, "numpy"),
    ("from pandas import DataFrame", Kind.IMPORT, "pandas"),
    ("import urllib.request", Kind.NETWORK, "network"),
    ("from socket import create_connection", Kind.NETWORK, "network"),
    ("import subprocess", Kind.PROCESS, "processes"),
    ("import os.path", Kind.PROCESS, "system"),
    ("import ctypes", Kind.PROCESS, "system"),
    ("import pickle", Kind.DYNAMIC, "run code"),
    ("import importlib", Kind.DYNAMIC, "run code"),
    ("import pathlib", Kind.FILE, "files"),
    ("open('x')", Kind.FILE, "open()"),
    ("df.to_csv('x')", Kind.FILE, ".to_csv()"),
    ("eval('1')", Kind.DYNAMIC, "eval()"),
    ("exec('1')", Kind.DYNAMIC, "exec()"),
    ("__import__('os')", Kind.DYNAMIC, "__import__()"),
    ("().__class__.__bases__", Kind.INTERNALS, "__bases__"),
    ("__builtins__", Kind.INTERNALS, "__builtins__"),
    ("print(df.head())", Kind.PRINT, "'df'"),
    ("x = 'a\u202eb'", Kind.INVISIBLE, "U+202E"),
    ("x = 'a\u200bb'", Kind.INVISIBLE, "U+200B"),
    ("x = 1 # \u2066", Kind.INVISIBLE, "U+2066"),
    ("x = 1 # \r    x = 2", Kind.INVISIBLE, "U+000D"),
    ("p\u0430ssed = 1", Kind.LOOKALIKE, "CYRILLIC SMALL LETTER A"),
    ("\uff44\uff46 = 1", Kind.LOOKALIKE, "FULLWIDTH"),
]


@pytest.mark.parametrize(("line", "kind", "word"), TABLE, ids=[repr(row[0]) for row in TABLE])
def test_it_is_pointed_out_with_its_line(line: str, kind: Kind, word: str) -> None:
    found = [one for one in analyse(f"def f(df):\n    y = 1\n    {line}\n") if one.kind is kind]
    assert found, "nothing was found"
    assert found[0].line == 3
    assert word in found[0].text


def test_ordinary_code_has_nothing_to_point_out() -> None:
    source = "def f(df):\n    def mean(x):\n        return x.sum()\n    print('done')\n    return mean(df['Größe'])\n"
    assert analyse(source) == []


def test_a_reviewer_reads_sentences() -> None:
    source = "def f(df):\n    import os\n    eval('1')\n    eval('2')\n"
    submission = CodeSubmission(name="f", source=source, parameters=(Parameter(name="df"),))
    assert review(submission) == (
        "Line 2: imports os, which can reach the system and other processes.",
        "Lines 3, 4: calls eval(), which can run code that is not in this text.",
    )


@pytest.mark.parametrize("char", "\u202e\u2066\u200b\u00ad\ufeff\u00a0\u3164\x1b\x00\u2028\u115f")
def test_invisible(char: str) -> None:
    assert is_invisible(char)


@pytest.mark.parametrize("char", "aé漢ا 😀\n\t")
def test_visible(char: str) -> None:
    assert not is_invisible(char)


def test_a_function_that_returns_its_input_is_pointed_out() -> None:
    source = "def f(data, n):\n    if n:\n        return data.sum()\n    return data\n"
    found = [finding for finding in analyse(source) if finding.kind is Kind.RETURN]
    assert [(finding.line, finding.name) for finding in found] == [(4, "data")]
