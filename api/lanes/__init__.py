"""Lanes as a gateway sees them: letting jobs in, refusing those too many, showing and steering."""
