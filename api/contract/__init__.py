"""The contracts that people and tools read: OpenAPI and AsyncAPI, generated from what is served."""
