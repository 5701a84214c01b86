"""Bundled worlds, a folder each."""
