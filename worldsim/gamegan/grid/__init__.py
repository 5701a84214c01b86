"""The small GameGAN: every part of it works on a grid of cells instead of one long vector."""
