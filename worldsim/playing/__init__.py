"""Playing: environments and dreams in a window, by hand, by script or by an agent."""
