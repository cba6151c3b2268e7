"""How Warren is started: on a developer's machine (`deploy.local`) and elsewhere (manifests)."""
