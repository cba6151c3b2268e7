"""What a workflow is and every decision about one: pure, so that each can be tested on its own."""
