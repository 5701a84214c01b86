"""Graph networks over game worlds (torch_geometric underneath)."""
