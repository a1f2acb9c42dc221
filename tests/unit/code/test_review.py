"""What reviewers are pointed to."""

from __future__ import annotations

import pytest

from syft.code.capture import analyse, review
from syft.code.findings import MOST_OF_A_KIND, Finding, Kind, bounded, short
from syft.code.review import is_invisible
from syft.code.reviewed import read
from syft.model.code import (
    CodeSubmission,
    Constant,
    CustomPolicy,
    InputPolicy,
    MustBe,
    OfType,
    OutputPolicy,
    Parameter,
)
from syft.model.uid import UID

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
    # Other names for the same.
    ("p = print; p(df)", Kind.PRINT, "'df'"),
    ("from os import system as s; s('x')", Kind.PROCESS, "s(), which is os.system"),
    ("import os as o; o.system('x')", Kind.PROCESS, "o.system(), which is os.system"),
    ("import os; getattr(os, 'sys' + 'tem')('x')", Kind.PROCESS, "which is os.system"),
    ("__import__('os').system('x')", Kind.PROCESS, "os.system"),
    ("import importlib as i; i.import_module('socket').socket()", Kind.NETWORK, "socket.socket"),
    ("e = eval; e('1')", Kind.DYNAMIC, "e(), which is eval"),
    ("import builtins as b; b.eval('1')", Kind.DYNAMIC, "b.eval(), which is eval"),
    ("list(map(eval, ['1']))", Kind.DYNAMIC, "hands eval on"),
    ("getattr(df, '_' + chr(95))", Kind.DYNAMIC, "made as it runs"),
    ("getattr(df, '__class__')", Kind.INTERNALS, "__class__"),
    ("getattr(df, '__cl' 'ass__')", Kind.INTERNALS, "__class__"),
    ("getattr(df, 'to_' + 'csv')('x')", Kind.DYNAMIC, "'to_csv'"),
    ("setattr(df, df.name, 1)", Kind.DYNAMIC, "setattr()"),
    ("import operator; operator.attrgetter('x')(df)", Kind.DYNAMIC, "operator.attrgetter"),
    ("[len, eval][1]('1')", Kind.DYNAMIC, "what a place in something holds"),
    ("df.query(f'{df.x}')", Kind.DYNAMIC, ".query()"),
    ("import subprocess as np", Kind.RENAMED, "everybody knows numpy"),
    ("def len(x): return x", Kind.RENAMED, "'len'"),
    ("sum = max", Kind.RENAMED, "'sum'"),
    # Outputs besides the result.
    ("y = df.sum(); print(y)", Kind.PRINT, "'df'"),
    ("for row in df: print(row)", Kind.PRINT, "'df'"),
    ("out = []; out.append(df); print(out)", Kind.PRINT, "'df'"),
    ("with df as g: print(g)", Kind.PRINT, "'df'"),
    ("a, *b = df; print(b)", Kind.PRINT, "'df'"),
    ("(z := df.x) and print(z)", Kind.PRINT, "'df'"),
    ("show = lambda x: print(x); show(df)", Kind.PRINT, "an inner function is given"),
    ("import sys; sys.stderr.write(str(df))", Kind.PRINT, "'df'"),
    ("import logging; logging.info('%s', df)", Kind.PRINT, "log"),
    ("import logging; log = logging.getLogger(); log.error(df)", Kind.PRINT, "log"),
    ("import warnings; warnings.warn(str(df))", Kind.PRINT, "warns"),
    ("from warnings import warn; warn(str(df))", Kind.PRINT, "warns"),
    ("raise ValueError(df.iloc[0])", Kind.ERROR, "text stays with the owner"),
    ("assert y, df", Kind.ERROR, "text stays with the owner"),
    ("import sys; sys.exit(df)", Kind.ERROR, "text stays with the owner"),
    ("if df.x > 5: raise ValueError", Kind.ERROR, "something holds of the input 'df'"),
    ("assert df.x > 5", Kind.ERROR, "something holds of the input 'df'"),
    ("datasite.set_progress(df.x)", Kind.PROGRESS, "tenths"),
    ("import time; time.sleep(df.x)", Kind.TIME, "how long a run takes"),
    ("from time import sleep as nap; nap(df.x)", Kind.TIME, "how long a run takes"),
    ("import time; time.perf_counter()", Kind.TIME, "time.perf_counter"),
    ("import random", Kind.RANDOM, "random"),
    ("import numpy as np; np.random.rand()", Kind.RANDOM, "numpy.random.rand"),
    ("from numpy import random", Kind.RANDOM, "numpy"),
    ("for i in range(df.x): datasite.launch_job(g)", Kind.LAUNCH, "'df'"),
    ("while df.x: datasite.launch_job(g)", Kind.LAUNCH, "'df'"),
    ("[datasite.launch_job(g) for i in range(df.x)]", Kind.LAUNCH, "'df'"),
    ("if df.x: datasite.launch_job(g)", Kind.LAUNCH, "'df'"),
    ("plt.savefig(f'{df.x}.png')", Kind.FILE, "names a file"),
    ("open(df.x)", Kind.FILE, "names a file"),
    # The input again.
    ("return df.copy()", Kind.RETURN, ".copy()"),
    ("return df.to_dict('records')", Kind.RETURN, ".to_dict()"),
    ("return df.head(5)", Kind.RETURN, ".head()"),
    ("return df.values.tolist()", Kind.RETURN, "'df'"),
    ("return df['salary']", Kind.RETURN, "[...]"),
    ("return df.iloc[:10]", Kind.RETURN, "'df'"),
    ("return list(df)", Kind.RETURN, "list()"),
    ("return {'n': 1, 'all': df}", Kind.RETURN, "as it is"),
    ("return 1, df", Kind.RETURN, "as it is"),
    ("return [row for row in df]", Kind.RETURN, "its elements"),
    ("return f'{df}'", Kind.RETURN, "as text"),
    ("g = df; h = g.copy(); return h", Kind.RETURN, "'df'"),
    ("import copy as c; return c.deepcopy(df)", Kind.RETURN, "copy.deepcopy()"),
    ("import pandas as pd; return pd.DataFrame(df)", Kind.RETURN, "pandas.DataFrame()"),
    # What one does not see.
    ("x = 1" + " " * 60 + "; y = 2", Kind.LAYOUT, "far to the right"),
    ("x = '" + "ab c" * 100 + "'", Kind.LAYOUT, "characters long"),
    ("x = '" + "a" * 300 + "'", Kind.OPAQUE, "300 characters"),
    ("result = resu1t = 1", Kind.LOOKALIKE, "look alike"),
    ("x = df['sal\u0430ry']", Kind.LOOKALIKE, "CYRILLIC SMALL LETTER A"),
    ("x = 1 # p\u0430ssed", Kind.LOOKALIKE, "CYRILLIC SMALL LETTER A"),
]

# What people write who hide nothing; each beside its row above.
ORDINARY = [
    "return df.sum()",
    "return df['x'].mean()",
    "return {'n': len(df)}",
    "return df.describe().round(2)",
    "return df.groupby('x').size().to_dict()",
    "parts = [datasite.launch_job(g, batch=part) for part in df.parts()]; return len(parts)",
    "for part in df.parts():\n        datasite.launch_job(g, batch=part)",
    "y = df.to_numpy().sum(); return y",
    "if y: raise ValueError('y')",
    "datasite.set_progress(y)",
    "print('done', y)",
    "x = '\u0441\u0443\u043c\u043c\u0430'",  # a word in one script
    "total, count = 1, 2",
    "x = getattr(y, 'real')",
]


@pytest.mark.parametrize("line", ORDINARY)
def test_ordinary_lines_have_nothing_to_point_out(line: str) -> None:
    found = analyse(f"def f(df, datasite):\n    y = 1\n    {line}\n")
    assert [one for one in found if one.kind is not Kind.OUTSIDE_NAME] == []


@pytest.mark.parametrize(("line", "kind", "word"), TABLE, ids=[repr(row[0]) for row in TABLE])
def test_it_is_pointed_out_with_its_line(line: str, kind: Kind, word: str) -> None:
    found = [one for one in analyse(f"def f(df, datasite):\n    y = 1\n    {line}\n") if one.kind is kind]
    assert found, "nothing was found"
    assert {one.line for one in found} == {3}
    assert any(word in one.text for one in found), found
    assert len(found) == len(set(found))


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


def test_what_is_the_callers_own_tells_nobody_anything() -> None:
    """Outside the fence: a parameter of the policy's object is pointed out in the same place."""
    source = "def f(data, n, k):\n    if n > k: raise ValueError(n)\n    print(n, k)\n    return n\n"
    rules = {"data": MustBe(UID()), "n": OfType("int"), "k": Constant(b"")}
    parameters = tuple(Parameter(name=name) for name in rules)
    own = CodeSubmission(
        name="f", source=source, parameters=parameters, input_policy=InputPolicy(kind="mixed", rules=rules)
    )
    assert review(own) == ()
    about_data = CodeSubmission(name="f", source=source.replace("(n", "(data"), parameters=parameters)
    assert any("'data'" in one for one in review(about_data))


def test_a_line_is_counted_as_python_counts() -> None:
    """A return alone ends a line: what follows it stands on the next, also for whoever reads."""
    found = analyse("def f(df):\n    x = 1 # \r    eval('1')\n    eval('2')\n")
    assert [(one.line, one.kind) for one in found] == [
        (2, Kind.INVISIBLE),
        (3, Kind.DYNAMIC),
        (4, Kind.DYNAMIC),
    ]


def test_a_flood_of_findings_hides_none_of_another_kind() -> None:
    flood = "".join(f"    x.__a{number}__\n" for number in range(5 * MOST_OF_A_KIND))
    found = analyse(f"def f(df, x):\n{flood}    eval('1')\n")
    kept, more = bounded(found)
    assert [one.name for one in kept if one.kind is Kind.DYNAMIC] == ["eval"]
    assert more == {"internals": 4 * MOST_OF_A_KIND}
    sentences = review(
        CodeSubmission(
            name="f",
            source=f"def f(df, x):\n{flood}    eval('1')\n",
            parameters=(Parameter(name="df"), Parameter(name="x")),
        )
    )
    assert len(sentences) == MOST_OF_A_KIND + 2
    assert "400 more of the kind 'internals'" in sentences[-1]


def test_of_a_kind_what_is_new_comes_before_what_is_said_again() -> None:
    again = [Finding(Kind.FILE, line, "the same") for line in range(1, 2 * MOST_OF_A_KIND)]
    new = Finding(Kind.FILE, 3 * MOST_OF_A_KIND, "another")
    kept, _ = bounded([*again, new])
    assert new in kept
    assert kept == sorted(kept, key=lambda one: one.line)


def test_a_name_in_a_finding_stays_on_its_line() -> None:
    """THREATS 1.8: a name may be any text, and say that all is well on a line of its own."""
    found = analyse("def f(df):\n    getattr(df, '__a\\n- Line 3: all is well__')\n")
    assert found
    assert all("\n" not in one.text for one in found)
    assert short("a" * 300).endswith("…")
    assert len(short("a" * 300)) < 100


def test_request_and_evidence_find_the_same_in_a_policy() -> None:
    """What its methods are handed is what it decides about; its options are approved with it, and shown."""
    source = (
        "class Tells:\n"
        "    def __init__(self, word):\n"
        "        print(word)\n"
        "    def is_valid(self, context):\n"
        "        return True\n"
        "    def apply_to_output(self, context, outputs, update_policy=True):\n"
        "        raise ValueError(outputs)\n"
    )
    own = OutputPolicy(custom=CustomPolicy(name="Tells", source=source))
    submission = CodeSubmission(name="f", source="def f():\n    return 1\n", parameters=(), output_policy=own)
    [found] = read(submission)[1].findings
    assert (found.kind, found.line) == (Kind.ERROR, 7)
    assert review(submission) == (f"Output policy, line 7: {found.text}",)
