"""This package turns functions into text that stands alone, and checks texts that others sent."""

from syft.code.capture import CapturedFunction, analyse, capture, check_submission, digest, review
from syft.code.planned import check_plan, digest_of, lines_of, parameters_of, source_of
from syft.code.review import Finding, Kind
from syft.code.trace import State, defaults_of, input_names, trace

__all__ = [
    "CapturedFunction",
    "Finding",
    "Kind",
    "State",
    "analyse",
    "capture",
    "check_plan",
    "check_submission",
    "defaults_of",
    "digest",
    "digest_of",
    "input_names",
    "lines_of",
    "parameters_of",
    "review",
    "source_of",
    "trace",
]
