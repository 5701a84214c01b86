"""How like the real game a world is: measured against its exposed truth, beside a floor and a baseline."""
