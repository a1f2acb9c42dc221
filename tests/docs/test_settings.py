"""Every setting stands in .env.sample, with the value it has when nothing is said."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec

from syft.config import Settings

# Of settings that have a few values only, one that is not the default.
OTHERS = {
    "SYFT_DURABILITY": "normal",
    "SYFT_LOG_LEVEL": "DEBUG",
    "SYFT_ISOLATION": "process",
    "SYFT_ISOLATION_MIN": "namespaces",
}
SAMPLE = Path(__file__).parent.parent.parent / ".env.sample"


def read_sample() -> dict[str, str]:
    return dict(re.findall(r"^# (SYFT_\w+)=(.*)$", SAMPLE.read_text(encoding="utf-8"), re.MULTILINE))


def test_the_sample_names_every_setting() -> None:
    assert set(read_sample()) == set(re.findall(r"`(SYFT_\w+)`", Settings.__doc__ or ""))
    assert len(read_sample()) == len(Settings.__struct_fields__)


def test_the_sample_shows_the_defaults() -> None:
    home = {"SYFT_HOME": "/somewhere"}
    shown = msgspec.structs.asdict(Settings.from_env(read_sample() | home))
    assert shown == msgspec.structs.asdict(Settings.from_env(home))


def test_each_setting_is_read_from_the_name_it_is_documented_under() -> None:
    """A misspelt variable would quietly do nothing; so each is set to something and must change something."""
    before = Settings.from_env({})
    for name, value in read_sample().items():
        other = OTHERS.get(name, "7" if value.isdigit() else f"{value}x")
        assert Settings.from_env({name: other}) != before, name
