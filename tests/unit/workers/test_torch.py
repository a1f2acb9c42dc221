"""Tensors at workers, and the hook that gives them `send`."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

import syft as sy


def test_without_torch_there_is_a_hook_all_the_same() -> None:
    code = (
        "import sys; sys.modules['torch'] = None\n"
        "import syft as sy, numpy as np\n"
        "hook = sy.TorchHook()\n"
        "alice = sy.VirtualWorker(hook, id='alice')\n"
        "assert hook is sy.hook and hook.local_worker is sy.local_worker\n"
        "assert sy.send(np.arange(3), alice).sum().get() == 3\n"
        "assert sy.lib.python.Int(2).send(alice).get() == 2\n"
        "try: alice.torch.zeros(2)\n"
        "except sy.SyftException as error: print(error)\n"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert ran.returncode == 0, ran.stderr
    assert "import torch" in ran.stdout


def test_with_torch(alice: sy.VirtualWorker, bob: sy.VirtualWorker) -> None:
    torch: Any = pytest.importorskip("torch")
    hook = sy.TorchHook(torch)
    with pytest.warns(UserWarning, match=r"^Torch was already hooked\.\.\. skipping hooking process$"):
        assert sy.TorchHook(torch) is hook
    x = torch.tensor([1.0, 2.0]).tag("#x").describe("two")
    pointer = x.send(alice)
    assert pointer.shape == (2,)
    assert torch.equal((x + pointer).get(), torch.tensor([2.0, 4.0]))
    assert torch.equal((pointer * 2).sum().get(), torch.tensor(6.0))
    back = pointer.move(bob).get()
    assert torch.equal(back, x)
    assert (back.tags, back.description) == (["#x"], "two")
    assert torch.equal(alice.remote.torch.zeros(2).get(), torch.zeros(2))
    parts = x.send(alice, bob)
    assert torch.equal(parts.get(sum_results=True), 2 * x)
