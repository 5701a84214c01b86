"""Agents: policies, training, evaluation in reality."""
