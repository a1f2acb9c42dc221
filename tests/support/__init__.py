"""What tests share: people who speak to nodes in plain messages, and datasites to speak to."""
