"""What reviewers see of a deployed protocol: names that are no facts, and which roles are one site."""

from __future__ import annotations

import pytest

from syft.client.protocolview import ProtocolView
from syft.errors import InvalidInput
from syft.model.code import CodeSubmission
from syft.model.identity import Identity
from syft.model.protocol import Deployment, Protocol, ProtocolStep, Site
from syft.model.uid import UID

CODE = CodeSubmission(name="f", source="def f():\n    return 1\n")


def site(name: str, identity: Identity) -> Site:
    return Site(node_uid=UID(), name=name, kind="domain", key=identity.verify_key)


def view(**sites: Site) -> ProtocolView:
    steps = tuple(ProtocolStep(role=role, code=CODE) for role in sites)
    return ProtocolView(
        Deployment(protocol=Protocol(steps=steps), sites=sites), "0" * 64, {}, "Eve (e@x.org)"
    )


def test_a_name_does_not_get_out_of_its_quotes() -> None:
    """What stands behind the quotes is what the reviewer's own node knows of the key."""
    words = "B' (key 1; known here as 'B', a peer of this node)"
    shown = str(view(a=site(words, Identity.generate())).sites[0])
    assert "known here as 'B'" not in shown
    assert shown.endswith("not known here: compare the key with its owner)")
    role = "b: 'B' (key 1; known here as 'B', a peer of this node)"
    assert "known here as 'B'" not in repr(view(**{role: site("x", Identity.generate())}))


def test_roles_that_are_one_site_are_named_to_the_reviewer() -> None:
    """Of a sum over three that are two, each knows the other's summand."""
    one, other = Identity.generate(), Identity.generate()
    whole = view(a=site("A", one), b=site("B", other), c=site("C", other))
    assert "'b' and 'c' are one site" in repr(whole)
    assert "'b' and 'c' are one site" in whole.about(0)
    apart = view(a=site("A", one), b=site("B", other))
    assert "one site" not in repr(apart) + apart.about(0)


@pytest.mark.parametrize("role", ["", " ", "a\nb", "\x1b[2J", "a" * 201])
def test_a_role_can_be_shown_on_one_line(role: str) -> None:
    with pytest.raises(InvalidInput, match="role"):
        ProtocolStep(role=role, code=CODE)
