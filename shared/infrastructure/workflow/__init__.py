"""Workflows in MongoDB: graphs and nodes as they stand, and how the end of a job moves them on."""
