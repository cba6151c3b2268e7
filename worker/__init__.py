"""What runs jobs: supervisor, consumer, executor, keeper, and the built-in tasks."""
