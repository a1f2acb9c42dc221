"""This module turns the class of a policy into text that stands alone, and checks such texts that others sent."""

from __future__ import annotations

import ast
import linecache
import re
import symtable
import types
from collections.abc import Mapping
from typing import Final

import msgspec

from syft.code.parsing import lines_inside_texts, parse
from syft.code.review import Finding, Kind, review_source
from syft.code.scopes import Names, every_argument, read_names
from syft.errors import InvalidCode
from syft.model.code import CodeSubmission, CustomPolicy

INPUT: Final = "input policy"
OUTPUT: Final = "output policy"
# What each has to say, beside whether it is valid at all. A method that was misspelt must not pass for a policy that
# lets everything through, so that there is no method that may be missing but `public_state`.
_ASKED: Final[Mapping[str, str]] = {INPUT: "filter_kwargs", OUTPUT: "apply_to_output"}
_SIGNATURES: Final[Mapping[str, str]] = {
    "filter_kwargs": "filter_kwargs(self, kwargs, context)",
    "apply_to_output": "apply_to_output(self, context, outputs, update_policy=True)",
    INPUT: "is_valid(self, context, usr_input_kwargs)",
    OUTPUT: "is_valid(self, context)",
}
# `_is_valid` is how PySyft 0.9 called it in places.
_VALID: Final = frozenset({"is_valid", "_is_valid"})
_HEADER: Final = re.compile(r"\Aclass\s+(\w+)\s*\(\s*[\w.]+\s*,?\s*\)\s*:")


def policies_of(submission: CodeSubmission) -> dict[str, CustomPolicy]:
    """The policies of its author's own, by what they are about: `INPUT`, `OUTPUT`."""
    both = {INPUT: submission.input_policy.custom, OUTPUT: submission.output_policy.custom}
    return {where: one for where, one in both.items() if not isinstance(one, msgspec.UnsetType)}


# The node's side, which has the text only


def check_policies(submission: CodeSubmission) -> None:
    """Raise unless each policy of a submission stands alone and is what is said of it.

    Raises:
        InvalidCode: one does not, or the function cannot have any.
    """
    found = policies_of(submission)
    if found and not isinstance(submission.part, msgspec.UnsetType):
        # Its result goes on to other sites; nobody there has approved what a policy would make of it.
        raise InvalidCode(
            f"'{submission.name}' is a step of a protocol: it cannot have policies of its author's own."
        )
    for where, policy in found.items():
        check_policy(policy, where)


def check_policy(policy: CustomPolicy, where: str) -> None:
    """Raise unless the text of a policy is one class of that name, that stands alone and can be asked.

    Args:
        policy: as it was handed in.
        where: what it is about: `INPUT` or `OUTPUT`.
    Raises:
        InvalidCode: it is not; says what to do.
    """
    node = _only_class(policy.source, where)
    if node.name != policy.name:
        raise InvalidCode(f"The source of the {where} defines '{node.name}' and not '{policy.name}'.")
    if node.bases or node.keywords or node.decorator_list:
        raise InvalidCode(
            f"The {where} '{node.name}' has base classes or decorators in its text; it stands by itself."
        )
    for name in policy.options:
        if not name.isidentifier():
            raise InvalidCode(f"The {where} '{node.name}' cannot have an option '{name[:50]}'.")
    methods = {one.name for one in node.body if isinstance(one, ast.FunctionDef)}
    for needed, known in ((_ASKED[where], {_ASKED[where]}), (where, _VALID)):
        if not known & methods:
            raise InvalidCode(
                f"The {where} '{node.name}' does not say `def {_SIGNATURES[needed]}: ...`. Without it the policy "
                "cannot be asked."
            )
    names = _names_in(policy.source, node.name, where)
    outside = {use.name: use.line for use in (*names.outside, *names.launched)}
    if outside:
        listing = "".join(f"\n  line {line}: '{name}'" for name, line in outside.items())
        raise InvalidCode(
            f"The {where} '{node.name}' uses names that are not defined in it:{listing}\nImport modules inside its "
            "methods, and give it what it needs as options of `__init__`."
        )


def review_policies(submission: CodeSubmission) -> list[Finding]:
    """What a reviewer should look at in the policies of a submission; each says in which.

    Raises:
        InvalidCode: `check_policies` would refuse it.
    """
    return [one for where, policy in policies_of(submission).items() for one in review_policy(policy, where)]


def review_policy(policy: CustomPolicy, where: str) -> list[Finding]:
    """What a reviewer should look at in a policy. What its methods are handed is what it decides about: to print that,
    or to put it into an error, tells it as a function would by its inputs.

    Args:
        policy: as it was handed in.
        where: what it is about: `INPUT` or `OUTPUT`.
    Raises:
        InvalidCode: `check_policy` would refuse it.
    """
    node = _only_class(policy.source, where)
    given: set[str] = set()
    for method in ast.walk(node):
        # Its options are shown, and approved with it.
        if isinstance(method, ast.FunctionDef | ast.AsyncFunctionDef) and method.name != "__init__":
            given |= {one.arg for one in every_argument(method.args)}
    try:
        found = review_source(policy.source, parse(policy.source), given - {"self", "cls"})
    except RecursionError:
        raise InvalidCode(f"The {where} '{node.name}' is nested too deeply to be read.") from None
    return [
        Finding(one.kind, one.line, one.text, one.name, where=where)
        for one in found
        # Ordinary in a class.
        if not (one.kind is Kind.INTERNALS and one.name == "__class__")
    ]


def _names_in(source: str, name: str, where: str) -> Names:
    try:
        names = read_names(parse(source))
    except RecursionError:
        raise InvalidCode(f"The {where} '{name}' is nested too deeply to be read.") from None
    if names.declared_global:
        use = names.declared_global[0]
        raise InvalidCode(
            f"The {where} '{name}' contains a global variable, which is not allowed: line {use.line}, "
            f"`global {use.name}`. What it remembers belongs on `self`."
        )
    return names


def _only_class(source: str, where: str) -> ast.ClassDef:
    """The one class that the source defines.

    Raises:
        InvalidCode: it does not parse, or has anything else in it.
    """
    try:
        body = parse(source).body
        if body:
            symtable.symtable(source, "<policy>", "exec")
    except SyntaxError as error:
        at = f"line {error.lineno}: " if error.lineno else ""
        raise InvalidCode(f"The {where} has a syntax error, {at}{error.msg}.") from None
    except (RecursionError, MemoryError):
        raise InvalidCode(f"The {where} is nested too deeply to be read.") from None
    except ValueError as error:
        raise InvalidCode(f"The source of the {where} is not text that Python can read: {error}.") from None
    if len(body) != 1 or not isinstance(body[0], ast.ClassDef):
        raise InvalidCode(
            f"The source of the {where} should only contain the class definition of the policy, and nothing beside it."
        )
    return body[0]


# The author's side


def capture_policy(kind: type, ours: type) -> str:
    """The text of a policy's class, alone: its base class, which is ours, taken off.

    Args:
        kind: the class.
        ours: its base.
    Raises:
        InvalidCode: it has other bases or decorators, or its source cannot be found; says what to do.
    """
    if kind.__bases__ != (ours,):
        raise InvalidCode(
            f"The policy '{kind.__name__}' must have `{ours.__name__}` as its only base class: its text is sent by "
            "itself, without those of others."
        )
    lines, node = _found(kind)
    if node.decorator_list:
        raise InvalidCode(f"The policy '{kind.__name__}' has a decorator; take it off.")
    assert node.end_lineno is not None
    indent = lines[node.lineno - 1][: node.col_offset]
    inside = lines_inside_texts(node)
    text = "".join(
        line if number in inside else line.removeprefix(indent)
        for number, line in enumerate(lines, start=1)
        if node.lineno <= number <= node.end_lineno
    )
    source, changed = _HEADER.subn(r"class \1:", text.rstrip() + "\n")
    if not changed:
        raise InvalidCode(
            f"The first line of the policy '{kind.__name__}' must be `class {kind.__name__}({ours.__name__}):`."
        )
    return source


def _found(kind: type) -> tuple[list[str], ast.ClassDef]:
    """The lines that a class is in, and where: found by one of its methods, which knows its file or notebook cell.

    Raises:
        InvalidCode: there is no source.
    """
    missing = InvalidCode(
        f"The source of the policy '{kind.__name__}' cannot be found: a class typed at the >>> prompt or made by exec "
        "has none. Put it into a file or a notebook cell and run that."
    )
    method = next((one for one in vars(kind).values() if isinstance(one, types.FunctionType)), None)
    if method is None:
        raise InvalidCode(f"The policy '{kind.__name__}' has no methods: there is nothing to ask it.")
    file, first = method.__code__.co_filename, method.__code__.co_firstlineno
    linecache.checkcache(file)
    lines = linecache.getlines(file)
    try:
        tree = parse("".join(lines))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise missing from None
    around = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef)
        and node.name == kind.__name__
        and node.lineno <= first <= (node.end_lineno or 0)
    ]
    if not around:
        raise missing
    return lines, around[-1]
