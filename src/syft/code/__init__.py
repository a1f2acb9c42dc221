"""This package turns functions into text that stands alone, and checks texts that others sent."""

from syft.code.capture import CapturedFunction, analyse, capture, check_submission, digest, review
from syft.code.review import Finding, Kind

__all__ = [
    "CapturedFunction",
    "Finding",
    "Kind",
    "analyse",
    "capture",
    "check_submission",
    "digest",
    "review",
]
