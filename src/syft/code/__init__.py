"""This package turns functions into text that stands alone, and checks texts that others sent."""

from syft.code.capture import CapturedFunction, analyse, capture, check_submission, digest, review
from syft.code.planned import check_plan, digest_of, lines_of, parameters_of, source_of
from syft.code.policies import capture_policy, check_policy, policies_of
from syft.code.review import Finding, Kind
from syft.code.trace import State, called_with, defaults_of, inlined, input_names, is_traced, trace

__all__ = [
    "CapturedFunction",
    "Finding",
    "Kind",
    "State",
    "analyse",
    "called_with",
    "capture",
    "capture_policy",
    "check_plan",
    "check_policy",
    "check_submission",
    "defaults_of",
    "digest",
    "digest_of",
    "inlined",
    "input_names",
    "is_traced",
    "lines_of",
    "parameters_of",
    "policies_of",
    "review",
    "source_of",
    "trace",
]
