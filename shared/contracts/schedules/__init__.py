"""When a schedule fires, and what overlap allows. Pure: no I/O, no clock."""
