"""A world of codes on a grid with a local transition gated by the action."""
