"""This module says which words name a Python package, and of which version; nothing else ever reaches an installer.

To an installer a word can be an option, a file, a folder or an address: `-r /etc/passwd`, `../mine`, `git+https://...`,
`name @ file:///...`. Here it is a name and versions.
"""

from __future__ import annotations

import re
from typing import Final

from syft.errors import InvalidInput

PACKAGES_MAX: Final = 200
_CHARS_MAX: Final = 200
_NAME: Final = r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?"
_VERSION: Final = r"(?:===|==|~=|!=|<=|>=|<|>)\s*[A-Za-z0-9](?:[A-Za-z0-9.+!_-]*[A-Za-z0-9])?(?:\.\*)?"
_PACKAGE: Final = re.compile(
    rf"({_NAME})\s*(?:\[\s*({_NAME}(?:\s*,\s*{_NAME})*)\s*\])?\s*({_VERSION}(?:\s*,\s*{_VERSION})*)?",
    re.ASCII,
)
# Under these names this very program is known; its environment has it already, and has it in one version.
_OURS: Final = frozenset({"datasite", "syft"})


def check_package(text: str) -> str:
    """A package and its versions, in the one form in which they are kept: "scikit-learn[extra]>=1.5,<2".

    Raises:
        InvalidInput: it is something else.
    """
    match = _PACKAGE.fullmatch(text.strip()) if len(text) <= _CHARS_MAX else None
    if match is None:
        raise InvalidInput(
            f"'{text[:100]}' is not the name of a Python package with versions, such as 'humanize' or "
            "'scikit-learn>=1.5,<2'. Options, addresses and paths are not taken."
        )
    name, extras, versions = match.groups()
    name = canonical_name(name)
    if name in _OURS:
        raise InvalidInput(f"'{name}' is the server's own, and is in every worker's environment already.")
    said = f"[{','.join(sorted(canonical_name(one.strip()) for one in extras.split(',')))}]" if extras else ""
    return name + said + ",".join("".join(one.split()) for one in (versions or "").split(",") if one)


def canonical_name(name: str) -> str:
    """A package's name as indexes compare them: `Scikit_Learn` is `scikit-learn`."""
    return re.sub(r"[-_.]+", "-", name).lower()


def check_packages(packages: tuple[str, ...]) -> tuple[str, ...]:
    """All of them in their one form, each once, sorted.

    Raises:
        InvalidInput: one is something else, or there are too many.
    """
    if len(packages) > PACKAGES_MAX:
        raise InvalidInput(f"A worker's environment is asked for with at most {PACKAGES_MAX} packages.")
    return tuple(sorted({check_package(one) for one in packages}))
