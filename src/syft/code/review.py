"""This module points out what a reviewer of a function should look at. It forbids nothing: the sandbox does."""

from __future__ import annotations

import ast
import io
import re
import tokenize
import unicodedata
from collections.abc import Iterable, Iterator
from typing import Final

from syft.code.aliases import Aliases
from syft.code.findings import Finding as Finding
from syft.code.findings import Kind as Kind
from syft.code.findings import short
from syft.code.flows import goes_out
from syft.code.returned import comes_back
from syft.code.suspects import suspects

# As Python ends lines: a return alone ends one, too, while it sends a terminal back over what it has shown.
_LINE: Final = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")
_WORD: Final = re.compile(r"[^\W\d_]{2,}")
# So far to the right nobody looks, and so many spaces put something there.
_WIDE: Final = 200
_GAP: Final = re.compile(r"\S[ \t]{30,}\S")
_FAR: Final = re.compile(r"[ \t]{100,}\S")
_SCRIPTS: Final = (
    "LATIN",
    "CYRILLIC",
    "GREEK",
    "ARMENIAN",
    "CHEROKEE",
    "COPTIC",
    "FULLWIDTH",
    "MATHEMATICAL",
)
# Which characters are taken for which.
_TAKEN_FOR: Final = str.maketrans({"1": "l", "I": "l", "0": "O", "5": "S"})
_ALIKE_FROM: Final = 4


def review_source(source: str, tree: ast.Module, parameters: Iterable[str]) -> list[Finding]:
    """What a reviewer should look at, in order of lines, each said once a line. In linear time, whatever the source.

    Args:
        source: the text.
        tree: the same, parsed.
        parameters: names of the function's inputs that are not its caller's own values.
    """
    inputs = frozenset(parameters)
    nodes = list(ast.walk(tree))
    aliases = Aliases(nodes)
    found = dict.fromkeys(
        [
            *_characters(source),
            *_lookalikes(source),
            *_layout(source),
            *suspects(nodes, aliases),
            *goes_out(tree, aliases, inputs),
            *comes_back(nodes, aliases, inputs),
        ]
    )
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


def lines_of(source: str) -> list[str]:
    """The lines of a source as Python counts them, each with its end."""
    return _LINE.findall(source)


def _characters(source: str) -> Iterator[Finding]:
    for number, line in enumerate(lines_of(source), start=1):
        if line.isascii() and line.isprintable():
            continue
        text = line.removesuffix("\n").removesuffix("\r") if line.endswith("\r\n") else line
        for char in sorted({char for char in text if is_invisible(char)}):
            name = unicodedata.name(char, "a control character")
            yield Finding(
                Kind.INVISIBLE,
                number,
                f"has the invisible character U+{ord(char):04X} ({name}): what you read may not be what runs.",
            )


def _layout(source: str) -> Iterator[Finding]:
    """What stands where nobody looks."""
    for number, line in enumerate(lines_of(source), start=1):
        gap = _GAP.search(line) if len(line) > 30 else None
        if gap is not None or (len(line) > 100 and _FAR.match(line)):
            yield Finding(
                Kind.LAYOUT, number, "has something far to the right of the rest: scroll there, and read it."
            )
        elif len(line) > _WIDE:
            yield Finding(
                Kind.LAYOUT,
                number,
                f"is {len(line):,} characters long: scroll to its end, and read all of it.",
            )


def _lookalikes(source: str) -> Iterator[Finding]:
    """Names with letters outside ASCII: a Cyrillic "a" in one place makes two names that read the same. Words in texts
    and remarks that mix scripts; and names that differ in what looks the same in ASCII."""
    said: set[str] = set()
    alike: dict[str, str] = {}
    try:
        # Python folds some of these letters when it parses, so that they can be seen in the text only.
        for token in tokenize.generate_tokens(io.StringIO(source).readline):
            word, line = token.string, token.start[0]
            if token.type == tokenize.NAME and word not in said:
                said.add(word)
                if not word.isascii():
                    odd = next(char for char in word if not char.isascii())
                    yield Finding(
                        Kind.LOOKALIKE,
                        line,
                        f"uses the name '{short(word)}', in which '{odd}' is {unicodedata.name(odd, 'not ASCII')}: "
                        "it may look like another name.",
                        word,
                    )
                other = alike.setdefault(word.translate(_TAKEN_FOR), word)
                if other != word and len(word) >= _ALIKE_FROM:
                    yield Finding(
                        Kind.LOOKALIKE,
                        line,
                        f"uses the name '{short(word)}' beside '{short(other)}': they look alike, and are two.",
                        word,
                    )
            elif token.type in (tokenize.STRING, tokenize.COMMENT) and not word.isascii():
                yield from _mixed(word, line)
    except (tokenize.TokenError, SyntaxError):
        return  # what does not parse is refused elsewhere


def _mixed(text: str, line: int) -> Iterator[Finding]:
    """Words whose letters are of several scripts: a column that is called so is not the one that you read."""
    at, counted = line, 0
    for found in _WORD.finditer(text):
        word = found[0]
        if word.isascii():
            continue
        at += text.count("\n", counted, found.start())
        counted = found.start()
        scripts = {name for char in word if (name := _script(char))}
        if len(scripts) > 1:
            odd = next(char for char in word if not char.isascii())
            yield Finding(
                Kind.LOOKALIKE,
                at,
                f"has the word '{short(word)}', in which '{odd}' is {unicodedata.name(odd, 'not ASCII')}, among "
                "letters of another script: it may look like another word.",
                word,
            )


def _script(char: str) -> str:
    name = unicodedata.name(char, "")
    return next((script for script in _SCRIPTS if name.startswith(script)), "")


def lookalikes_in(source: str) -> tuple[str, ...]:
    """What a reviewer should look at among the names of a text that is not itself run, a sentence each."""
    return tuple(f"line {one.line}: {one.text}" for one in _lookalikes(source))
