"""This module points out what a reviewer of a function should look at. It forbids nothing: the sandbox does."""

from __future__ import annotations

import ast
import io
import tokenize
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from typing import Final


class Kind(Enum):
    """What a finding is about."""

    OUTSIDE_NAME = "outside name"
    DECORATOR = "decorator"
    IMPORT = "import"
    FILE = "file"
    NETWORK = "network"
    PROCESS = "process"
    DYNAMIC = "dynamic code"
    INTERNALS = "internals"
    INVISIBLE = "invisible character"
    LOOKALIKE = "lookalike name"
    PRINT = "print"
    RETURN = "return"


@dataclass(frozen=True)
class Finding:
    """One thing about a function that somebody should know.

    Args:
        kind: what it is about.
        line: in the source, from 1.
        text: a sentence: what it is, and what to do or to think of.
        name: the name it is about, where there is one.
    """

    kind: Kind
    line: int
    text: str
    name: str = ""


def _words(text: str) -> list[str]:
    """Names, written with spaces between."""
    return text.split()


_MODULES: Final[dict[str, Kind]] = {
    **dict.fromkeys(
        _words(
            "aiohttp asyncio boto3 botocore ftplib fsspec gcsfs grpc http httpx imaplib nntplib paramiko poplib "
            "requests s3fs smtplib socket socketserver ssl telnetlib urllib urllib3 websocket websockets xmlrpc"
        ),
        Kind.NETWORK,
    ),
    **dict.fromkeys(
        _words(
            "concurrent ctypes cffi fcntl mmap multiprocessing os posix pty resource signal subprocess sys threading "
            "_thread"
        ),
        Kind.PROCESS,
    ),
    **dict.fromkeys(_words("fileinput glob pathlib shutil sqlite3 tempfile zipfile tarfile"), Kind.FILE),
    **dict.fromkeys(
        _words(
            "builtins cloudpickle code codeop dill gc imp importlib inspect joblib marshal pickle pkgutil runpy "
            "shelve types"
        ),
        Kind.DYNAMIC,
    ),
}
_CALLS: Final[dict[str, Kind]] = {
    **dict.fromkeys(["open"], Kind.FILE),
    **dict.fromkeys(["input", "breakpoint"], Kind.PROCESS),
    **dict.fromkeys(["eval", "exec", "compile", "__import__", "globals", "vars", "locals"], Kind.DYNAMIC),
}
# Methods of well-known libraries that read or write files, databases or addresses, by name alone: what they are
# called on is not known here.
_METHODS: Final = frozenset(
    _words(
        "to_csv to_parquet to_pickle to_excel to_feather to_hdf to_json to_sql to_stata to_gbq read_csv read_parquet "
        "read_pickle read_excel read_feather read_hdf read_json read_sql read_sql_query read_table read_html "
        "tofile savetxt savez memmap fromfile loadtxt genfromtxt write_text write_bytes read_text read_bytes"
    )
)
_ABOUT: Final[dict[Kind, str]] = {
    Kind.FILE: "which can read or write files",
    Kind.NETWORK: "which can reach the network",
    Kind.PROCESS: "which can reach the system and other processes",
    Kind.DYNAMIC: "which can run code that is not in this text",
}
# Read by ordinary numerical code; anything else with two underscores reaches into Python itself.
_ORDINARY_DUNDERS: Final = frozenset({"__name__", "__init__", "__len__", "__version__", "__doc__"})


def review_source(source: str, tree: ast.Module, parameters: Iterable[str]) -> list[Finding]:
    """What a reviewer should look at, in order of lines.

    Args:
        source: the text.
        tree: the same, parsed.
        parameters: names of the function's inputs.
    """
    found = [*_characters(source), *_lookalikes(source)]
    inputs = frozenset(parameters)
    for node in ast.walk(tree):
        found += _look_at(node, inputs)
    return sorted(found, key=lambda finding: (finding.line, finding.kind.value))


def is_invisible(char: str) -> bool:
    """Whether a character has no mark of its own on paper, or turns the direction of those around it.

    Source:
        Boucher and Anderson 2021, "Trojan Source": code that reads otherwise than it runs.
    """
    return char not in "\n\t" and (
        unicodedata.category(char) in ("Cc", "Cf", "Co", "Cn", "Cs", "Zl", "Zp")
        or (char != " " and char.isspace())
        or char in "\u115f\u1160\u3164\uffa0\u2800"  # letters and symbols that are drawn as nothing
    )


def _characters(source: str) -> list[Finding]:
    found = []
    # A return alone ends a line for Python, while it sends a terminal back over what it has shown.
    for number, line in enumerate(source.replace("\r\n", "\n").split("\n"), start=1):
        for char in sorted({char for char in line if is_invisible(char)}):
            name = unicodedata.name(char, "a control character")
            found.append(
                Finding(
                    Kind.INVISIBLE,
                    number,
                    f"has the invisible character U+{ord(char):04X} ({name}): what you read may not be what runs.",
                )
            )
    return found


def _lookalikes(source: str) -> list[Finding]:
    """Names with letters outside ASCII: a Cyrillic "a" in one place makes two names that read the same."""
    found: dict[str, Finding] = {}
    try:
        # Python folds some of these letters when it parses, so that they can be seen in the text only.
        for token in tokenize.generate_tokens(io.StringIO(source).readline):
            if token.type == tokenize.NAME and not token.string.isascii():
                odd = next(char for char in token.string if not char.isascii())
                found.setdefault(
                    token.string,
                    Finding(
                        Kind.LOOKALIKE,
                        token.start[0],
                        f"uses the name '{token.string}', in which '{odd}' is {unicodedata.name(odd, 'not ASCII')}: "
                        "it may look like another name.",
                        token.string,
                    ),
                )
    except (tokenize.TokenError, SyntaxError):
        return list(found.values())  # what does not parse is refused elsewhere
    return list(found.values())


def lookalikes_in(source: str) -> tuple[str, ...]:
    """What a reviewer should look at among the names of a text that is not itself run, a sentence each."""
    return tuple(f"line {one.line}: {one.text}" for one in _lookalikes(source))


def _look_at(node: ast.AST, inputs: frozenset[str]) -> list[Finding]:
    match node:
        case ast.Import(names=names):
            return [_import(node.lineno, alias.name) for alias in names]
        case ast.ImportFrom(module=module):
            return [_import(node.lineno, module or ".")]
        case ast.Return(value=ast.Name(id=name)) if name in inputs:
            return [Finding(Kind.RETURN, node.lineno, f"returns the input '{name}' as it is.", name)]
        case ast.Call(func=ast.Name(id="print")):
            return _print(node, inputs)
        case ast.Call(func=ast.Name(id=name)) if name in _CALLS:
            return [Finding(_CALLS[name], node.lineno, f"calls {name}(), {_ABOUT[_CALLS[name]]}.", name)]
        case ast.Call(func=ast.Attribute(attr=name)) if name in _METHODS:
            return [Finding(Kind.FILE, node.lineno, f"calls .{name}(), {_ABOUT[Kind.FILE]}.", name)]
        case ast.Attribute(attr=name) if _is_internal(name):
            return [Finding(Kind.INTERNALS, node.lineno, f"uses .{name}, a part of Python's inside.", name)]
        case ast.Name(id=name) if _is_internal(name):
            return [Finding(Kind.INTERNALS, node.lineno, f"uses {name}, a part of Python's inside.", name)]
        case _:
            return []


def _is_internal(name: str) -> bool:
    return name.startswith("__") and name.endswith("__") and name not in _ORDINARY_DUNDERS


def _import(line: int, module: str) -> Finding:
    kind = _MODULES.get(module.partition(".")[0], Kind.IMPORT)
    about = f", {_ABOUT[kind]}" if kind in _ABOUT else ""
    return Finding(kind, line, f"imports {module}{about}.", module)


def _print(call: ast.Call, inputs: frozenset[str]) -> list[Finding]:
    used = {node.id for node in ast.walk(call) if isinstance(node, ast.Name)} & inputs
    return [
        Finding(Kind.PRINT, call.lineno, f"prints something made of the input '{name}'.", name)
        for name in sorted(used)
    ]
