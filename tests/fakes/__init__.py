"""What stands in for the parts around what a unit test is about."""
