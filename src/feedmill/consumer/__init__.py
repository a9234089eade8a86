"""Upstream feeds become posts: politely, once each, and nothing is lost."""
