"""Pure contracts: no I/O, no clock, no drivers."""
