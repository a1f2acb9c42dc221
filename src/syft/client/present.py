"""This module makes the text and the HTML of everything a person sees; the only HTML in the library.

Whatever comes from others passes `clean` on its way into text and `_escape` on its way into HTML: names,
descriptions, source and values are data here, never markup and never terminal commands.
"""

from __future__ import annotations

import html
import sys
import traceback
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, ClassVar, Final

from syft.code.findings import written_out
from syft.code.review import is_invisible
from syft.errors import SyftException

MAX_ROWS: Final = 50
MAX_CELL: Final = 60
MAX_VALUE: Final = 5_000
_BAR: Final = 20
_PREVIEW_ROWS: Final = 10
_PREVIEW_COLUMNS: Final = 20
# Joiners are part of how Persian, Hindi and emoji are written; alone they do no harm on a line of text.
_JOINERS: Final = "\u200c\u200d"

_FONT: Final = "font-family:system-ui,sans-serif;font-size:13px;line-height:1.5"
_MONO: Final = "font-family:ui-monospace,monospace;font-size:12px;white-space:pre-wrap;overflow-wrap:anywhere"
_BORDER: Final = "border:1px solid rgba(128,128,128,.35);border-radius:4px"
_COLORS: Final = {"success": "46,160,67", "error": "218,54,51", "info": "56,139,253", "warning": "210,153,34"}


# Text

# What `wire` calls it.
PARTITIONED: Final = "syft.Partitioned"


def clean(text: object, *, joiners: bool = True) -> str:
    """The text with every character that cannot be seen written out, so that it can do nothing but be read.

    Args:
        text: from anybody.
        joiners: leave the zero-width joiners as they are; not in source code.
    """
    kept = _JOINERS if joiners else ""
    return "".join(
        written_out(char) if is_invisible(char) and char not in kept else char
        for char in str(text).replace("\r\n", "\n")
    )


def cell(text: object, width: int = MAX_CELL) -> str:
    """The text on one line of bounded width."""
    line = " ".join(clean(text).split())
    return line if len(line) <= width else line[: width - 1] + "…"


def when(time: datetime | None) -> str:
    """A time as people read it, in UTC."""
    return time.strftime("%Y-%m-%d %H:%M:%S") if time else ""


def clock(seconds: float) -> str:
    """A time as a clock shows it: minutes and seconds, with hours where there are any."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes:02}:{rest:02}"


def size(count: int) -> str:
    """A number of bytes as people read it."""
    amount = float(count)
    for unit in ("bytes", "KiB", "MiB", "GiB"):
        if amount < 1024 or unit == "GiB":
            return f"{count} bytes" if unit == "bytes" else f"{amount:.1f} {unit}"
        amount /= 1024
    raise AssertionError("unreachable")


def kind(type_name: str, shape: tuple[int, ...] | None) -> str:
    """What a value is that is elsewhere, as people read it: of a partitioned one, how many parts it has."""
    if type_name == PARTITIONED:
        return f"partitioned: {shape[0]} parts" if shape else "partitioned"
    return type_name


def value_text(value: Any) -> str:
    """A value as its type writes it, bounded."""
    try:
        text = repr(value) if not isinstance(value, str) else value
    except Exception as error:  # a value's own code: whatever is wrong with it, showing must go on
        text = f"<{type(value).__name__} that cannot be shown: {type(error).__name__}>"
    text = clean(text)
    return (
        text if len(text) <= MAX_VALUE else f"{text[:MAX_VALUE]}\n… ({len(text) - MAX_VALUE} characters more)"
    )


def _text_cell(one: object) -> str:
    return one.text() if isinstance(one, Bar) else cell(one)  # the gap in a bar is not a space between words


def text_table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Columns of text, as wide as what is in them."""
    lines = [[cell(column) for column in columns], *([_text_cell(one) for one in row] for row in rows)]
    widths = [max(len(line[at]) for line in lines) for at in range(len(columns))]
    return "\n".join(
        "  ".join(one.ljust(width) for one, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )


# HTML


def _escape(text: object, *, joiners: bool = True) -> str:
    return html.escape(clean(text, joiners=joiners), quote=True)


def _tag(name: str, style: str, inner: str) -> str:
    attribute = f' style="{style}"' if style else ""
    return f"<{name}{attribute}>{inner}</{name}>"


def _pre(text: object, *, joiners: bool = True) -> str:
    return _tag("pre", f"{_MONO};margin:4px 0", _escape(text, joiners=joiners))


@dataclass(frozen=True)
class Bar:
    """How far something is.

    Args:
        part: done, from 0 to 1.
        note: what to say beside it.
    """

    part: float
    note: str = ""

    def __str__(self) -> str:
        return self.text()

    def text(self) -> str:
        """For a terminal."""
        bar = ("█" * round(self.part * _BAR)).ljust(_BAR)
        return f"{self.part:4.0%} |{bar}| {clean(self.note)}".rstrip()

    def html(self) -> str:
        """For a notebook."""
        done = _tag("div", f"width:{self.part:.0%};height:100%;background:rgb({_COLORS['info']})", "")
        frame = f"{_BORDER};display:inline-block;width:120px;height:10px;overflow:hidden;margin-right:6px"
        return _tag(
            "span",
            "white-space:nowrap",
            _tag("div", frame, done) + _escape(f"{self.part:.0%} {self.note}".rstrip()),
        )


def _html_cell(one: object) -> str:
    return one.html() if isinstance(one, Bar) else _escape(one)


def _html_table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    padded = "padding:2px 10px;text-align:left;vertical-align:top"
    head = "".join(_tag("th", padded, _escape(column)) for column in columns)
    body = "".join(
        "<tr>" + "".join(_tag("td", padded, _html_cell(one)) for one in row) + "</tr>" for row in rows
    )
    table = f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody>"
    return _tag("div", "overflow-x:auto", _tag("table", "border-collapse:collapse", table))


def value_html(value: Any) -> str:
    """A value as HTML: the first rows of tables, text for the rest."""
    package = type(value).__module__.partition(".")[0]
    if package == "pandas" and type(value).__name__ in ("DataFrame", "Series"):
        frame = value.to_frame() if type(value).__name__ == "Series" else value
        part = frame.iloc[:_PREVIEW_ROWS, :_PREVIEW_COLUMNS]
        rows = [[index, *row] for index, row in zip(part.index, part.itertuples(index=False), strict=True)]
        note = _tag("div", "opacity:.7", _escape(f"{len(value)} rows × {frame.shape[1]} columns"))
        return _html_table(["", *map(str, part.columns)], rows) + note
    return _pre(value_text(value))


# Building blocks


@dataclass(frozen=True)
class Code:
    """Source, shown as it is."""

    source: str

    def text(self) -> str:
        """For a terminal."""
        return clean(self.source, joiners=False).rstrip()

    def html(self) -> str:
        """For a notebook."""
        return _tag("div", f"{_BORDER};padding:4px 8px", _pre(self.source.rstrip(), joiners=False))


@dataclass(frozen=True)
class Value:
    """A value, shown in part where it is large."""

    value: Any

    def text(self) -> str:
        """For a terminal."""
        return value_text(self.value)

    def html(self) -> str:
        """For a notebook."""
        return value_html(self.value)


@dataclass(frozen=True)
class Text:
    """Plain text of one or more lines."""

    content: str

    def text(self) -> str:
        """For a terminal."""
        return clean(self.content)

    def html(self) -> str:
        """For a notebook."""
        return _tag("div", "white-space:pre-wrap", _escape(self.content))


@dataclass(frozen=True)
class Table:
    """Rows of the same columns.

    Args:
        columns: their titles.
        rows: at most `MAX_ROWS` are shown.
        total: how many there are, where more than were fetched.
    """

    columns: tuple[str, ...]
    rows: Sequence[Sequence[object]]
    total: int | None = None

    def _shown(self) -> tuple[Sequence[Sequence[object]], str]:
        total = len(self.rows) if self.total is None else self.total
        shown = self.rows[:MAX_ROWS]
        return shown, f"… and {total - len(shown)} more" if total > len(shown) else ""

    def text(self) -> str:
        """For a terminal."""
        rows, more = self._shown()
        return "\n".join(filter(None, [text_table(self.columns, rows) if rows else "", more]))

    def html(self) -> str:
        """For a notebook."""
        rows, more = self._shown()
        cut = [[one if isinstance(one, Bar) else cell(one) for one in row] for row in rows]
        return (_html_table(self.columns, cut) if rows else "") + _escape(more)


Block = Code | Value | Text | Table | Bar


@dataclass(frozen=True, repr=False)
class Card:
    """One thing on a page: a title, facts, and larger parts under headings.

    Args:
        title: what it is.
        facts: label and text, a line each.
        blocks: heading and content; a heading may be empty.
    """

    title: str
    facts: Sequence[tuple[str, object]] = ()
    blocks: Sequence[tuple[str, Block]] = ()

    def text(self) -> str:
        """For a terminal."""
        lines = [clean(self.title), *(clean(f"{label}: {text}") for label, text in self.facts)]
        for heading, block in self.blocks:
            lines += filter(None, [clean(f"{heading}:") if heading else "", block.text()])
        return "\n".join(lines)

    def html(self) -> str:
        """For a notebook."""
        facts = "".join(
            _tag("div", "", f"<b>{_escape(label)}:</b> {_html_cell(text)}") for label, text in self.facts
        )
        blocks = "".join(
            (_tag("div", "margin-top:6px", f"<b>{_escape(heading)}:</b>") if heading else "") + block.html()
            for heading, block in self.blocks
        )
        title = _tag("div", "font-size:15px;font-weight:600", _escape(self.title))
        return _tag("div", f"{_FONT};{_BORDER};padding:8px 12px;margin:4px 0", title + facts + blocks)

    def __repr__(self) -> str:
        return self.text()

    def _repr_html_(self) -> str:
        return self.html()


class Shown:
    """Something with a card: the same content at a prompt, in `print` and in a notebook."""

    def _card(self) -> Card:
        raise NotImplementedError

    def __repr__(self) -> str:
        return self._card().text()

    def _repr_html_(self) -> str:
        return self._card().html()


def rows_of(items: Sequence[Mapping[str, object]], start: int = 0, total: int | None = None) -> Table:
    """A table of items that all have the same fields, numbered as they are indexed."""
    columns = ("", *items[0]) if items else ()
    rows = [[start + number, *item.values()] for number, item in enumerate(items)]
    return Table(tuple(columns), rows, total)


# Messages


class Notice:
    """A message for a person, in a box of its colour.

    Args:
        message: what to say.
        value: what it is about, for programs.
    """

    kind: ClassVar[str] = "info"

    def __init__(self, message: str, value: Any = None) -> None:
        self.message = message
        self.value = value

    def is_ok(self) -> bool:
        """Whether it tells of something that went well."""
        return self.kind != "error"

    def is_err(self) -> bool:
        """Whether it tells of something that went wrong."""
        return not self.is_ok()

    def __bool__(self) -> bool:
        return self.is_ok()

    def __str__(self) -> str:
        return f"{type(self).__name__}: {clean(self.message)}"

    __repr__ = __str__

    def _repr_html_(self) -> str:
        color = _COLORS[self.kind]
        style = (
            f"{_FONT};padding:6px 10px;margin:4px 0;border-left:4px solid rgb({color});"
            f"background:rgba({color},.12);white-space:pre-wrap"
        )
        return _tag("div", style, f"<b>{type(self).__name__}</b>: {_escape(self.message)}")


class SyftSuccess(Notice):
    """It is done."""

    kind = "success"


class SyftError(Notice):
    """It went wrong; shown, where raising would interrupt."""

    kind = "error"


class SyftInfo(Notice):
    """Something to know."""

    kind = "info"


class SyftWarning(Notice):
    """Something to look after."""

    kind = "warning"


class SyftNotReady(SyftError):
    """It is not there yet."""


# Saying


@dataclass
class UserSettings:
    """How this process speaks to its user.

    Args:
        quiet: print nothing of our own: no log-in lines, hints, warnings, progress bars.
    """

    quiet: bool = False


settings = UserSettings()


def say(what: Notice | str, end: str = "\n") -> None:
    """Tell a person something while the library works: the one place that prints.

    Args:
        what: a line as it is; or a notice, shown as a box in a notebook.
        end: printed after it.
    """
    if settings.quiet:
        return
    display = _notebook_display()
    if isinstance(what, Notice) and display is not None:
        display(what)
    else:
        print(clean(what), end=end)


def _shell() -> Any:
    """The IPython that runs here, or None. It is asked only where somebody has loaded it."""
    ask = getattr(sys.modules.get("IPython"), "get_ipython", None)
    return ask() if ask is not None else None


def _notebook_display() -> Any:
    """What shows rich content here, or None at a plain prompt."""
    shell = _shell()
    if shell is None or type(shell).__name__ == "TerminalInteractiveShell":
        return None
    return sys.modules["IPython.display"].display


def somebody_looks() -> bool:
    """Whether what moves, such as a bar, is seen by a person: in a notebook or on a terminal, unless we are quiet."""
    return not settings.quiet and (_notebook_display() is not None or sys.stderr.isatty())


# Errors in a notebook

_OURS: Final = str(Path(__file__).parent.parent) + "/"


def own_line(trace: TracebackType | None) -> str:
    """The last line of a person's own before the library's: where it is, and what it says."""
    frames = traceback.extract_tb(trace)
    first = next((at for at, one in enumerate(frames) if one.filename.startswith(_OURS)), len(frames))
    if first == 0:
        return ""
    frame = frames[first - 1]
    return f"line {frame.lineno}: {frame.line}" if frame.line else f"line {frame.lineno}"


def box_errors(shell: Any) -> None:
    """Have a notebook show an error of ours as a box with the person's own line, not as a page of our lines.

    `%tb` still shows all of it. A handler that somebody else has put there stays.

    Args:
        shell: IPython's; None where there is none.
    """
    if shell is None or getattr(shell, "custom_exceptions", None):
        return

    def show(
        _shell: Any, kind: type[BaseException], error: BaseException, trace: Any, tb_offset: int | None = None
    ) -> None:
        sys.last_type, sys.last_value, sys.last_traceback = kind, error, trace  # what `%tb` and `%debug` read
        place = own_line(trace)
        text = f"{kind.__name__}: {error}" + (f"\n  {place}" if place else "")
        box = SyftError(text)
        display = _notebook_display()
        if display is not None:
            display(box)
        else:
            print(box)

    shell.set_custom_exc((SyftException,), show)


box_errors(_shell())
