"""The WebSocket side of the gateway: the protocol `warren.v1`."""
