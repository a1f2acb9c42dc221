"""This module turns a function into text that stands alone, and checks that a submitted text does.

The author's side calls `capture`, which has the function itself and can say what each outside name is. The node
calls `check_submission`, which has the text only and trusts nothing that was said about it.
"""

from __future__ import annotations

import ast
import inspect
import keyword
import linecache
import re
import symtable
import types
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec
from blake3 import blake3

from syft.code.findings import Finding, Kind, bounded
from syft.code.parsing import lines_inside_texts, parse
from syft.code.planned import check_planned, findings_of
from syft.code.policies import check_policies, review_policies
from syft.code.review import lookalikes_in, review_source
from syft.code.scopes import Names, Use, every_argument, read_names
from syft.errors import InvalidCode
from syft.model.code import MAX_PARAMETERS, CodeSubmission, Constant, Given, MustBe, OfType, Parameter
from syft.wire.records import to_plain

# As Python ends lines: not at form feeds and the like, where `splitlines` does.
_LINE: Final = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")
DATASITE: Final = "datasite"
# Words of the call itself (`blocking=False`, `syft_no_server=True`), which no input can therefore be called by.
RESERVED_PARAMETERS: Final = ("blocking", "syft_no_server")
# What `client.code.<name>` already means.
RESERVED_NAMES: Final = frozenset(
    ["get_all", "get_by_id", "get_by_service_func_name", "request_code_execution", "search", "submit"]
)
_OUR_DECORATORS: Final = frozenset({"syft_function", "syft_function_single_use"})
_DIGEST_CONTEXT: Final = b"syft code submission 1\n"

_canonical = msgspec.msgpack.Encoder(enc_hook=to_plain, order="deterministic")


@dataclass(frozen=True)
class CapturedFunction:
    """A function as text that can be sent.

    Args:
        source: the function alone, decorators off, indented as if it stood at the top of a file.
        name: by which it is defined in `source`.
        parameters: in order, without `datasite`.
        uses_datasite: whether it takes `datasite`.
        nested: what it launches with `datasite.launch_job`, by name, as found where the function was made; None
            for a name that is not there.
        findings: what its author should know, lines as in `source`.
        file: where the author wrote it: a path, or the name of a notebook cell.
        first_line: the line there on which `source` begins.
    """

    source: str
    name: str
    parameters: tuple[Parameter, ...]
    uses_datasite: bool
    nested: Mapping[str, Any]
    findings: tuple[Finding, ...]
    file: str
    first_line: int

    @property
    def outside_names(self) -> tuple[Finding, ...]:
        """The findings for which a node would refuse it."""
        return tuple(finding for finding in self.findings if finding.kind is Kind.OUTSIDE_NAME)

    def author_line(self, line: int) -> int:
        """Where the author sees what is on `line` of `source`."""
        return self.first_line + line - 1


def capture(function: Any, *, name: str | None = None) -> CapturedFunction:
    """The function as text that can be sent.

    Args:
        function: written with `def`, in a file or a notebook cell.
        name: another name for it.
    Raises:
        InvalidCode: it is not such a function, or its source cannot be found; says what to do.
    """
    plain = _plain_function(function)
    old_name = plain.__name__
    check_name(old_name if name is None else name)
    source, first_line, taken_off = _source_of(plain)
    node = _only_function(source)
    _check_is_what_runs(plain, node)
    if name is not None and name != old_name:
        source = re.sub(rf"\Adef(\s+){re.escape(old_name)}\b", rf"def\g<1>{name}", source)
        node = _only_function(source)
    names = _names_of(source, node)
    scope = _surroundings(plain)
    notes = [
        Finding(Kind.DECORATOR, 1, f"the decorator @{text} is taken off and not sent along.", text)
        for text in taken_off
    ]
    outside = [_explain(use, scope) for use in names.outside]
    parameters, uses_datasite = _parameters(source, node)
    tree = parse(source)
    return CapturedFunction(
        source=source,
        name=node.name,
        parameters=parameters,
        uses_datasite=uses_datasite,
        nested={use.name: scope.get(use.name) for use in names.launched},
        findings=(*notes, *outside, *review_source(source, tree, [one.name for one in parameters])),
        file=plain.__code__.co_filename,
        first_line=first_line,
    )


def analyse(source: str, own: Collection[str] = ()) -> list[Finding]:
    """What an author should mend and a reviewer should look at, in a text alone.

    Args:
        source: exactly one function, without decorators.
        own: parameters that take values of the caller's own: what is made of these alone tells nobody anything.
    Raises:
        InvalidCode: it is not that.
    """
    node = _only_function(source)
    names = _names_of(source, node)
    parameters, _ = _parameters(source, node)
    outside = [
        Finding(
            Kind.OUTSIDE_NAME,
            use.line,
            f"uses '{use.name}', which is not defined in the function: import it or define it inside, "
            "or pass it as an argument.",
            use.name,
        )
        for use in names.outside
    ]
    inputs = [one.name for one in parameters if one.name not in own]
    return [*outside, *review_source(source, parse(source), inputs)]


def review(submission: CodeSubmission) -> tuple[str, ...]:
    """What a reviewer should look at, a sentence each.

    Raises:
        InvalidCode: `check_submission` would refuse it.
    """
    policies = review_policies(submission)
    if not isinstance(submission.plan, msgspec.UnsetType):
        return (*lookalikes_in(submission.source), *findings_of(submission.plan), *_sentences(policies))
    return _sentences([*analyse(submission.source, own_parameters(submission)), *policies])


def _sentences(findings: Iterable[Finding]) -> tuple[str, ...]:
    """Findings as sentences: those that say the same of the same text are one; of each kind there are only so many."""
    found: dict[tuple[str, str], list[int]] = {}
    kept, more = bounded(findings)
    for one in kept:
        found.setdefault((one.where, one.text), []).append(one.line)
    left_out = (
        f"{count} more of the kind '{kind}': read all of it, or ask why." for kind, count in more.items()
    )
    said = (
        f"{where.capitalize()}, {_lines(lines).lower()}: {text}" if where else f"{_lines(lines)}: {text}"
        for (where, text), lines in found.items()
    )
    return (*said, *left_out)


def own_parameters(submission: CodeSubmission) -> frozenset[str]:
    """The parameters that take values of the caller's own, or constants. One without a rule is given what another
    function launches it with, which may be anything."""
    rules = submission.input_policy.rules.items()
    return frozenset(name for name, rule in rules if isinstance(rule, Constant | OfType | Given))


def check_name(name: str) -> None:
    """Raise unless a function of that name can be submitted.

    Raises:
        InvalidCode: it cannot.
    """
    if not name:
        raise InvalidCode("Function name cannot be empty.")
    if name == "<lambda>":
        raise InvalidCode(
            "Cannot use an anonymous function as a Syft function. Write it with `def` and a name."
        )
    if not name.isidentifier():
        raise InvalidCode(f"Function name '{name[:100]}' must be a valid Python identifier.")
    if keyword.iskeyword(name):
        raise InvalidCode(f"Function name '{name}' is a reserved Python keyword. Choose another.")
    if name.startswith("_"):
        raise InvalidCode(
            f"Function name '{name[:100]}' begins with an underscore; such names are not callable as "
            "`client.code.<name>`. Choose another."
        )
    if name in RESERVED_NAMES:
        raise InvalidCode(
            f"Could not create a Syft function with name '{name}': `client.code.{name}` already means something. "
            "Choose another name."
        )


def check_submission(submission: CodeSubmission) -> None:
    """Raise unless the submitted text stands alone and is what the rest of the submission says it is.

    Raises:
        InvalidCode: it does not; names every outside name with its line.
    """
    check_name(submission.name)
    check_policies(submission)
    if not isinstance(submission.plan, msgspec.UnsetType):
        _check_parameter_names(submission)
        check_planned(submission, submission.plan)
        _check_policy_names(submission)
        return
    node = _only_function(submission.source)
    if node.name != submission.name:
        raise InvalidCode(f"The source defines '{node.name}' and not '{submission.name}'.")
    if node.decorator_list:
        raise InvalidCode(
            f"'{node.name}' has a decorator (line {node.decorator_list[0].lineno}); take it off."
        )
    parameters, uses_datasite = _parameters(submission.source, node)
    if (parameters, uses_datasite) != (submission.parameters, submission.uses_datasite):
        raise InvalidCode(
            f"The parameters of '{node.name}' are ({_shown(parameters)}), not what was said with it: "
            f"({_shown(submission.parameters)}). Make the function again and submit that."
        )
    names = _names_of(submission.source, node)
    if names.outside:
        raise InvalidCode(_outside_text(node.name, names.outside, submission.source))
    launched = {use.name for use in names.launched}
    if launched != set(submission.nested):
        raise InvalidCode(
            f"'{node.name}' launches {_listed(launched)}, not {_listed(submission.nested)} as was said with it. "
            "Make the function again and submit that."
        )
    _check_policy_names(submission)


def digest(submission: CodeSubmission) -> str:
    """BLAKE3 over every field of a submission, 64 hex digits: the same however its dicts were put together."""
    return blake3(_DIGEST_CONTEXT + _canonical.encode(submission)).hexdigest()


def _check_parameter_names(submission: CodeSubmission) -> None:
    """Raise where a parameter has a name that a call has a meaning for."""
    for parameter in submission.parameters:
        if parameter.name in (*RESERVED_PARAMETERS, DATASITE):
            raise InvalidCode(
                f"The '{parameter.name}' parameter is not allowed for the plan '{submission.name}', since it means "
                "something in every call. Choose another name."
            )


def _check_policy_names(submission: CodeSubmission) -> None:
    """Rules must be about parameters that exist, and each renaming must be from a name to a ruled parameter."""
    known = {parameter.name for parameter in submission.parameters}
    unknown = set(submission.input_policy.rules) - known
    if unknown:
        raise InvalidCode(
            f"The input policy of '{submission.name}' names {_listed(unknown)}, but its parameters are "
            f"({_shown(submission.parameters)})."
        )
    targets = list(submission.renamed.values())
    if set(submission.renamed) & known or not set(targets) <= known or len(set(targets)) != len(targets):
        raise InvalidCode(f"The input names of '{submission.name}' do not match its parameters.")
    if any(not isinstance(submission.input_policy.rules.get(target), MustBe) for target in targets):
        raise InvalidCode(f"The input names of '{submission.name}' do not match its input policy.")


# Reading source


def _only_function(source: str) -> ast.FunctionDef:
    """The one function that the source defines.

    Raises:
        InvalidCode: it does not parse, or has anything else in it.
    """
    try:
        body = parse(source).body
        if body:
            # What only the next stage of Python finds: `nonlocal` without a variable, a parameter twice.
            symtable.symtable(source, "<function>", "exec")
    except SyntaxError as error:
        where = f"line {error.lineno}: " if error.lineno else ""
        raise InvalidCode(f"The function has a syntax error, {where}{error.msg}.") from None
    except (RecursionError, MemoryError):
        raise InvalidCode(
            "The function is nested too deeply to be read; split its longest expression."
        ) from None
    except ValueError as error:  # a null character; text that is not Unicode
        raise InvalidCode(f"The function's source is not text that Python can read: {error}.") from None
    if len(body) != 1 or not isinstance(body[0], ast.FunctionDef | ast.AsyncFunctionDef):
        raise InvalidCode(
            "The source must be exactly one function, and nothing beside it: put imports, helper functions and "
            "variables inside it."
        )
    node = body[0]
    if isinstance(node, ast.AsyncFunctionDef):
        raise InvalidCode(
            f"'{node.name}' is an async function. Write it with `def`; inside, `asyncio.run(...)` works."
        )
    return node


def _names_of(source: str, node: ast.FunctionDef) -> Names:
    """What the function says about names.

    Raises:
        InvalidCode: it declares a name global, or is a generator.
    """
    try:
        names = read_names(parse(source))
    except RecursionError:
        raise InvalidCode(
            "The function is nested too deeply to be read; split its longest expression."
        ) from None
    if names.declared_global:
        use = names.declared_global[0]
        raise InvalidCode(
            f"Your code contains a global variable, which is not allowed: line {use.line}, `global {use.name}`. "
            f"Define '{use.name}' in the function, and use `nonlocal` in functions inside it."
        )
    if names.yields:
        raise InvalidCode(
            f"'{node.name}' is a generator: line {names.yields[0]} has a `yield`. Return a list instead."
        )
    return names


def _parameters(source: str, node: ast.FunctionDef) -> tuple[tuple[Parameter, ...], bool]:
    """The parameters without `datasite`, and whether it was among them.

    Raises:
        InvalidCode: one that cannot be filled by its name.
    """
    arguments = node.args
    if arguments.posonlyargs:
        raise InvalidCode(f"'{node.name}' has positional-only parameters; take the `/` out.")
    for starred, stars in ((arguments.vararg, "*"), (arguments.kwarg, "**")):
        if starred is not None:
            raise InvalidCode(
                f"'{node.name}' takes {stars}{starred.arg}, but a policy can only speak of inputs that have names: "
                "write each out as a parameter of its own."
            )
    # Before anything is done for each of them; one more, since `datasite` does not count.
    if len(every_argument(arguments)) > MAX_PARAMETERS + 1:
        raise InvalidCode(f"'{node.name}' has more than {MAX_PARAMETERS} parameters.")
    with_default = {
        arg.arg
        for arg in arguments.args[len(arguments.args) - len(arguments.defaults) :]
        if arguments.defaults
    } | {arg.arg for arg, value in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True) if value}
    parameters = []
    lines = _LINE.findall(source)
    for arg in every_argument(arguments):
        if arg.arg in RESERVED_PARAMETERS:
            raise InvalidCode(
                f"The '{arg.arg}' parameter is not allowed for '{node.name}', since it is an option of every call. "
                "Choose another name."
            )
        annotation = _segment(lines, arg.annotation) if arg.annotation else ""
        parameters.append(Parameter(name=arg.arg, has_default=arg.arg in with_default, annotation=annotation))
    plain = tuple(parameter for parameter in parameters if parameter.name != DATASITE)
    return plain, len(plain) < len(parameters)


def _segment(lines: list[str], node: ast.expr) -> str:
    """The text of a node: `ast.get_source_segment`, which would split all of the source for each parameter."""
    assert node.end_lineno is not None
    assert node.end_col_offset is not None
    kept = [line.encode() for line in lines[node.lineno - 1 : node.end_lineno]]
    kept[-1] = kept[-1][: node.end_col_offset]
    kept[0] = kept[0][node.col_offset :]
    return b"".join(kept).decode()


def _outside_text(name: str, uses: Iterable[Use], source: str) -> str:
    lines = source.splitlines()
    seen: dict[str, Use] = {}
    for use in uses:
        seen.setdefault(use.name, use)
    listing = "".join(
        f"\n  line {use.line}: '{use.name}' in `{lines[use.line - 1].strip()[:100]}`" for use in seen.values()
    )
    return (
        f"'{name}' uses names that are not defined in it:{listing}\nImport modules inside the function, define "
        "helper functions and variables inside it, or pass them as arguments."
    )


def _shown(parameters: Iterable[Parameter]) -> str:
    return ", ".join(one.name + ("=..." if one.has_default else "") for one in parameters)


def _listed(names: Iterable[str]) -> str:
    return ", ".join(f"'{name}'" for name in sorted(names)) or "nothing"


def _lines(numbers: list[int]) -> str:
    """ "Line 3", or "Lines 3, 5"."""
    unique = sorted(set(numbers))
    return f"Line{'s' if len(unique) > 1 else ''} {', '.join(map(str, unique))}"


# The author's side


def _plain_function(function: Any) -> types.FunctionType:
    """The function as Python made it.

    Raises:
        InvalidCode: a method, a class, a built-in: anything not made by `def` at the top or in a function.
    """
    if isinstance(function, types.MethodType):
        raise InvalidCode(
            f"'{function.__name__}' is a method, which needs its object. Write a function instead."
        )
    if not isinstance(function, types.FunctionType):
        raise InvalidCode(
            f"A Syft function is made from a function written with `def`, not from {type(function).__name__}."
        )
    plain = inspect.unwrap(function)
    if not isinstance(plain, types.FunctionType):
        raise InvalidCode(f"'{function.__name__}' is not written in Python, so it cannot be sent.")
    owner = plain.__qualname__.rpartition(".")[0]
    if owner and not owner.endswith("<locals>"):
        raise InvalidCode(
            f"'{plain.__qualname__}' is defined in a class. Move it out and pass what it needs as arguments."
        )
    return plain


def _source_of(function: types.FunctionType) -> tuple[str, int, list[str]]:
    """The function's text alone, the author's line on which it begins, and decorators that are not ours.

    Raises:
        InvalidCode: there is no source, or it does not parse.
    """
    linecache.checkcache(function.__code__.co_filename)  # a file may have been edited since it was last read
    try:
        lines, start = inspect.getsourcelines(function)
        if function.__name__ not in "".join(lines):
            raise OSError("from Python 3.13 on, what exec made has the line that calls exec for a source")
    except (OSError, TypeError, IndexError):
        raise InvalidCode(
            f"The source of '{function.__name__}' cannot be found: a function typed at the >>> prompt or made by "
            "exec has none. Put it into a file or a notebook cell and run that."
        ) from None
    except (SyntaxError, RecursionError):  # the file was changed and no longer parses
        raise InvalidCode(_changed_text(function.__name__)) from None
    text = "".join(lines)
    indent = text[: len(text) - len(text.lstrip(" \t"))]
    shift = 1 if indent else 0
    try:
        tree = parse(("if 1:\n" if indent else "") + text)
    except SyntaxError as error:
        line = start + (error.lineno or 1) - 1 - shift
        raise InvalidCode(f"'{function.__name__}' has a syntax error, line {line}: {error.msg}.") from None
    node = next(
        (one for one in ast.walk(tree) if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef)), None
    )
    if node is None or node.end_lineno is None:
        raise InvalidCode(f"'{function.__name__}' must be written with `def`; a lambda cannot be sent.")
    kept = lines_inside_texts(node)
    body = [
        line if number in kept else line.removeprefix(indent)
        for number, line in enumerate(lines, start=1 + shift)
        if node.lineno <= number <= node.end_lineno
    ]
    source = "".join(body)
    decorators = [ast.unparse(one) for one in node.decorator_list if _name_of(one) not in _OUR_DECORATORS]
    return source.rstrip("\n") + "\n", start + node.lineno - 1 - shift, decorators


def _name_of(decorator: ast.expr) -> str:
    called = decorator.func if isinstance(decorator, ast.Call) else decorator
    return called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")


def _check_is_what_runs(function: types.FunctionType, node: ast.FunctionDef) -> None:
    """Raise when the text that was found is not that of the function: its file has been edited since.

    Raises:
        InvalidCode: they differ.
    """
    written = {arg.arg for arg in every_argument(node.args)}
    if node.name != function.__name__ or written != set(inspect.signature(function).parameters):
        raise InvalidCode(_changed_text(function.__name__))


def _changed_text(name: str) -> str:
    return f"The file of '{name}' has been changed since it was loaded. Run it again, and then this."


def _surroundings(function: types.FunctionType) -> dict[str, Any]:
    """What the function's free names mean where it was made."""
    around = dict(function.__globals__)
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        try:
            around[name] = cell.cell_contents
        except ValueError:  # a variable that has no value yet
            continue
    return around


def _explain(use: Use, around: Mapping[str, Any]) -> Finding:
    """What an outside name is, and what to do about it."""
    name = use.name
    value = around.get(name)
    if isinstance(value, types.ModuleType):
        module = value.__name__
        line = f"import {module}" if module == name else f"import {module} as {name}"
        text = f"uses the module '{name}', imported outside: write `{line}` inside the function."
    elif getattr(value, "is_syft_function", False):
        text = f"uses the Syft function '{name}': start it by `datasite.launch_job({name}, ...)`."
    elif isinstance(value, type):
        text = f"uses the class '{name}' from outside: import or define it inside the function."
    elif callable(value):
        text = f"uses the function '{name}' from outside: define it inside, or import it there."
    elif name in around:
        text = f"uses the variable '{name}' from outside: define it inside, or pass it as an argument."
    else:
        text = f"uses '{name}', which is not defined: define it inside, or pass it as an argument."
    return Finding(Kind.OUTSIDE_NAME, use.line, text, name)
