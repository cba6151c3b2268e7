"""The built-in catalogue: one module for each family of tasks."""
