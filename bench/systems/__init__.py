"""The measured systems: how each is started, spoken to and checked."""
