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
            "OutputPolicyOncePerInputs",
            "SingleExecutionExactOutput",
            "UserInputPolicy",
            "UserOutputPolicy",
        ],
    ),
    ("syft.service.request.request", "syft.client.coderequests", ["Request"]),
]


# old path: names that are others here, with where they live
RENAMED = {
    "syft.service.request.request": {"RequestStatus": ("syft.model.request", "RequestState")},
    "syft.service.user.user_roles": {"ServiceRole": ("syft.model.permission", "Role")},
}


@pytest.mark.parametrize("door", RENAMED)
def test_every_name_that_is_another_here(door: str) -> None:
    for name, (home, now) in RENAMED[door].items():
        assert getattr(import_module(door), name) is getattr(import_module(home), now)


@pytest.mark.parametrize(("door", "home", "names"), DOORS, ids=[row[0] for row in DOORS])
def test_every_name_of_a_door(door: str, home: str, names: list[str]) -> None:
    module = import_module(door)
    assert sorted(module.__all__) == sorted([*names, *RENAMED.get(door, {})])
    for name in names:
        assert getattr(module, name) is getattr(import_module(home), name)
