"""This module is a door: policies by the import path that guides and notebooks of PySyft 0.9 use."""

from __future__ import annotations

from syft.client.policies import (
    Constant,
    CustomInputPolicy,
    CustomOutputPolicy,
    EmptyInputPolicy,
    EmpyInputPolicy,
    ExactMatch,
    InputPolicy,
    MixedInputPolicy,
    OutputPolicyExecuteCount,
    OutputPolicyExecuteOnce,
    OutputPolicyOncePerInputs,
    SingleExecutionExactOutput,
    UserInputPolicy,
    UserOutputPolicy,
)

__all__ = [
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
]
