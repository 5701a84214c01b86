"""The shared adversarial core: losses by name, penalties, what acts against collapse, and network blocks."""
