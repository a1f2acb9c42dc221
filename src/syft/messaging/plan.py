"""This module is a door: plans, by the names that PySyft 0.2 has for them."""

from __future__ import annotations

from syft.client.plans import Plan, PointerPlan, func2plan, method2plan, pointer_to
from syft.model.object import ObjectKind
from syft.workers import point_with

__all__ = ["Plan", "PointerPlan", "func2plan", "method2plan"]

point_with(ObjectKind.PLAN, pointer_to, lambda worker, view: pointer_to(worker, view).get())
