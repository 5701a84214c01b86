"""Environments: real ones (no torch) and dreamed ones."""
