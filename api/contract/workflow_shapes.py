"""What is said and answered about workflows, as models."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, WithJsonSchema

from api.contract.shapes import Id, Shape
from api.workflows.steering import Rerun, Skip
from shared.contracts.moves import Status
from shared.contracts.submission import Options
from shared.contracts.workflow.drafting import WorkflowFields

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.\-]{0,99}$")]
Template = Annotated[
    dict[str, Any],
    Field(
        description='an input in which `{"$from": "node", "path": "/json/pointer"}` stands for the '
        'result of a node, `{"$error": "node"}` for its error, `{"$item": "/json/pointer"}` for '
        "the element of a `foreach`; `$literal` keeps a value as it is"
    ),
]
Task = Annotated[str, Field(min_length=1, max_length=200)]
Rule = (
    Literal["all_succeeded", "all_done", "any_succeeded", "any_failed"]
    | Annotated[
        dict[str, int],
        WithJsonSchema(
            {
                "type": "object",
                "properties": {"succeeded": {"type": "integer", "minimum": 1}},
                "required": ["succeeded"],
                "additionalProperties": False,
            }
        ),
    ]
)
List = Annotated[
    list[Any] | dict[str, Any],
    WithJsonSchema({"anyOf": [{"type": "array"}, {"type": "object"}]}),
]


class Hook(Options):
    """A job that runs when a node or the whole has ended so; nobody waits for it."""

    task: Task
    input: Template = Field(default_factory=dict)


Hooks = Hook | list[Hook] | None


class WorkflowNode(Options):
    """A task to run, or with `value` something put together from other nodes without running."""

    task: Task = Field(default="", json_schema_extra={"default": None})
    value: Any = Field(default=None, description="in place of a task: a template of any form")
    input: Template = Field(default_factory=dict)
    after: list[Name] = Field(default=[], description="nodes to wait for beside those referred to")
    run_if: Rule = Field(default="all_succeeded", description="how the nodes before it must end")
    foreach: List = Field(
        default=[], description="a list, or a reference to one: a job for each element"
    )
    max_parallel: int | None = Field(
        default=None, ge=1, description="of a foreach: how many of its jobs run at once"
    )
    tolerate: bool = Field(default=False, description="its failure does not fail the workflow")
    hook: bool = Field(default=False, description="the workflow does not wait for it")
    on_success: Hooks = None
    on_failure: Hooks = None


class WorkflowRequest(WorkflowFields):
    """A graph of jobs."""

    nodes: dict[Name, WorkflowNode] = Field(max_length=100_000)
    result: Any = Field(
        default=None,
        description="a template; without it, the value of the only sink, or those of all by name",
    )
    on_success: Hooks = Field(default=None, description="run once, if the whole has succeeded")
    on_failure: Hooks = Field(default=None, description="run once, if the whole has failed")


class NodeError(Shape):
    """Why a node or a workflow has no result: the failure it goes back to."""

    node: str = Field(description="the path of the node that failed")
    job_id: str
    type: str
    message: str
    attempts: int


class ElementCounts(Shape):
    """How the jobs of a foreach stand."""

    total: int
    open: int
    succeeded: int
    failed: int


class NodeState(Shape):
    """How a node stands."""

    id: Id = Field(description="of its job as well, if it is one job")
    task: str | None = Field(description="null for a node with a value")
    status: Status
    after: list[str] = Field(description="the nodes that it waits for")
    run_if: Any
    tolerate: bool
    hook: bool
    attempt: int | None = Field(description="of its job; null before the first, and for a foreach")
    counts: ElementCounts | None = Field(description="of a foreach, once its list is known")
    error: NodeError | None
    finished_at: datetime | None


class HookState(Shape):
    """A hook of the whole that runs or has run."""

    node: str
    task: str
    id: Id
    status: Status


class WorkflowLinks(Shape):
    """Where the rest of a workflow is."""

    self: str
    nodes: str
    results: str
    events: str
    jobs: str


class WorkflowSummary(Shape):
    """A workflow without its nodes."""

    id: Id
    status: Literal["running", "succeeded", "failed", "cancelled"]
    done: bool
    total: int = Field(description="nodes, hooks included")
    open: int = Field(description="nodes that have not ended, hooks left out")
    error: NodeError | None
    tags: list[str]
    metadata: dict[str, Any]
    run_at: datetime | None
    created_at: datetime
    finished_at: datetime | None
    cancel_asked_at: datetime | None
    run: int = Field(description="how often parts of it were run again by hand")
    version: int
    links: WorkflowLinks


class Workflow(WorkflowSummary):
    """A graph of jobs, and how far it has come."""

    counts: dict[str, int] = Field(description="nodes by status")
    nodes: dict[str, NodeState] = Field(description="by path, in declared order")
    nodes_left_out: bool = Field(description="they are more than 1,000; links.nodes has them")
    hooks: list[HookState]
    result: Any = Field(description="null until it has succeeded")


class WorkflowPage(Shape):
    """Some workflows, and how to get those after them."""

    workflows: list[WorkflowSummary]
    next_page_token: str | None = Field(description="null on the last page")


class NodePage(Shape):
    """Some nodes of a workflow, and how to get those after them."""

    nodes: dict[str, NodeState] = Field(description="by path, in declared order")
    next_page_token: str | None = Field(description="null on the last page")


class CriticalPath(Shape):
    """The longest way through the graph, by how long recent jobs of its tasks took."""

    nodes: list[str]
    seconds: float
    unknown_tasks: list[str] = Field(description="nobody knows how long; they count as one second")


class PlannedNode(Shape):
    """A node of a graph that was only checked."""

    task: str | None
    after: list[str]
    run_if: Any
    foreach: bool
    hook: bool


class WorkflowPlan(Shape):
    """What would become of a submission."""

    total: int
    nodes: dict[str, PlannedNode]
    order: list[str] = Field(description="each node behind those that it depends on")
    sinks: list[str]
    critical_path: CriticalPath


ANSWERS: tuple[type[BaseModel], ...] = (
    *(Workflow, WorkflowPlan),
    *(WorkflowPage, NodePage),
)
TAKEN: tuple[type[BaseModel], ...] = (WorkflowRequest, Rerun, Skip)
