"""The background loops that keep the promises whatever dies; any number may run at once."""
