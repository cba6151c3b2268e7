"""Measures Warren beside its peers: same machine, broker, database and durability."""
