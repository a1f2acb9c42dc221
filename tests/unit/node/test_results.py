"""Who lets a result go alone that was computed from the data of several."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from support.people import function, on
from support.sites import account_of, cast_on, opened, refused, tampering, upload
from syft.model.job import JobState
from syft.model.messages import results
from syft.model.object import ObjectRecord
from syft.model.terms import Safeguards
from syft.node.services import deposits
from syft.node.services import results as service


def test_an_owner_of_a_part_says_no_and_not_yes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where each owner decides about what is theirs: a yes for a part is none for the whole."""
    with opened(tmp_path) as node:
        site = cast_on(node, tmp_path)
        mine, theirs = upload(site.owner, 1), upload(site.other_owner, 5)
        code = function("def both(a, b):\n    return [a, b]\n", "both", {"a": mine, "b": theirs}, limit=3)
        request = site.scientist.request(code)
        # As if every owner of a part decided about the request.
        monkeypatch.setattr(deposits, "check_can_decide", lambda *_: None)
        by_hand = results.DepositResult(request.uid, results.NewValue(type_name="int", inline=b"\x01"))
        assert refused(site.owner, by_hand)[0] == "authorization"
        site.admin.approve(request)

        def demand(*approvers: object) -> None:
            with tampering(site.store) as tx:
                for uid in (mine, theirs):
                    record = tx.get(ObjectRecord, uid)
                    named = Safeguards(review=True, approvers=tuple(approvers))  # type: ignore[arg-type]
                    tx.replace(msgspec.structs.replace(record, safeguards=named))

        demand()
        first, second = (site.scientist.call("both", a=on(mine), b=on(theirs)) for _ in range(2))
        assert (first.state, second.state) == (JobState.HELD, JobState.HELD)
        monkeypatch.setattr(service, "check_can_decide", lambda *_: None)
        for owner in (site.owner, site.other_owner):
            assert refused(owner, results.ReleaseResult(first.uid))[0] == "authorization"
        assert refused(site.other_owner, results.RefuseResult(first.uid, "not mine"))[0] == "ok"
        # Whom every owner has named speaks for all of them.
        demand(account_of(site.owner))
        assert refused(site.owner, results.ReleaseResult(second.uid))[0] == "ok"
