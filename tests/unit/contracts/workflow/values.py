"""What the nodes of a store in memory are worth to each other."""

from typing import Any

from shared.contracts.workflow.resolution import Known, resolve
from shared.contracts.workflow.run_if import Signal
from tests.unit.contracts.workflow.documents import Doc, Scope


class Values:
    """The half of the machine that puts values into templates."""

    docs: dict[str, Doc]

    def known(self, doc: Doc) -> Known:
        has_value = doc.signal is Signal.GOOD or doc.elements is not None
        return Known(doc.value, error=doc.error, missing=not has_value)

    def result_of(self, scope: Scope) -> Any:
        return resolve(scope.graph.result, self._all_known(scope))

    def _resolve(self, template: Any, doc: Doc, *, item: Any = None) -> Any:
        known = self._all_known(doc.scope)
        return resolve(template, {**known, "": known.get(doc.node.subject, Known())}, item=item)

    def _all_known(self, scope: Scope) -> dict[str, Known]:
        docs = [self.docs[each] for each in scope.ids]
        return {doc.node.name: self.known(doc) for doc in docs}

    def _cause(self, doc: Doc) -> dict[str, Any] | None:
        those = [self.docs[doc.scope.ids[i]] for i in doc.scope.graph.shape.parents[doc.number]]
        bad = [d for d in those if d.signal in (Signal.FAILED, Signal.UPSTREAM) and d.error]
        return min(bad, key=lambda d: d.at).error if bad else None
