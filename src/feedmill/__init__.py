"""feedmill keeps a folder of posts and the world's feeds in step."""

__version__ = "0.1.0"
