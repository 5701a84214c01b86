"""Graph networks over game worlds (torch_geometric underneath, imported when a layer of it is made)."""
