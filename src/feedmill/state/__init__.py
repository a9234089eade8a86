"""What feedmill remembers between runs and could not read back from the posts."""
