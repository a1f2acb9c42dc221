"""What a worker image may be asked for, and every word that is refused before an installer sees it."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from syft.errors import InvalidInput
from syft.model.dockerfile import read_dockerfile
from syft.model.image import IMAGE_MOVES, ImageConfig, ImageState, WorkerImage, moved
from syft.model.packages import PACKAGES_MAX, check_package, check_packages
from syft.model.uid import UID

ODD = (
    "-r /etc/passwd",
    "-r/etc/passwd",
    "--requirement=/etc/passwd",
    "--index-url http://elsewhere.test/simple",
    "--index-url=http://elsewhere.test/simple",
    "--extra-index-url",
    "-e .",
    "-",
    "file:///etc/passwd",
    "name @ file:///tmp/name",
    "name@file:///tmp/name",
    "git+https://elsewhere.test/name",
    "name @ git+https://elsewhere.test/name",
    "https://elsewhere.test/name-1.0-py3-none-any.whl",
    "../name",
    "./name",
    "/tmp/name",
    "~/name",
    "name/other",
    "name-1.0.whl --hash=sha256:00",
    "name==1.0 --hash=sha256:00",
    "name==1.0 ; python_version > '3'",
    "name==1.0\n-r /etc/passwd",
    "name==1.0 other",
    "name=1.0",
    "name==",
    "==1.0",
    "name==$(id)",
    "name==`id`",
    "na\u0430me\u0301",
    "\u0660name",
    "name\x00",
    "",
    " ",
    "n" * 201,
    "name[",
    "name[]",
    "name[../x]",
    "syft",
    "Syft==0.9",
    "datasite[all]",
)


@pytest.mark.parametrize("text", ODD)
def test_what_is_no_name_with_versions_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput):
        check_package(text)
    with pytest.raises(InvalidInput):
        ImageConfig(packages=(text,))


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("humanize", "humanize"),
        ("scikit-learn==1.5", "scikit-learn==1.5"),
        ("Scikit_Learn  == 1.5.* ", "scikit-learn==1.5.*"),
        ("toolz>=0.12, <1, !=0.12.1", "toolz>=0.12,<1,!=0.12.1"),
        ("torch~=2.4.0+cpu", "torch~=2.4.0+cpu"),
        ("a.b[Two, one]", "a-b[one,two]"),
    ],
)
def test_names_with_versions_are_kept_in_one_form(text: str, kept: str) -> None:
    assert check_package(text) == kept
    assert check_package(kept) == kept


def test_the_same_packages_are_the_same_in_any_order() -> None:
    assert check_packages(("b", "A", "a")) == check_packages(("a", "B")) == ("a", "b")
    one, other = ImageConfig(packages=("b", "A")), ImageConfig(packages=("a", "b"), description="mine")
    assert one.is_same(other)
    assert not one.is_same(ImageConfig(packages=("a",)))
    assert one.is_same(ImageConfig(dockerfile="FROM python\nRUN pip install a b\n"))


def test_there_are_not_too_many() -> None:
    check_packages(tuple(f"p{number}" for number in range(PACKAGES_MAX)))
    with pytest.raises(InvalidInput, match="at most"):
        check_packages(tuple(f"p{number}" for number in range(PACKAGES_MAX + 1)))


DOCKERFILE = """
# What we work with.
FROM python:3.11-slim
LABEL maintainer="us"
RUN pip install --no-cache-dir "scikit-learn>=1.5,<2" \\
    # a comment between
    humanize==4.1 && \\
    python -m pip install -U 'toolz[extra]'
RUN uv pip install --system polars
WORKDIR /work
"""


def test_a_dockerfile_that_installs_packages_is_understood() -> None:
    asked = read_dockerfile(DOCKERFILE)
    assert asked.packages == ("humanize==4.1", "polars", "scikit-learn>=1.5,<2", "toolz[extra]")
    assert asked.python == "3.11"
    assert ImageConfig(dockerfile=DOCKERFILE).wanted == asked.packages


@pytest.mark.parametrize(
    ("image", "python"),
    [
        ("python", ""),
        ("python:3", ""),
        ("python:latest", ""),
        ("python:3.12.4-slim-bookworm", "3.12"),
        ("library/python:3.13", "3.13"),
        ("openmined/syft-backend:0.9.5", ""),
        ("syft-base", ""),
    ],
)
def test_it_begins_with_python_or_the_servers_own(image: str, python: str) -> None:
    assert read_dockerfile(f"FROM {image}\nRUN pip install a").python == python


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("RUN pip install a", 1),
        ("FROM nvidia/cuda:12\nRUN pip install a", 1),
        ("FROM elsewhere.test/python:3.11", 1),
        ("FROM python:3.11 AS first", 1),
        ("FROM python\nFROM python", 2),
        ("FROM python\nRUN apt-get install -y gcc", 2),
        ("FROM python\n\nRUN pip install a && curl x", 3),
        ("FROM python\nRUN pip install a; id", 2),
        ("FROM python\nRUN pip install a || id", 2),
        ("FROM python\nRUN pip install a & id", 2),
        ("FROM python\nRUN pip install $(id)", 2),
        ("FROM python\nRUN pip install `id`", 2),
        ("FROM python\nRUN pip install numpy>=2", 2),
        ("FROM python\nRUN pip install -r requirements.txt", 2),
        ("FROM python\nRUN pip install --index-url=http://elsewhere.test a", 2),
        ("FROM python\nRUN pip install git+https://elsewhere.test/a", 2),
        ("FROM python\nRUN pip install .", 2),
        ("FROM python\nRUN pip install 'a", 2),
        ('FROM python\nRUN ["pip", "install", "a"]', 2),
        ("FROM python\nRUN --mount=type=secret pip install a", 2),
        ("FROM python\nCOPY . /", 2),
        ("FROM python\nADD http://elsewhere.test/a /", 2),
        ("FROM python\nENV PIP_INDEX_URL=http://elsewhere.test", 2),
        ("FROM python\nARG A=1", 2),
        ('FROM python\nSHELL ["/bin/bash"]', 2),
        ("FROM python\nENTRYPOINT id", 2),
        ("FROM python\nONBUILD RUN id", 2),
        ("# escape=`\nFROM python\nRUN pip install a", 1),
    ],
)
def test_any_other_line_is_refused_by_its_number(text: str, line: int) -> None:
    with pytest.raises(InvalidInput, match=f"^Line {line} of the Dockerfile"):
        read_dockerfile(text)


def test_a_dockerfile_without_a_beginning_or_without_end_is_refused() -> None:
    for text in ("", "# nothing", "x" * (64 * 1024 + 1)):
        with pytest.raises(InvalidInput):
            read_dockerfile(text)


def test_reading_what_is_made_to_take_long_does_not() -> None:
    # By their effect, not by a clock: with a pattern that goes back and forth these would not end.
    for text in (
        "FROM " + "a." * 32_000,
        "FROM python\nRUN pip install " + "'" * 32_000,
        "FROM " + "a/" * 32_000,
    ):
        with pytest.raises(InvalidInput):
            read_dockerfile(text)


def test_an_image_is_one_of_three_things() -> None:
    for fields in (
        {},
        {"packages": ("a",), "prebuilt": "syft-base"},
        {"packages": ("a",), "dockerfile": "FROM python\nRUN pip install a"},
        {"dockerfile": "FROM python"},
        {"prebuilt": "elsewhere.test/image"},
        {"prebuilt": "nvidia/cuda"},
        {"packages": ("a",), "description": "x" * 10_001},
    ):
        with pytest.raises(InvalidInput):
            ImageConfig(**fields)  # type: ignore[arg-type]
    assert ImageConfig(prebuilt="syft-base").wanted == ()


@pytest.mark.parametrize("tag", ["", "../x", "/x", "-x", "a b", "a\n", "ä", "a" * 201])
def test_an_image_cannot_be_called_that(tag: str) -> None:
    with pytest.raises(InvalidInput, match="tag"):
        an_image(tag=tag)


def test_states_follow_each_other() -> None:
    image = an_image()
    for state in ImageState:
        for following in ImageState:
            started = an_image(state=state)
            if following in IMAGE_MOVES[state]:
                assert moved(started, following).state is following
            else:
                with pytest.raises(ValueError, match="does not go from"):
                    moved(started, following)
    assert moved(image, ImageState.BUILDING, error="x").error == "x"


def an_image(tag: str = "mine:1", state: ImageState = ImageState.SUBMITTED) -> WorkerImage:
    return WorkerImage(
        uid=UID(),
        tag=tag,
        state=state,
        config=ImageConfig(packages=("a",)),
        created_by=UID(),
        created_at=datetime.now(UTC),
    )
