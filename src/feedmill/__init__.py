"""feedmill keeps a folder of posts and the world's feeds in step."""

__version__ = "0.1.0"
#: Where people whose hosts are asked, and whose readers meet a feed, read what made it.
PROJECT_URL = "https://github.com/feedmill/feedmill"
#: What every request says of its sender (RFC 9110 section 10.1.5).
USER_AGENT = f"feedmill/{__version__} (+{PROJECT_URL})"
