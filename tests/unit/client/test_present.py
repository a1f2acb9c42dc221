"""What people see: nothing that comes from others is markup, or a command to a terminal."""

from __future__ import annotations

import io
import sys
from datetime import UTC, datetime
from html.parser import HTMLParser
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from syft.client import present
from syft.client.pointer import Pointer
from syft.client.present import (
    Card,
    Code,
    SyftError,
    SyftInfo,
    SyftNotReady,
    SyftSuccess,
    SyftWarning,
    Table,
    Text,
    Value,
)
from syft.errors import InvalidInput, NotFound, SyftException
from syft.model.object import ValueRef
from syft.model.uid import UID

EVIL = "<script>alert(1)</script><img src=x onerror='a()'>\"'&\x1b[2J\u202e\rover"


class Tags(HTMLParser):
    """Which tags and attributes a text has."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


OURS = {"div", "b", "pre", "table", "thead", "tbody", "tr", "td", "th"}


def check_harmless(html: str) -> None:
    found = Tags(html)
    assert found.tags <= OURS
    assert found.attributes <= {"style"}
    assert found.open == [], "a tag is not closed"
    assert "\x1b" not in html
    assert "\u202e" not in html
    assert "\r" not in html


@pytest.mark.parametrize(
    "block",
    [
        Code(EVIL),
        Text(EVIL),
        Value(EVIL),
        Value({EVIL: [EVIL]}),
        Value(pd.DataFrame({EVIL: [EVIL, 1]}, index=[EVIL, "b"])),
        Value(pd.Series([EVIL], name=EVIL)),
        Value(np.array([EVIL])),
        Table((EVIL,), [[EVIL]] * 60, total=99),
    ],
)
def test_nothing_of_others_is_markup_or_a_terminal_command(block: Any) -> None:
    card = Card(EVIL, [(EVIL, EVIL)], [(EVIL, block), ("", block)])
    check_harmless(card.html())
    assert "\x1b" not in card.text().replace("\\u001b", "")
    assert "\u202e" not in card.text()
    assert "\r" not in card.text()


@pytest.mark.parametrize("kind", [SyftSuccess, SyftError, SyftInfo, SyftWarning, SyftNotReady])
def test_notices(kind: type[present.Notice]) -> None:
    notice = kind(EVIL, value=3)
    check_harmless(notice._repr_html_())
    assert str(notice).startswith(f"{kind.__name__}: <script>")
    assert "\x1b" not in str(notice)
    assert notice.message == EVIL
    assert notice.value == 3
    assert notice.is_err() is issubclass(kind, SyftError)
    assert bool(notice) is notice.is_ok() is not notice.is_err()


def test_emoji_and_joined_letters_stay_as_they_are() -> None:
    assert present.clean("👩\u200d🔬 می\u200cخواهم") == "👩\u200d🔬 می\u200cخواهم"
    assert present.clean("a\u200db", joiners=False) == "a\\u200db"
    # Four digits would leave the fifth behind, as if it had been written there.
    assert present.clean("a\U000e0041b") == "a\\U000e0041b"
    assert present.clean("two\r\nlines\n") == "two\nlines\n"


def test_tables_are_bounded() -> None:
    table = Table(("n",), [[number] for number in range(1000)])
    assert "… and 950 more" in table.text()
    assert "… and 950 more" in table.html()
    assert len(table.text().splitlines()) == present.MAX_ROWS + 2


def test_values_are_bounded() -> None:
    assert len(present.value_text(list(range(100_000)))) < present.MAX_VALUE + 100
    assert "1000 rows" in present.value_html(pd.DataFrame({"a": range(1000)}))
    assert present.value_html(pd.DataFrame({"a": range(1000)})).count("<tr>") == 11
    assert present.value_html(pd.DataFrame({str(n): [1] for n in range(1000)})).count("<th ") == 21


def test_a_value_that_cannot_be_shown_is_said() -> None:
    class Odd:
        def __repr__(self) -> str:
            raise RuntimeError("no")

    assert present.value_text(Odd()) == "<Odd that cannot be shown: RuntimeError>"


def test_text_tables_line_up() -> None:
    assert present.text_table(["a", "long name"], [["xyz", 1], ["x\ny", ""]]) == "a    long name\nxyz  1\nx y"


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0 bytes"), (1023, "1023 bytes"), (1536, "1.5 KiB"), (3 << 20, "3.0 MiB"), (5 << 40, "5120.0 GiB")],
)
def test_sizes(count: int, text: str) -> None:
    assert present.size(count) == text


def test_times() -> None:
    assert present.when(datetime(2024, 8, 2, 13, 1, 8, 99, tzinfo=UTC)) == "2024-08-02 13:01:08"
    assert present.when(None) == ""


# Saying


def test_a_line_and_a_notice(capsys: pytest.CaptureFixture[str]) -> None:
    present.say("Stopping x")
    present.say(SyftInfo("look"))
    assert capsys.readouterr().out == "Stopping x\nSyftInfo: look\n"


def test_quiet(capsys: pytest.CaptureFixture[str]) -> None:
    present.settings.quiet = True
    present.say("Stopping x")
    present.say(SyftInfo("look"))
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("shell", "boxed"), [("ZMQInteractiveShell", True), ("TerminalInteractiveShell", False)]
)
def test_a_notebook_gets_boxes(
    shell: str, boxed: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shown: list[object] = []
    running = type(shell, (), {})()
    ipython, display = ModuleType("IPython"), SimpleNamespace(display=shown.append)
    ipython.get_ipython = lambda: running  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    monkeypatch.setitem(sys.modules, "IPython.display", display)  # type: ignore[arg-type]
    notice = SyftInfo("look")
    present.say(notice)
    assert shown == ([notice] if boxed else [])
    assert ("look" in capsys.readouterr().out) is not boxed


def test_bytes_io_is_shown_without_being_read() -> None:
    buffer = io.BytesIO(b"png")
    assert "BytesIO" in present.value_text(buffer)
    assert buffer.tell() == 0


# Errors in a notebook


class Notebook:
    """As much of IPython's shell as is used."""

    def __init__(self, *custom: type[Exception]) -> None:
        self.custom_exceptions: tuple[type[Exception], ...] = custom
        self.handler: Any = None

    def set_custom_exc(self, kinds: tuple[type[Exception], ...], handler: Any) -> None:
        self.custom_exceptions, self.handler = kinds, handler

    def show(self, error: BaseException) -> None:
        assert isinstance(error, self.custom_exceptions)
        assert self.handler(self, type(error), error, error.__traceback__, tb_offset=None) is None


def last_names() -> tuple[object, ...]:
    return tuple(getattr(sys, name, None) for name in ("last_type", "last_value", "last_traceback"))


@pytest.fixture
def notebook(monkeypatch: pytest.MonkeyPatch) -> Notebook:
    for name in ("last_type", "last_value", "last_traceback"):
        monkeypatch.setattr(sys, name, None, raising=False)
    shell = Notebook()
    present.box_errors(shell)
    return shell


def caught(call: Any) -> SyftException:
    with pytest.raises(SyftException) as raised:
        call()
    return raised.value


def test_an_error_of_ours_is_shown_with_the_persons_own_line(
    notebook: Notebook, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[Any] = []
    monkeypatch.setattr(present, "_notebook_display", lambda: shown.append)
    error = caught(lambda: Pointer(UID()).get())  # this line is the person's own
    notebook.show(error)
    (box,) = shown
    assert isinstance(box, SyftError)
    first, second = box.message.splitlines()
    assert first.startswith("InvalidInput: This pointer belongs to no client")
    assert "this line is the person's own" in second
    assert second.strip().startswith("line ")
    assert last_names() == (InvalidInput, error, error.__traceback__)


def test_a_hostile_error_is_only_text(notebook: Notebook, monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[Any] = []
    monkeypatch.setattr(present, "_notebook_display", lambda: shown.append)
    notebook.show(NotFound(EVIL))
    assert shown[0].message == f"NotFound: {EVIL}"
    check_harmless(shown[0]._repr_html_())


def test_an_error_is_printed_where_nothing_is_displayed_and_quiet_does_not_hide_it(
    notebook: Notebook, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(present, "_notebook_display", lambda: None)
    present.settings.quiet = True
    notebook.show(NotFound("It is not there."))
    assert capsys.readouterr().out == "SyftError: NotFound: It is not there.\n"


def test_without_a_shell_or_beside_another_handler_nothing_is_installed() -> None:
    present.box_errors(None)
    taken = Notebook(KeyError)
    present.box_errors(taken)
    assert taken.handler is None
    assert taken.custom_exceptions == (KeyError,)


def test_the_line_of_an_error_that_passed_through_nothing_of_ours() -> None:
    def mine() -> None:
        raise NotFound("x")  # my own raise

    assert "# my own raise" in present.own_line(caught(mine).__traceback__)
    assert present.own_line(None) == ""


# Pointers


def test_a_pointer_to_what_does_not_decode_is_shown_all_the_same() -> None:
    ref = ValueRef(type_name="int", size=3, digest="0" * 64, inline=b"\xff\xff\xff")
    pointer = Pointer(UID(), ref=ref)
    assert repr(pointer).startswith("Pointer\na value that cannot be read here: ")
    check_harmless(pointer._repr_html_())
    with pytest.raises(SyftException):
        pointer.get()


def test_a_pointers_note_is_in_its_title() -> None:
    pointer = Pointer.to_value(3, note="computed on mock values")
    assert repr(pointer) == "Pointer (computed on mock values)\n3"
    assert "computed on mock values" in pointer._repr_html_()
    assert repr(Pointer.to_value(3)) == "Pointer\n3"
