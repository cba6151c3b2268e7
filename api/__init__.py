"""The gateway: requests in, changes out."""
