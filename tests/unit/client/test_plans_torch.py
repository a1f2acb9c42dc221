"""Plans over torch: modules bring their weights, its functions become steps; skipped where torch is not installed."""

from __future__ import annotations

from typing import Any

import pytest

import syft as sy
from syft.client.client import Client
from syft.code import State, trace
from syft.errors import InvalidInput

torch = pytest.importorskip("torch")


class Net(sy.Plan):
    """Two layers."""

    def __init__(self) -> None:
        super().__init__()
        self.first = torch.nn.Linear(2, 3)
        self.second = torch.nn.Linear(3, 2)

    def forward(self, x: Any) -> Any:
        x = torch.nn.functional.relu(self.first(x))
        return torch.nn.functional.softmax(self.second(x), dim=1)


def test_modules_bring_their_weights(admin: Client) -> None:
    net = Net()
    x = torch.tensor([[1.0, -2.0], [0.5, 3.0]])
    expected = net(x).detach()
    net.build(x)
    assert len(net.parameters()) == 4
    there = net.send(admin)
    found = there(admin.objects.send(x)).get()
    assert torch.allclose(found, expected)
    assert torch.allclose(there.get()(x), expected)
    assert torch.allclose(net(admin.objects.send(x)).get(), expected)


def test_shapes_are_tried_with_tensors_where_torch_is_used() -> None:
    @sy.func2plan(args_shape=[(1, 3)])
    def f(x: Any) -> Any:
        return x.mm(torch.ones(3, 2)).t()

    assert f.operations == ("var_0 = x @ state_0", "var_1 = var_0.transpose()")
    assert torch.equal(sy.Plan(traced=f.traced)(torch.ones(2, 3)), torch.full((2, 2), 3.0))


@pytest.mark.parametrize(
    "function",
    [
        lambda x: torch.ones(2, 2) + x,
        lambda x: torch.ones(2, 2) - x,
        lambda x: 2 - x,
        lambda x: torch.rsub(x, 3),
        lambda x: torch.ones(2, 2) / x,
        lambda x: torch.ones(2, 2) @ x,
        lambda x: torch.sigmoid(x) + torch.tanh(x).exp(),
        lambda x: torch.sum(x, dim=0, keepdim=True),
        lambda x: torch.mean(x, 1),
        lambda x: x.sum(dim=1),
        lambda x: torch.where(x > 1, x, torch.zeros(2, 2)),
        lambda x: x.add(1).mul(2).sub(3).div(4).pow(2).neg().view(4),
        lambda x: x.clone().relu().sigmoid().softmax(1),
        lambda x: x.to if False else x.std(),
        lambda x: torch.pow(2, x),
    ],
)
def test_words_of_torch_come_to_what_torch_makes_of_them(function: Any) -> None:
    x = torch.tensor([[1.0, 2.0], [-3.0, 4.0]])
    trace(function, examples=[x])  # compares the plan's result with the function's


@pytest.mark.parametrize(
    ("function", "says"),
    [
        (lambda x: torch.nn.functional.dropout(x), "torch's 'dropout' is no operation of plans"),
        (lambda x: torch.nn.functional.relu(x, inplace=True), "inplace"),
        (lambda x: torch.cat([x, x]), "torch's 'cat' is no operation"),
        (lambda x: x if torch.equal(x, x) else 0, "torch's 'equal' is no operation"),
        (lambda x: x + torch.rand(2), "something else each time"),
        (lambda x: isinstance(x, torch.Tensor), "of what type"),
        (lambda x: x.max(dim=1), "no option 'dim'"),
    ],
)
def test_what_of_torch_cannot_be_followed_is_refused_in_words(function: Any, says: str) -> None:
    with pytest.raises(InvalidInput, match=says):
        trace(function)


def test_a_tensor_comes_along_without_its_history() -> None:
    weights = torch.nn.Parameter(torch.ones(2))

    def f(x: Any, state: State) -> Any:
        return x * state.read()[0] + weights

    plan = trace(f, state=[weights], shapes=[(2,)])
    assert len(plan.state) == 1
    assert not sy.Plan(traced=plan).parameters()[0].requires_grad
