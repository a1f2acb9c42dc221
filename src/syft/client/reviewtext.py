"""This module shows strangers' source to whoever decides about it, with line numbers and findings beside the lines.

And what has changed since it was approved. Nothing in a source can look like one of our lines.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

import msgspec

from syft.client.present import Block, Card, Code, Shown, Text, cell, clean
from syft.code.difference import Line, compare, hunks
from syft.code.review import lines_of
from syft.model.messages.evidence import Noted, ReviewedText

# What is longer goes on in lines of its own, marked as such: where a window wraps it, it could pass for the next line.
_WIDTH: Final = 110
# On a card; `.lines` and `.texts` have all of it.
_LINES_SHOWN: Final = 600


class Reviewed(Shown):
    """One text with what was found in it.

    Args:
        text: what the node found.
        source: the text itself.
    """

    def __init__(self, text: ReviewedText, source: str) -> None:
        self._text = text
        self.source = source

    @property
    def role(self) -> str:
        """ "function", "launched function", "input policy" or "output policy"."""
        return self._text.role

    @property
    def name(self) -> str:
        """Of the function or class."""
        return self._text.name

    @property
    def version(self) -> int:
        """Of the code that it is in."""
        return self._text.version

    @property
    def digest(self) -> str:
        """Of the code that it is in, 64 hex digits."""
        return self._text.digest

    @property
    def findings(self) -> tuple[Noted, ...]:
        """What to look at, in order of lines."""
        return self._text.findings

    @property
    def left_out(self) -> dict[str, int]:
        """How many more findings there are, by their kind."""
        return self._text.left_out

    @property
    def lines(self) -> list[tuple[int, str, tuple[Noted, ...]]]:
        """Number, text and findings of each line."""
        beside: dict[int, list[Noted]] = {}
        for one in self.findings:
            beside.setdefault(one.line, []).append(one)
        numbered = enumerate((line.rstrip("\r\n") for line in lines_of(self.source)), start=1)
        return [(number, line, tuple(beside.get(number, ()))) for number, line in numbered]

    @property
    def title(self) -> str:
        """What it is, on a line."""
        return cell(f"{self.role} {self.name} (version {self.version})", 120)

    def to_dict(self) -> dict[str, Any]:
        """All of it as plain values."""
        return {
            "role": self.role,
            "name": self.name,
            "version": self.version,
            "digest": self.digest,
            "source": self.source,
            "findings": [msgspec.structs.asdict(one) for one in self.findings],
            "left_out": dict(self.left_out),
        }

    def shown(self) -> Iterator[str]:
        """Its lines as they are shown, findings below the lines they are about."""
        yield f"=== {self.title}"
        for one in self.findings:
            if one.line == 0:
                yield _beside(one)
        for number, line, findings in self.lines:
            yield from _numbered(f"{number:>5} |", line)
            for one in findings:
                yield _beside(one)
        for kind, count in self.left_out.items():
            yield f"    ! {count:,} more of the kind '{kind}'"

    def _card(self) -> Card:
        return Card(self.title, [], [("", Code("\n".join(self.shown())))])


class ReviewedCode(Shown):
    """All texts that would run.

    Args:
        texts: the function first.
    """

    def __init__(self, texts: Sequence[Reviewed]) -> None:
        self.texts = list(texts)

    def __getitem__(self, key: int | str) -> Reviewed:
        if isinstance(key, int):
            return self.texts[key]
        for one in self.texts:
            if one.name == key:
                return one
        raise KeyError(key)

    def __len__(self) -> int:
        return len(self.texts)

    def __iter__(self) -> Iterator[Reviewed]:
        return iter(self.texts)

    def block(self) -> Block:
        """All of it, as far as a card goes."""
        return Code(_first(line for one in self.texts for line in one.shown()))

    def _card(self) -> Card:
        lines = [line for one in self.texts for line in one.shown()]
        return Card("Code that would run", [], [("", Code("\n".join(lines)))])


class Difference(Shown):
    """Texts against those that were approved before, line by line.

    Args:
        pairs: what it is, the text as it was (None where the node did not send it), and as it is now.
    """

    def __init__(self, pairs: Sequence[tuple[str, str | None, str]]) -> None:
        self._texts: list[tuple[str, list[Line] | None]] = [
            (cell(title, 120), None if before is None else compare(before, after))
            for title, before, after in pairs
        ]

    def __bool__(self) -> bool:
        return bool(self._texts)

    @property
    def texts(self) -> dict[str, list[Line] | None]:
        """By text, all of its lines: sign, number before, number after, text. None where it was too long to be sent."""
        return dict(self._texts)

    @property
    def lines(self) -> list[Line]:
        """The lines that were added or taken away, in all texts."""
        return [line for _, lines in self._texts for line in lines or () if line.sign != " "]

    def to_dict(self) -> dict[str, Any]:
        """All lines that changed, as plain values."""
        return {
            title: None if lines is None else [line._asdict() for line in lines if line.sign != " "]
            for title, lines in self._texts
        }

    def shown(self) -> Iterator[str]:
        """The lines that changed, with some around them."""
        for title, lines in self._texts:
            yield f"=== {title}"
            if lines is None:
                yield "    ! it was too long to be sent along: read it with `client.code.get_by_id(...)`"
                continue
            for line in hunks(lines):
                if line.sign == "@":
                    yield "    ..."
                    continue
                yield from _numbered(f"{line.sign} {line.before or '':>5} {line.after or '':>5} |", line.text)

    def block(self) -> Block:
        """All of it, as far as a card goes."""
        return Code(_first(self.shown())) if self else Text("the texts are the same")

    def _card(self) -> Card:
        block = Code("\n".join(self.shown())) if self else Text("The texts are the same.")
        return Card("Changed since it was approved", [], [("", block)])


def _first(lines: Iterator[str]) -> str:
    shown: list[str] = []
    for line in lines:
        if len(shown) == _LINES_SHOWN:
            shown.append("... more: see `.code`, `.diff`")
            break
        shown.append(line)
    return "\n".join(shown)


def _numbered(margin: str, line: str) -> Iterator[str]:
    """A line behind its number; what goes on is marked, so that it cannot pass for another line."""
    text = clean(line, joiners=False).replace("\n", "\\u000a").replace("\t", "    ")
    yield f"{margin} {text[:_WIDTH]}"
    goes_on = " " * (len(margin) - 2) + "~|"
    for at in range(_WIDTH, len(text), _WIDTH):
        yield f"{goes_on} {text[at : at + _WIDTH]}"


def _beside(one: Noted) -> str:
    return f"    ! {cell(f'{one.kind}: {one.text}', 400)}"
