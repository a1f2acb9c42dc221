"""node/services."""
