"""model/messages."""
