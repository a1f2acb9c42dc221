"""This module is a door: plans, by the names that PySyft 0.2 has for them."""

from __future__ import annotations

from syft.client.plans import Plan, PointerPlan, func2plan, method2plan

__all__ = ["Plan", "PointerPlan", "func2plan", "method2plan"]
