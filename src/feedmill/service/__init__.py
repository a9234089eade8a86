"""What is left running: the daemon, which syncs and publishes by itself, and the server that gives the feeds to readers."""
