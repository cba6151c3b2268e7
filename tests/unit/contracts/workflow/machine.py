"""A store in memory that runs workflows by the pure decisions alone.

Each follow-up is a letter: it may come twice, late and in any order, as those of real workers do.
What a job does is its fate, drawn from its path, so that two runs can be compared.
"""

from collections import Counter
from datetime import timedelta
from random import Random
from typing import Any

from shared.contracts.attempt import Failure
from shared.contracts.ids import new_id
from shared.contracts.moves import ENDS, Status
from shared.contracts.workflow.bits import set_of
from shared.contracts.workflow.ending import Ended, GraphEnd, error_object, graph_end
from shared.contracts.workflow.faults import BadReference
from shared.contracts.workflow.foreach import (
    collected,
    element_ids,
    element_path,
    elements_of,
    end_of_elements,
    may_start,
)
from shared.contracts.workflow.graph import Graph
from shared.contracts.workflow.growth import (
    Plot,
    hook_id,
    planted,
    replacement_plot,
    spawn_plot,
)
from shared.contracts.workflow.run_if import Parents, Signal, Verdict, signal_of, verdict
from tests.unit.contracts.workflow.documents import BEGAN, Doc, Scope
from tests.unit.contracts.workflow.fates import Fate
from tests.unit.contracts.workflow.values import Values

Letter = tuple[Any, ...]


class Machine(Values):
    """One workflow, from its submission to its end."""

    def __init__(self, graph: Graph, *, fates: Any, schedule: int, clumsy: bool = True) -> None:
        self.random = Random(schedule)
        self.clumsy = clumsy
        self.fates = fates
        self.docs: dict[str, Doc] = {}
        self.scopes: dict[str, Scope] = {}
        self.letters: list[Letter] = []
        self.sent: list[Letter] = []
        self.runnable: list[Doc] = []
        self.hooks: Counter[str] = Counter()
        self.cancel_asked = False
        self.most_at_once: Counter[str] = Counter()
        self._ticks = 0
        self.root = self._plant(Scope(graph, Plot(new_id(BEGAN))))

    # What drives it

    def run(self, *, cancel_after: int | None = None) -> "Machine":
        """Take steps at random until nothing is left to do."""
        for step in range(100_000):
            if step == cancel_after:
                self.cancel()
            if not (self.letters or self.runnable):
                return self
            if self.letters and (not self.runnable or self.random.random() < 0.6):
                self.deliver(self.letters.pop(self.random.randrange(len(self.letters))))
            else:
                self._execute(self.runnable.pop(self.random.randrange(len(self.runnable))))
        raise AssertionError("the workflow never ends")

    def replay(self) -> None:
        """Deliver everything that was ever sent once more."""
        again = list(self.sent)
        self.random.shuffle(again)
        for letter in again:
            self.deliver(letter)

    def cancel(self) -> None:
        if self.root.end is not None:
            return
        self.cancel_asked = True
        for doc in list(self.docs.values()):
            if doc.status not in ENDS and not doc.owned and doc.elements is None:
                self._end(doc, Status.CANCELLED)

    def snapshot(self) -> dict[str, Any]:
        """What became of it."""
        return {"ends": self.ends(), "hooks": dict(self.hooks), "end": self.root.end}

    def ends(self) -> dict[str, Any]:
        """How each job ended, by path."""
        return {doc.path: (doc.status, doc.signal, doc.runs) for doc in self.docs.values()}

    # Follow-ups

    def post(self, *letter: Any) -> None:
        copies = self.random.choice([1, 1, 2]) if self.clumsy else 1
        self.letters += [letter] * copies
        self.sent.append(letter)

    def deliver(self, letter: Letter) -> None:
        kind, *rest = letter
        getattr(self, f"_on_{kind}")(*rest)

    def _on_start(self, doc: Doc) -> None:
        self._decide(doc)

    def _on_told(self, doc: Doc, place: int, signal: Signal) -> None:
        doc.parents = doc.parents.told(set_of([place]), signal)
        self._decide(doc)

    def _on_member(self, scope: Scope, number: int, signal: Signal) -> None:
        place = scope.graph.shape.members.index(number)
        scope.members = scope.members.told(set_of([place]), signal)
        self._finish(scope)

    def _on_grown(self, scope: Scope) -> None:
        self._finish(scope)

    def _on_element(self, doc: Doc, index: int, signal: Signal) -> None:
        assert doc.elements is not None
        doc.elements = doc.elements.told(set_of([index]), signal)
        self._open_elements(doc)

    def _on_owned(self, doc: Doc) -> None:
        if doc.status in ENDS or any(scope.end is None for scope in doc.owned.values()):
            return
        bad = [s for s in doc.owned.values() if s.end and s.end.status is not Status.SUCCEEDED]
        if bad and doc.outcome is Status.SUCCEEDED:
            end = bad[0].end
            assert end is not None
            if end.failed is not None:
                doc.error = self.docs[bad[0].ids[end.failed]].error
            doc.value = None  # what its attempt gave does not count any more
            self._end(doc, end.status)
            return
        if replacement := next((s for s in doc.owned.values() if "+" not in s.plot.path), None):
            doc.value = self.result_of(replacement)
        self._end(doc, doc.outcome)

    # Decisions applied

    def _decide(self, doc: Doc) -> None:
        if doc.status is not Status.WAITING or doc.ran_with is not None:
            return
        if self.cancel_asked:
            self._end(doc, Status.CANCELLED)
            return
        match verdict(doc.node.run_if, doc.parents, hook=doc.node.hook):
            case Verdict.RUN:
                doc.ran_with = doc.parents
                self._begin(doc)
            case Verdict.SKIP:
                self._end(doc, Status.SKIPPED)
            case Verdict.SKIP_UPSTREAM:
                doc.error = self._cause(doc)
                self._end(doc, Status.SKIPPED, upstream=True)

    def _begin(self, doc: Doc) -> None:
        node = doc.node
        try:
            if node.task is None:
                doc.value = self._resolve(node.input, doc)
                self._end(doc, Status.SUCCEEDED)
            elif node.foreach is not None:
                self._expand(doc, elements_of(self._resolve(node.foreach, doc), node=doc.path))
            else:
                self._enqueue(doc)
        except BadReference as error:
            self._fail(doc, "bad-reference", str(error))

    def _expand(self, doc: Doc, items: list[Any]) -> None:
        ids = list(element_ids(doc.id, range(len(items))))
        for index, (job_id, item) in enumerate(zip(ids, items, strict=True)):
            path = element_path(doc.path, index)
            element = Doc(job_id, path, doc.node, doc.scope, index, Parents.waiting(0), item=item)
            element.element_of = doc
            self.docs.setdefault(job_id, element)
        doc.elements = Parents.waiting(len(items))
        self._open_elements(doc)

    def _open_elements(self, doc: Doc) -> None:
        assert doc.elements is not None
        if doc.status in ENDS:
            return
        ids = list(element_ids(doc.id, range(doc.elements.total)))
        for job_id in ids[: may_start(doc.elements, doc.node.max_parallel)]:
            element = self.docs[job_id]
            if element.status is Status.WAITING and element.ran_with is None:
                element.ran_with = element.parents
                self._enqueue(element)
        busy = [d for d in map(self.docs.__getitem__, ids) if d.ran_with and d.status not in ENDS]
        self.most_at_once[doc.path] = max(self.most_at_once[doc.path], len(busy))
        if not doc.elements.open:
            self._end_of_elements(doc, [self.docs[each] for each in ids])

    def _end_of_elements(self, doc: Doc, elements: list[Doc]) -> None:
        doc.value = collected(self.known(each) for each in elements)
        assert doc.elements is not None
        bad = [each for each in elements if each.signal is not Signal.GOOD]
        if bad:
            doc.error = min(bad, key=lambda each: each.at).error
        self._end(doc, end_of_elements(doc.elements))

    def _enqueue(self, doc: Doc) -> None:
        if self.cancel_asked:
            self._end(doc, Status.CANCELLED)
            return
        doc.status = Status.QUEUED
        self.runnable.append(doc)

    def _execute(self, doc: Doc) -> None:
        if doc.status in ENDS:
            return
        doc.runs += 1
        fate: Fate = self.fates(doc.path)
        try:
            item = doc.item
            self._resolve(doc.node.input, doc, item=item)
        except BadReference as error:
            self._fail(doc, "bad-reference", str(error))
            return
        for number, (graph, wait) in enumerate(fate.spawned):
            plot = spawn_plot(doc.id, doc.path, number)
            for _ in range(self.random.choice([1, 2])):  # an attempt that is repeated
                self._grow(doc, graph, plot, wait=wait)
        if fate.replaced_by is not None:
            plot = replacement_plot(doc.id, doc.path, fate.replaced_by)
            self._grow(doc, fate.replaced_by, plot, wait=True)
        doc.value = fate.value
        doc.outcome = fate.status
        if fate.status is not Status.SUCCEEDED:
            doc.error = self._error(doc, "ValueError", doc.path)
        doc.status = Status.WAITING
        self._on_owned(doc)

    def _grow(self, doc: Doc, graph: Graph, plot: Plot, *, wait: bool) -> None:
        if plot.seed in self.scopes:
            self._plant(self.scopes[plot.seed])  # nothing is added twice
            return
        scope = Scope(graph, plot)
        if wait:
            scope.owner = doc
            doc.owned[plot.seed] = scope
        elif not doc.node.hook:  # nobody waits for a hook, nor for what grows from it
            scope.beside = doc.scope
            doc.scope.growths[plot.seed] = scope
        self._plant(scope)

    def _plant(self, scope: Scope) -> Scope:
        self.scopes.setdefault(scope.plot.seed, scope)
        scope.ids = []
        for each in planted(scope.graph, scope.plot):
            doc = Doc(each.id, each.path, each.node, scope, each.number, each.parents)
            self.docs.setdefault(each.id, doc)
            scope.ids.append(each.id)
            if not each.node.parents:
                self.post("start", self.docs[each.id])
        if scope.end is None and not scope.members.total:
            scope.members = Parents.waiting(len(scope.graph.shape.members))
        self._finish(scope)
        return scope

    def _fail(self, doc: Doc, kind: str, said: str) -> None:
        doc.error = self._error(doc, kind, said)
        self._end(doc, Status.FAILED)

    def _error(self, doc: Doc, kind: str, said: str) -> dict[str, Any]:
        failure = Failure(type=kind, message=said, retryable=False, attempt=1)
        return error_object(path=doc.path, job_id=doc.id, failure=failure, attempts=1)

    def _end(self, doc: Doc, status: Status, *, upstream: bool = False) -> None:
        if doc.status in ENDS:
            return
        self._ticks += 1
        doc.at = BEGAN + timedelta(milliseconds=self._ticks)
        doc.status = status
        tolerate = doc.node.tolerate and doc.element_of is None
        doc.signal = signal_of(status, tolerate=tolerate, upstream=upstream)
        if doc.element_of is not None:
            self.post("element", doc.element_of, doc.number, doc.signal)
            return
        for child, place in doc.scope.graph.shape.edges[doc.number]:
            self.post("told", self.docs[doc.scope.ids[child]], place, doc.signal)
        if not doc.node.hook:
            self.post("member", doc.scope, doc.number, doc.signal)

    def _finish(self, scope: Scope) -> None:
        growing = any(grown.end is None for grown in scope.growths.values())
        if scope.end is not None or scope.members.open or growing:
            return
        scope.end = self._end_of(scope)
        kind = {Status.SUCCEEDED: "on_success", Status.FAILED: "on_failure"}.get(scope.end.status)
        hooks = getattr(scope.graph, kind) if kind else ()
        for number, hook in enumerate(hooks):
            self.hooks[hook_id(scope.plot.seed, str(kind), number)] += 1
            assert hook.hook
        if scope.owner:
            self.post("owned", scope.owner)
        if scope.beside:
            self.post("grown", scope.beside)

    def _end_of(self, scope: Scope) -> GraphEnd:
        ends = [self._ended(self.docs[each]) for each in scope.ids]
        end = graph_end(scope.graph, ends, cancel_asked=self.cancel_asked)
        grown = [s.end.status for s in scope.growths.values() if s.end]
        if end.status is Status.SUCCEEDED and (bad := [s for s in grown if s is not end.status]):
            return GraphEnd(bad[0])
        return end

    def _ended(self, doc: Doc) -> Ended | None:
        return Ended(doc.signal, doc.status, doc.at) if doc.signal else None
