"""What later libraries took away and the guide uses."""

from __future__ import annotations

import sys

import pytest

from syft.sandbox import compat

pandas = pytest.importorskip("pandas")


def test_axes_are_swapped_as_they_were(monkeypatch: pytest.MonkeyPatch) -> None:
    frame = pandas.DataFrame({"a": [1, 2], "b": [3, 4]})
    assert compat._swapaxes(frame, 0, 0) is frame
    assert compat._swapaxes(frame, 0, 1).equals(frame.T)
    monkeypatch.delattr(pandas.DataFrame, "swapaxes", raising=False)
    compat.restore()
    compat.restore()
    assert pandas.DataFrame.swapaxes is compat._swapaxes
    monkeypatch.delattr(pandas.DataFrame, "swapaxes")
    monkeypatch.delitem(sys.modules, "pandas")
    compat.restore()
    assert not hasattr(pandas.DataFrame, "swapaxes")
