"""What an operator sets."""

from pathlib import Path

import pytest

from syft.config import Settings
from syft.errors import InvalidInput


def test_defaults_are_under_the_home() -> None:
    settings = Settings.from_env({"HOME": "/home/x"})
    assert settings.home == Path("/home/x/.local/share/syft")
    assert Settings.from_env({"XDG_DATA_HOME": "/data"}).home == Path("/data/syft")


def test_numbers_are_read_as_numbers() -> None:
    settings = Settings.from_env({"SYFT_HOME": "/h", "SYFT_WORKERS": "5", "SYFT_JOB_CPU_S": "1.5"})
    assert (settings.workers, settings.cpu_s) == (5, 1.5)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SYFT_WORKERS", "many"),
        ("SYFT_WORKERS", "0"),
        ("SYFT_JOB_WALL_S", "-1"),
        ("SYFT_DURABILITY", "sometimes"),
        ("SYFT_SESSION_HOURS", "0"),
        ("SYFT_JOB_CPU_S", "nan"),
        ("SYFT_JOB_WALL_S", "inf"),
        ("SYFT_LOG_LEVEL", "verbose"),
        ("SYFT_JOB_SCRATCH_MB", "some"),
        ("SYFT_JOB_OUTPUT_KB", "0"),
        ("SYFT_JOB_THREADS", "-3"),
    ],
)
def test_nonsense_names_its_variable(name: str, value: str) -> None:
    with pytest.raises(InvalidInput, match=name):
        Settings.from_env({"SYFT_HOME": "/h", name: value})


def test_a_log_level_is_one_that_is_named() -> None:
    assert Settings.from_env({"SYFT_HOME": "/h", "SYFT_LOG_LEVEL": "debug"}).log_level == "DEBUG"
    with pytest.raises(InvalidInput, match="one of DEBUG, INFO, WARNING, ERROR, not 'VERBOSE'"):
        Settings.from_env({"SYFT_HOME": "/h", "SYFT_LOG_LEVEL": "verbose"})


def test_the_password_is_not_shown() -> None:
    settings = Settings.from_env({"SYFT_HOME": "/h", "SYFT_ROOT_PASSWORD": "hunter2"})
    assert settings.root_password == "hunter2"
    assert "hunter2" not in repr(settings)
