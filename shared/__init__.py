"""What the gateway and the worker agree on, and how both reach the world."""
