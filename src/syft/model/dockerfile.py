"""This module reads what a Dockerfile asks for, as far as it asks for nothing but Python packages.

Nothing of it is ever run here, and no line is passed over that would have meant something: what is not understood is
refused, with its line. A Dockerfile that needs more than packages needs a container runtime.
"""

from __future__ import annotations

import re
import shlex
from typing import Final, NamedTuple

from syft.errors import InvalidInput
from syft.model.packages import check_package

DOCKERFILE_CHARS_MAX: Final = 64 * 1024
# Base images that stand for a plain Python, or for the server's own environment under the names it has had.
_PYTHON: Final = re.compile(
    r"(?:library/)?python(?::(3\.\d{1,3})(?:\.\d{1,3})?(?:-[\w.-]+)?|:3(?:-[\w.-]+)?|:latest)?", re.ASCII
)
_OWN: Final = re.compile(
    r"(?:openmined/)?(?:syft-(?:base|backend|worker)[\w-]*|datasite)(?::[\w.-]+)?", re.ASCII
)
_IMAGE_MAX: Final = 200
# Words about the image and not about what is in it.
_NOTHING: Final = frozenset({"LABEL", "MAINTAINER", "WORKDIR", "USER", "EXPOSE"})
_INSTALLERS: Final = (
    ("pip", "install"),
    ("pip3", "install"),
    ("python", "-m", "pip", "install"),
    ("python3", "-m", "pip", "install"),
    ("uv", "pip", "install"),
)
# What is so here in any case, or means nothing here.
_FLAGS: Final = frozenset(
    {
        "--no-cache-dir",
        "--no-cache",
        "--upgrade",
        "-U",
        "--quiet",
        "-q",
        "--system",
        "--user",
        "--disable-pip-version-check",
        "--no-input",
        "--only-binary=:all:",
    }
)
_NEEDS_MORE: Final = (
    "Here a worker's environment is a set of Python packages: FROM a Python image, and RUN pip install ... with names "
    "and versions. Anything else needs a container runtime."
)


class Asked(NamedTuple):
    """What a Dockerfile asks for.

    Args:
        packages: as written there, each once, sorted.
        python: the version of Python that it begins with, such as "3.11"; empty where it does not say.
    """

    packages: tuple[str, ...]
    python: str


def read_dockerfile(text: str) -> Asked:
    """What a Dockerfile asks for.

    Raises:
        InvalidInput: it asks for more than Python packages; the text names the line.
    """
    if len(text) > DOCKERFILE_CHARS_MAX:
        raise InvalidInput(f"A Dockerfile has at most {DOCKERFILE_CHARS_MAX} characters.")
    packages: set[str] = set()
    python: list[str] = []
    for number, line in _instructions(text):
        word, _, rest = line.partition(" ")
        instruction, rest = word.upper(), rest.strip()
        if instruction == "FROM" and not python:
            python.append(_base(number, rest))
        elif instruction == "RUN" and python:
            packages.update(_installed(number, rest))
        elif instruction not in _NOTHING or not python:
            raise _refusal(number, line)
    if not python:
        raise InvalidInput(f"A Dockerfile begins with FROM. {_NEEDS_MORE}")
    return Asked(tuple(sorted(packages)), python[0])


def is_own(tag: str) -> bool:
    """Whether an image of that name stands for the server's own environment: it was in such a one in its time."""
    return len(tag) <= _IMAGE_MAX and _OWN.fullmatch(tag) is not None


def _instructions(text: str) -> list[tuple[int, str]]:
    """Each instruction on one line, with the number of the line it begins on."""
    found: list[tuple[int, str]] = []
    begun, kept = 0, ""
    for number, line in enumerate(text.splitlines(), 1):
        stripped = line.strip()
        # Comments may stand between the lines of one instruction.
        if not stripped or stripped.startswith("#"):
            # These two change how all that follows is read.
            if re.match(r"#\s*(escape|syntax)\s*=", stripped, re.IGNORECASE):
                raise _refusal(number, stripped)
            continue
        begun = begun or number
        if stripped.endswith("\\"):
            kept += stripped[:-1] + " "
            continue
        found.append((begun, kept + stripped))
        begun, kept = 0, ""
    if kept:
        found.append((begun, kept.strip()))
    return found


def _base(number: int, image: str) -> str:
    """The version of Python of a base image."""
    if len(image) <= _IMAGE_MAX:
        python = _PYTHON.fullmatch(image)
        if python is not None:
            return python[1] or ""
        if is_own(image):
            return ""
    raise _refusal(number, f"FROM {image}")


def _installed(number: int, command: str) -> list[str]:
    """The packages that a command installs."""
    # A shell would read these as more than words; `&&` alone stands between commands.
    if re.search(r"[$`;|<>(){}*?~\n]|(?<!&)&(?!&)", re.sub(r"(['\"])[^'\"$`\\]*\1", "", command)):
        # A version without quotes, `numpy>=2`, is a redirection to a shell: as little what was meant there as here.
        raise _refusal(number, f"RUN {command}")
    packages: list[str] = []
    for one in command.split("&&"):
        try:
            words = shlex.split(one)
        except ValueError:
            raise _refusal(number, f"RUN {command}") from None
        installer = next((known for known in _INSTALLERS if tuple(words[: len(known)]) == known), None)
        if installer is None:
            raise _refusal(number, f"RUN {command}")
        for word in words[len(installer) :]:
            if word in _FLAGS:
                continue
            try:
                packages.append(check_package(word))
            except InvalidInput as error:
                raise InvalidInput(f"Line {number} of the Dockerfile: {error.public_message}") from None
    return packages


def _refusal(number: int, line: str) -> InvalidInput:
    return InvalidInput(f"Line {number} of the Dockerfile, '{line[:100]}', is not understood. {_NEEDS_MORE}")
