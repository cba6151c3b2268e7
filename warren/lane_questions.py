"""What can be asked of the service about lanes: each question is one conversation."""

from __future__ import annotations

from warren.patience import Patience
from warren.questions import path_of, post, read
from warren.service_views import LaneView
from warren.talk import Call, Talk


def get(patience: Patience, key: str) -> Talk[LaneView]:
    """Read a lane."""
    answer = yield from patience.ask(Call("GET", path_of(key, "lanes")))
    return LaneView.model_validate(read(answer))


def steer(patience: Patience, key: str, step: str, note: str | None) -> Talk[LaneView]:
    """Hold, resume or drain a lane."""
    body = {} if note is None else {"note": note}
    answer = yield from post(patience, f"{path_of(key, 'lanes')}/{step}", body)
    return LaneView.model_validate(read(answer))
