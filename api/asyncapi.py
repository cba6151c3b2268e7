"""The AsyncAPI 3.0 document: the WebSocket, and what travels on RabbitMQ; made from the models."""

from typing import Any, get_args

import orjson
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from api.contract.components import REF, Json, Untitled
from api.contract.messages import FROM_SERVER, ON_RABBITMQ, Bell, Hints, Order
from api.sockets import frames
from shared.infrastructure.topology import Names

Models = tuple[type[BaseModel], ...]

FROM_CLIENT: Models = get_args(frames.Frame)
CLOSE_CODES = {
    frames.SHUTDOWN: "the gateway shuts down; connect again, with a little patience",
    frames.TOO_SLOW: "the reader is too slow; connect again and subscribe with `after`",
    frames.BAD_MESSAGE: "a frame was not of this protocol; the reason says why",
    frames.UNAUTHENTICATED: "API keys are on, and no valid one came in connection_init",
    frames.FORBIDDEN: "the key may not do that",
    frames.NO_SUBPROTOCOL: f"the client did not ask for the subprotocol {frames.SUBPROTOCOL}",
    frames.INIT_TIMEOUT: "API keys are on, and connection_init did not come within 5 seconds",
    frames.DUPLICATE_ID: "a subscription with this id exists already",
    frames.TOO_MANY_SUBSCRIPTIONS: "too many subscriptions on one socket",
}
"""Why the gateway closes a socket."""

_SERVER_NOTE = (
    "Job ids only; state never travels on RabbitMQ. Internal: clients use HTTP or the socket."
)


def print_asyncapi(namespace: str, *, host: str, secure: bool) -> bytes:
    """Return the document for a gateway as its caller reaches it."""
    names = Names(namespace)
    return orjson.dumps(
        {
            "asyncapi": "3.0.0",
            "info": {"title": "Warren", "version": "1", "description": _about()},
            "defaultContentType": "application/json",
            "servers": _servers(host, secure),
            "channels": _channels(names),
            "operations": _operations(),
            "components": {"messages": _messages(), "schemas": _schemas()},
        }
    )


def _about() -> str:
    codes = "".join(f"- `{code}`: {why}\n" for code, why in sorted(CLOSE_CODES.items()))
    return (
        f"Jobs as they happen. The WebSocket speaks the subprotocol `{frames.SUBPROTOCOL}`, one "
        f"JSON object a text frame.\n\nClose codes:\n\n{codes}"
    )


def _servers(host: str, secure: bool) -> Json:
    broker = {"default": "127.0.0.1:5672", "description": "where WARREN_RABBIT_URL points"}
    return {
        "gateway": {"host": host, "protocol": "wss" if secure else "ws"},
        "rabbitmq": {
            "host": "{broker}",
            "protocol": "amqp",
            "protocolVersion": "0-9-1",
            "description": _SERVER_NOTE,
            "variables": {"broker": broker},
        },
    }


def _channels(names: Names) -> Json:
    protocol = {"type": "string", "const": frames.SUBPROTOCOL}
    handshake = {
        "method": "GET",
        "headers": {"type": "object", "properties": {"Sec-WebSocket-Protocol": protocol}},
        "bindingVersion": "0.1.0",
    }
    return {
        "socket": {
            "address": "/v1/ws",
            "servers": [{"$ref": "#/servers/gateway"}],
            "messages": _refs("#/components/messages", (*FROM_CLIENT, *FROM_SERVER)),
            "bindings": {"ws": handshake},
        },
        "jobs": {
            "address": "{queue}",
            "title": "Bells: the routing key is the queue of the jobs",
            "parameters": {"queue": {"description": f"read from {names.queue('<queue>')}"}},
            **_exchange(names.jobs, "direct", Bell),
        },
        "events": {
            "address": "{key}",
            "title": "Hints for gateways; those bind the keys of jobs that somebody watches",
            "parameters": {"key": {"description": "`job.<shard>`, `job.new`, or `due.soon`"}},
            **_exchange(names.events, "topic", Hints),
        },
        "control": {
            "address": None,
            "title": "Orders for workers; each worker hears all of them",
            **_exchange(names.control, "fanout", Order),
        },
    }


def _exchange(name: str, kind: str, message: type[BaseModel]) -> Json:
    exchange = {"name": name, "type": kind, "durable": True, "autoDelete": False, "vhost": "/"}
    binding = {"is": "routingKey", "exchange": exchange, "bindingVersion": "0.3.0"}
    return {
        "servers": [{"$ref": "#/servers/rabbitmq"}],
        "messages": _refs("#/components/messages", (message,)),
        "bindings": {"amqp": binding},
    }


def _operations() -> Json:
    """Return what the gateway does, seen from the gateway."""
    persistent = {"amqp": {"deliveryMode": 2, "mandatory": True, "bindingVersion": "0.3.0"}}
    return {
        "listen": _operation("receive", "socket", FROM_CLIENT, "What a client may say"),
        "push": _operation("send", "socket", FROM_SERVER, "What a client is told"),
        "ring": {
            **_operation("send", "jobs", (Bell,), "Wake a worker of the queue"),
            "bindings": persistent,
        },
        "hint": _operation("send", "events", (Hints,), "Say which jobs have changed"),
        "order": _operation("send", "control", (Order,), "Hurry workers to look what is wanted"),
        "hear": _operation("receive", "events", (Hints,), "Look at the jobs that have changed"),
    }


def _operation(action: str, channel: str, models: Models, summary: str) -> Json:
    messages = _refs(f"#/channels/{channel}/messages", models).values()
    return {
        "action": action,
        "channel": {"$ref": f"#/channels/{channel}"},
        "summary": summary,
        "messages": list(messages),
    }


def _messages() -> Json:
    return {
        model.__name__: {
            "name": model.__name__,
            "summary": " ".join((model.__doc__ or "").split()),
            "payload": {"$ref": f"{REF}{model.__name__}"},
        }
        for model in (*FROM_CLIENT, *FROM_SERVER, *ON_RABBITMQ)
    }


def _refs(where: str, models: Models) -> Json:
    return {model.__name__: {"$ref": f"{where}/{model.__name__}"} for model in models}


def _schemas() -> Json:
    served = [(model, "serialization") for model in (*FROM_SERVER, *ON_RABBITMQ)]
    said = [(model, "validation") for model in FROM_CLIENT]
    _, found = models_json_schema(
        [*served, *said],  # type: ignore[list-item]
        ref_template=REF + "{model}",
        schema_generator=Untitled,
    )
    return {name: _as_draft_7(schema) for name, schema in found["$defs"].items()}


def _as_draft_7(node: Any) -> Any:
    """AsyncAPI's own schemas are a superset of draft 7, where `items` lists a tuple's members."""
    if isinstance(node, list):
        return [_as_draft_7(each) for each in node]
    if not isinstance(node, dict):
        return node
    return {
        "items" if key == "prefixItems" else key: _as_draft_7(value) for key, value in node.items()
    }
