"""``worldsim bench``: how fast games, recordings, dreams and training are, in one run on one machine."""
