"""This module shows what policies that authors of code wrote have to show of what they remember."""

from __future__ import annotations

from syft.access.checks import NO_SUCH_REQUEST, can_read_policy_state
from syft.errors import AuthorizationException, NotFound
from syft.model.code import Code
from syft.model.message import Message
from syft.model.messages.policies import GetPolicyState, PolicyStateReply
from syft.model.permission import Capability
from syft.model.policystate import PolicyState
from syft.model.request import Request
from syft.node.context import Context
from syft.node.dispatch import handles
from syft.node.services.electorate import sees_request
from syft.node.services.views import known_owners


@handles(GetPolicyState, needs=Capability.DECIDE_REQUESTS)
def get_policy_state(ctx: Context, message: GetPolicyState) -> Message:
    """What an output policy shows of what it remembers, to those who may read the data that it has seen results of.

    Whoever wrote it called it public. But it was made from results that nobody has let go, by a stranger's code: to its
    author it would be a way round the policy itself.

    Raises:
        NotFound: no such request about code, or not for the caller.
        AuthorizationException: the data is, in part, another's.
    """
    with ctx.site.store.reading() as reader:
        request = reader.find(Request, uid=message.request_uid)
        if request is None or request.code_uid is None:
            raise NotFound(NO_SUCH_REQUEST)
        code = reader.get(Code, request.code_uid)
        if not sees_request(ctx.caller, reader, request, code):
            raise NotFound(NO_SUCH_REQUEST)
        if not can_read_policy_state(ctx.caller, known_owners(reader, code)):
            raise AuthorizationException(
                "What a policy remembers is made from private results: it is shown to the owner of all the data, and "
                "to administrators."
            )
        state = reader.find(PolicyState, uid=request.uid)
    if state is None:
        return PolicyStateReply()
    return PolicyStateReply(state.version, state.shown, state.changed_at)
