"""Results that a person looks at and that a policy of the author's own lets out: both are asked, each once."""

from __future__ import annotations

from typing import Any

import msgspec

from support.held import job_of, let_go, read_held, refuse, reviewed
from support.people import on
from support.sites import Cast, at_once, fresh
from syft.model.code import MANY, CodeSubmission, CustomPolicy, OutputPolicy
from syft.model.job import JobState, Release
from syft.model.messages.policies import GetPolicyState, PolicyStateReply
from syft.model.messages.requests import RequestView
from syft.model.uid import UID
from syft.wire.codec import decode, encode

COUNTS = """\
class Counts:
    def __init__(self, limit):
        self.limit = limit
        self.left = 0

    def is_valid(self, context):
        return self.left < self.limit

    def apply_to_output(self, context, outputs, update_policy=True):
        self.left += 1
        return {"sum": sum(outputs), "number": self.left}

    def public_state(self):
        return self.left
"""


def counted(data: UID, limit: int, **output: Any) -> CodeSubmission:
    policy = CustomPolicy(name="Counts", source=COUNTS, options={"limit": encode(limit).to_bytes()})
    return msgspec.structs.replace(
        fresh("return data", data), output_policy=OutputPolicy(limit=MANY, custom=policy, **output)
    )


def approved(site: Cast, submission: CodeSubmission) -> RequestView:
    return site.owner.approve(site.scientist.request(submission))


def left(site: Cast, request: RequestView) -> Any:
    return decode(site.owner.say(GetPolicyState(request.uid), PolicyStateReply).shown)


def test_what_the_policy_lets_out_is_what_is_held(site: Cast) -> None:
    """The owner looks at what may leave; letting it go asks the policy no second time."""
    data = reviewed(site)
    request = approved(site, counted(data, 3))
    job = site.scientist.call(request.code.submission.name, data=on(data))
    assert job.state is JobState.HELD
    assert read_held(site.owner, job.uid) == {"sum": 12, "number": 1}
    assert left(site, request) == 1
    let_go(site.owner, job.uid)
    ended = job_of(site.scientist, job.uid)
    assert ended.state is JobState.RELEASED
    assert site.scientist.read(ended.result_uid) == {"sum": 12, "number": 1}
    assert left(site, request) == 1
    assert site.count(Release, request_uid=request.uid) == 1


def test_a_refused_result_has_used_the_policy(site: Cast) -> None:
    """Otherwise who asks often enough would have a person choose among the draws of a policy that adds noise."""
    data = reviewed(site)
    request = approved(site, counted(data, 1))
    name = request.code.submission.name
    job = site.scientist.call(name, data=on(data))
    refuse(site.owner, job.uid)
    again = site.scientist.call(name, data=on(data))
    assert (again.state, again.error_code) == (JobState.FAILED, "policy_exhausted")
    assert left(site, request) == 1
    assert site.count(Release, request_uid=request.uid) == 0


def test_once_for_the_same_inputs_counts_what_is_held(site: Cast) -> None:
    """THREATS 1.2: while one waits, no second is made of the same inputs; called again, one hears of that one."""
    data = reviewed(site)
    code = fresh("import uuid\nreturn uuid.uuid4().hex", data)
    code = msgspec.structs.replace(code, output_policy=OutputPolicy(limit=MANY, per_inputs=1))
    request = approved(site, code)
    answers = at_once(*(lambda: site.scientist.call(code.name, data=on(data)) for _ in range(8)))
    held = {one.uid for one in answers if one.state is JobState.HELD}
    assert len(held) == 1
    later = site.scientist.call(code.name, data=on(data))
    assert later.uid in held
    let_go(site.owner, later.uid)
    assert site.count(Release, request_uid=request.uid) == 1
    assert site.scientist.call(code.name, data=on(data)).uid == later.uid
