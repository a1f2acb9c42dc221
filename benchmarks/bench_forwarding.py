"""How long a message takes through other nodes, as JSON: in one process, through a gateway over HTTP, and as a letter.

    python benchmarks/bench_forwarding.py

`docs/performance.md` explains the figures.
"""

from __future__ import annotations

import itertools
import json
import os
import tempfile
import time
from collections.abc import Iterator

from measure import Measure

import syft as sy
from syft.client.client import Client
from syft.client.present import settings
from syft.model.identity import Identity, is_signed_by
from syft.model.messages.nodes import ShowNode
from syft.model.messages.session import GetNodeInfo, NodeInfoReply
from syft.transport.ask import ask
from syft.transport.memory import MemoryRoute
from syft.wire.envelope import inspect

ROOT = {"email": "info@openmined.org", "password": "changethis"}


def bench_hops() -> Iterator[Measure]:
    """Network, domain, device and virtual machine in this process; said to the first, for the last."""
    sy.logger.remove()
    made = [sy.Network(name="n"), sy.Domain(name="d"), sy.Device(name="i"), sy.VirtualMachine(name="v")]
    clients = [node.get_root_client() for node in made]
    for above, below in itertools.pairwise(clients):
        above.register(client=below)
    route, last, key = MemoryRoute(made[0]), made[-1].info, clients[-1].session.identity
    one_way = Measure("three hops in one process, without an answer", target=1.0)
    asked = Measure("three hops in one process, answered", target=1.0)
    direct = Measure("the same question without a hop", target=None)
    check = Measure("one check of a signature (of which an answer over three hops takes 8)", target=None)
    for measure, work in (
        (one_way, lambda: ask(route, key, last, ShowNode())),
        (asked, lambda: ask(route, Identity.from_seed(bytes(32)), last, GetNodeInfo())),
        (direct, lambda: ask(MemoryRoute(made[-1]), Identity.from_seed(bytes(32)), last, GetNodeInfo())),
    ):
        for _ in range(200):
            work()
        measure.repeat(2000, work)
    signed = sy.ReprMessage(address=made[0].address).sign(signing_key=clients[0].signing_key).envelope
    check.repeat(2000, lambda: inspect(signed))
    for node in made:
        node.close()
    yield from (one_way, asked, direct, check)


def bench_nodes() -> Iterator[Measure]:
    """A device made, and messages to one in this process, beside what signing costs."""
    sy.logger.remove()
    device = sy.Device(name="d")
    client = device.get_root_client()
    key, route = client.session.identity, MemoryRoute(device)
    data = bytes(150)
    signature = key.sign(data)
    measures = (
        (Measure("a `Device`", target=1.0), lambda: sy.Device(name="x")),
        (
            Measure("a signed message in one process, without an answer", target=0.2),
            lambda: ask(route, key, device.info, ShowNode()),
        ),
        (
            Measure("... by the names of 2021", target=0.2),
            lambda: client.send_immediate_msg_without_reply(msg=sy.ReprMessage(address=client.address)),
        ),
        (Measure("Ed25519: to sign", target=None), lambda: key.sign(data)),
        (
            Measure("Ed25519: to check", target=None),
            lambda: is_signed_by(key.verify_key, signature, data),
        ),
    )
    for measure, work in measures:
        for _ in range(200):
            work()
        measure.repeat(2000, work)
        yield measure
    device.close()


def bench_gateway() -> Iterator[Measure]:
    """A small question to a datasite, straight and through a gateway, each a process of its own."""
    straight = Measure("a small read over loopback", target=None)
    through = Measure("a small read through a gateway", target=None)
    with (
        sy.orchestra.launch(name="net", server_type="gateway", port="auto", reset=True) as gateway,
        sy.orchestra.launch(name="site", port="auto", reset=True) as site,
    ):
        admin: Client = site.login(**ROOT)
        admin.connect_to_gateway(gateway.login(**ROOT))
        proxy = gateway.login_as_guest().proxy_client_for("site")
        for measure, client in ((straight, site.login_as_guest()), (through, proxy)):
            for _ in range(100):
                client.ask(GetNodeInfo(), NodeInfoReply)
            measure.repeat(1000, lambda client=client: client.ask(GetNodeInfo(), NodeInfoReply))
    yield from (straight, through)


def bench_letters() -> Iterator[Measure]:
    """Letters to a node two hops away in this process: until the first has each, and until all are handled."""
    made = [sy.Network(name="n"), sy.Domain(name="d"), sy.Device(name="i")]
    clients = [node.get_root_client() for node in made]
    for above, below in itertools.pairwise(clients):
        above.register(client=below)
    made[2].root_verify_key = clients[0].verify_key
    taken = Measure("a letter, until it is acknowledged", target=None)
    rate = Measure("letters over two hops, a second", target=None, unit="1/s", higher_is_better=True)
    for _ in range(3):
        began, count = time.perf_counter(), 150
        for _ in range(count):
            message = sy.ReprMessage(address=made[2].address)
            with taken.timed():
                clients[0].send_eventual_msg_without_reply(msg=message)
        while any(node._open_mail().waiting for node in made):
            time.sleep(0.002)
        rate.add(count / (time.perf_counter() - began))
    for node in made:
        node.close()
    yield from (taken, rate)


def main() -> None:
    """Run all and print it."""
    settings.quiet = True
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    with tempfile.TemporaryDirectory(prefix="datasite-bench-") as home:
        os.environ["SYFT_HOME"] = home
        measures = [*bench_nodes(), *bench_hops(), *bench_gateway(), *bench_letters()]
    print(json.dumps({"measures": [one.report() for one in measures]}, indent=1))


if __name__ == "__main__":
    main()
