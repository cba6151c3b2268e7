"""Workflows side by side: chords, chains and layers, on Warren and on Celery."""
