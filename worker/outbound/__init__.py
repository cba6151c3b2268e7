"""Requests that clients ask for: to public addresses only, within a size and a deadline."""
