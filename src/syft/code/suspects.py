"""This module points out what a text imports, calls and reaches for, by whatever name.

Files, network, processes, code that is not in the text, Python's inside, clocks and chance.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Final

from syft.code.aliases import Aliases, text_of
from syft.code.findings import Finding, Kind, short, words

_MODULES: Final[dict[str, Kind]] = {
    **dict.fromkeys(
        words(
            "aiohttp asyncio boto3 botocore ftplib fsspec gcsfs grpc http httpx imaplib nntplib paramiko poplib "
            "requests s3fs smtplib socket socketserver ssl telnetlib urllib urllib3 websocket websockets xmlrpc"
        ),
        Kind.NETWORK,
    ),
    **dict.fromkeys(
        words(
            "concurrent ctypes cffi fcntl mmap multiprocessing os posix pty resource signal subprocess sys threading "
            "_thread"
        ),
        Kind.PROCESS,
    ),
    **dict.fromkeys(words("fileinput glob pathlib shutil sqlite3 tempfile zipfile tarfile"), Kind.FILE),
    **dict.fromkeys(
        words(
            "builtins cloudpickle code codeop dill gc imp importlib inspect joblib marshal pickle pkgutil runpy "
            "shelve types"
        ),
        Kind.DYNAMIC,
    ),
    **dict.fromkeys(words("time timeit sched"), Kind.TIME),
    **dict.fromkeys(words("random secrets uuid"), Kind.RANDOM),
}
_CALLS: Final[dict[str, Kind]] = {
    **dict.fromkeys(["open", "io.open", "codecs.open"], Kind.FILE),
    **dict.fromkeys(["input", "breakpoint"], Kind.PROCESS),
    **dict.fromkeys(["eval", "exec", "compile", "__import__", "globals", "vars", "locals"], Kind.DYNAMIC),
    **dict.fromkeys(["operator.attrgetter", "operator.methodcaller", "pandas.eval"], Kind.DYNAMIC),
    **dict.fromkeys(
        words("datetime.datetime.now datetime.datetime.utcnow datetime.datetime.today datetime.date.today"),
        Kind.TIME,
    ),
    **dict.fromkeys(["hash", "id"], Kind.RANDOM),
}
# Of modules that have much else, by what their functions are called.
_BELOW: Final[dict[str, Kind]] = {
    "numpy.random.": Kind.RANDOM,
    "torch.rand": Kind.RANDOM,
    "os.urandom": Kind.RANDOM,
    "os.getrandom": Kind.RANDOM,
}
# Of those modules, what does nothing that somebody has to look at.
_HARMLESS: Final = ("os.path.", "sys.maxsize", "sys.float_info", "types.SimpleNamespace", "time.strftime")
# Methods of well-known libraries that read or write files, databases or addresses, by name alone: what they are
# called on is not known here.
_METHODS: Final = frozenset(
    words(
        "to_csv to_parquet to_pickle to_excel to_feather to_hdf to_json to_sql to_stata to_gbq read_csv read_parquet "
        "read_pickle read_excel read_feather read_hdf read_json read_sql read_sql_query read_table read_html "
        "tofile savetxt savez memmap fromfile loadtxt genfromtxt write_text write_bytes read_text read_bytes "
        "savefig imsave write_image write_html to_html to_markdown"
    )
)
_ABOUT: Final[dict[Kind, str]] = {
    Kind.FILE: "which can read or write files",
    Kind.NETWORK: "which can reach the network",
    Kind.PROCESS: "which can reach the system and other processes",
    Kind.DYNAMIC: "which can run code that is not in this text",
    Kind.TIME: "by which how long a run takes, or when it is, can decide or tell something",
    Kind.RANDOM: "which makes each run another: what you try on mocks is not what runs",
}
# Read by ordinary numerical code; anything else with two underscores reaches into Python itself.
_ORDINARY_DUNDERS: Final = frozenset({"__name__", "__init__", "__len__", "__version__", "__doc__"})
# By which everybody knows these modules. Another under such a name is there to be taken for it.
_NICKNAMES: Final = {
    "np": "numpy",
    "pd": "pandas",
    "plt": "matplotlib",
    "sns": "seaborn",
    "tf": "tensorflow",
    "sp": "scipy",
    "sk": "sklearn",
    "pl": "polars",
    "pa": "pyarrow",
    "dt": "datetime",
    **{name: name for name in words("numpy pandas math statistics json re datetime torch sklearn scipy")},
}
_MEANT: Final = frozenset(
    words(
        "print open eval exec compile getattr setattr len sum min max abs round sorted range zip map filter any all "
        "isinstance type int float str bool list dict set tuple enumerate"
    )
)
# As a key is, or code that was packed.
_OPAQUE_FROM: Final = 200


def suspects(nodes: list[ast.AST], aliases: Aliases) -> Iterator[Finding]:
    """What a text imports, calls and reaches for.

    Args:
        nodes: all nodes of the text.
        aliases: what its names stand for.
    """
    called = {id(node.func) for node in nodes if isinstance(node, ast.Call)}
    for node in nodes:
        match node:
            case ast.Import(names=names):
                for alias in names:
                    yield from _imported(node.lineno, alias.name, alias.name, alias.asname)
            case ast.ImportFrom(module=module, names=names):
                for alias in names:
                    yield from _imported(node.lineno, module or ".", alias.name, alias.asname, of=True)
            case ast.Call():
                yield from _called(node, aliases)
            case ast.Attribute(attr=name) if _is_internal(name):
                yield Finding(
                    Kind.INTERNALS, node.lineno, f"uses .{short(name)}, a part of Python's inside.", name
                )
            case ast.Name(id=name) if _is_internal(name):
                if name not in _CALLS:
                    yield Finding(
                        Kind.INTERNALS, node.lineno, f"uses {short(name)}, a part of Python's inside.", name
                    )
            case ast.Constant(value=str() | bytes() as value):
                yield from _opaque(node.lineno, value)
        if isinstance(node, ast.Name | ast.Attribute) and id(node) not in called:
            yield from _mentioned(node, aliases)
        yield from _renamed(node)


def _is_internal(name: str) -> bool:
    return name.startswith("__") and name.endswith("__") and name not in _ORDINARY_DUNDERS


def _kind_of(meant: str) -> Kind | None:
    """What a name with dots is about, where somebody should look at it."""
    if meant in _CALLS:
        return _CALLS[meant]
    for below, kind in _BELOW.items():
        if meant.startswith(below):
            return kind
    top, _, rest = meant.partition(".")
    if not rest or meant.startswith(_HARMLESS):
        return None
    return _MODULES.get(top)


def _imported(
    line: int, module: str, name: str, asname: str | None, *, of: bool = False
) -> Iterator[Finding]:
    kind = _MODULES.get(module.partition(".")[0], Kind.IMPORT)
    about = f", {_ABOUT[kind]}" if kind in _ABOUT else ""
    what = f"{short(name)} from {short(module)}" if of and kind is not Kind.IMPORT else short(module)
    if asname and kind is not Kind.IMPORT and asname != name:
        what += f" and calls it '{short(asname)}'"
    yield Finding(kind, line, f"imports {what}{about}.", module)
    if of and module in ("numpy", "torch") and (nested := _kind_of(f"{module}.{name}.")):
        yield Finding(nested, line, f"imports {short(name)} from {module}, {_ABOUT[nested]}.", module)
    known = _NICKNAMES.get(asname or "")
    whole = f"{module}.{name}" if of else module
    if known is not None and known not in (module.partition(".")[0], name, whole):
        yield Finding(
            Kind.RENAMED,
            line,
            f"calls {short(whole)} '{asname}', the name by which everybody knows {known}.",
            asname or "",
        )


def _called(node: ast.Call, aliases: Aliases) -> Iterator[Finding]:
    line, func = node.lineno, node.func
    meant = aliases.of(func)
    if meant in ("getattr", "setattr", "delattr", "hasattr"):
        yield from _by_name(node, meant)
        return
    written = _written(func)
    kind = _kind_of(meant)
    if kind is not None:
        what = f"{short(written)}()" if written == meant else f"{short(written)}(), which is {short(meant)}"
        yield Finding(kind, line, f"calls {what}, {_ABOUT[kind]}.", meant)
    elif isinstance(func, ast.Attribute) and func.attr in _METHODS:
        yield Finding(Kind.FILE, line, f"calls .{func.attr}(), {_ABOUT[Kind.FILE]}.", func.attr)
    elif isinstance(func, ast.Attribute) and func.attr in ("eval", "query") and node.args:
        if not text_of(node.args[0]):
            about = f"calls .{func.attr}() with a text that is made as it runs, {_ABOUT[Kind.DYNAMIC]}."
            yield Finding(Kind.DYNAMIC, line, about, func.attr)
    elif meant in _MEANT and written != meant:
        yield Finding(Kind.RENAMED, line, f"calls {short(written)}(), which is {meant}().", meant)
    elif isinstance(func, ast.Subscript):
        about = "calls what a place in something holds: no name says what that does."
        yield Finding(Kind.DYNAMIC, line, about)


def _by_name(node: ast.Call, meant: str) -> Iterator[Finding]:
    """An attribute that is looked up by a text."""
    name = text_of(node.args[1]) if len(node.args) > 1 else ""
    if not name:
        about = f"calls {meant}() with a name that is made as it runs: it can be any."
        yield Finding(Kind.DYNAMIC, node.lineno, about, meant)
    elif _is_internal(name):
        about = f"uses .{short(name)} (by {meant}()), a part of Python's inside."
        yield Finding(Kind.INTERNALS, node.lineno, about, name)
    elif not isinstance(node.args[1], ast.Constant):
        about = f"calls {meant}() with a name put together from parts: it is '{short(name)}'."
        yield Finding(Kind.DYNAMIC, node.lineno, about, name)


def _mentioned(node: ast.Name | ast.Attribute, aliases: Aliases) -> Iterator[Finding]:
    """What is handed on instead of being called here: `map(eval, texts)`, `run = os.system`."""
    if not isinstance(node.ctx, ast.Load):
        return
    meant = aliases.of(node)
    kind = _CALLS.get(meant)
    if kind is not None and meant not in ("id", "hash", "input"):
        yield Finding(kind, node.lineno, f"hands {short(meant)} on, {_ABOUT[kind]}.", meant)


def _written(func: ast.expr) -> str:
    """What is called, as it is written; empty where that is no name."""
    parts: list[str] = []
    for _ in range(12):
        match func:
            case ast.Attribute(value=value, attr=attr):
                parts.append(attr)
                func = value
            case ast.Name(id=name):
                return ".".join([name, *reversed(parts)])
            case _:
                break
    return "." + ".".join(reversed(parts)) if parts else ""


def _renamed(node: ast.AST) -> Iterator[Finding]:
    """Names that everybody knows, given another meaning."""
    match node:
        case ast.FunctionDef(name=name, lineno=line) | ast.ClassDef(name=name, lineno=line):
            pass
        case ast.Name(id=name, ctx=ast.Store(), lineno=line) | ast.arg(arg=name, lineno=line):
            pass
        case _:
            return
    if name in _MEANT:
        yield Finding(Kind.RENAMED, line, f"gives the name '{name}' another meaning than Python's.", name)


def _opaque(line: int, value: str | bytes) -> Iterator[Finding]:
    if len(value) >= _OPAQUE_FROM and not any(char.isspace() for char in _text(value)):
        about = f"has a text of {len(value):,} characters that nobody can read: ask what is in it."
        yield Finding(Kind.OPAQUE, line, about)


def _text(value: str | bytes) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else value
