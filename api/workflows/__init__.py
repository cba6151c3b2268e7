"""The gateway's side of workflows: what may be submitted, how one looks, what is asked of it."""
