"""Lanes in MongoDB: who holds a key, who gets it next, and seeing to it that none is stuck."""
