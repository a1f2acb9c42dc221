"""This package runs code: a durable queue, the workers that claim from it, and one run from claim to release."""
