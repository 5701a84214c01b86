"""Recordings of real play: episodes, shards on disk, windows for training."""
