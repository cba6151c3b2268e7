"""Limits: how fast jobs and calls may start that share a budget, and what they wait for."""
