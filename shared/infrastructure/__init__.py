"""How Warren reaches MongoDB and RabbitMQ; the only importers of drivers."""
