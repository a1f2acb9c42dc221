"""Doors: each old name is there, and is the new one."""

from __future__ import annotations

from importlib import import_module

import pytest

# old path, its names, where they live now
DOORS = [
    (
        "syft.service.policy.policy",
        "syft.client.policies",
        [
            "Constant",
            "CustomInputPolicy",
            "CustomOutputPolicy",
            "EmptyInputPolicy",
            "EmpyInputPolicy",
            "ExactMatch",
            "InputPolicy",
            "MixedInputPolicy",
            "OutputPolicyExecuteCount",
            "OutputPolicyExecuteOnce",
            "SingleExecutionExactOutput",
            "UserInputPolicy",
            "UserOutputPolicy",
        ],
    )
]


@pytest.mark.parametrize(("door", "home", "names"), DOORS, ids=[row[0] for row in DOORS])
def test_every_name_of_a_door(door: str, home: str, names: list[str]) -> None:
    module = import_module(door)
    assert sorted(module.__all__) == sorted(names)
    for name in names:
        assert getattr(module, name) is getattr(import_module(home), name)
