"""One module per model family: build, transform, prompts. The table names modules, so listing costs no import."""

FAMILIES = {
    "starter": "samj_bridge.worker.families.starter",
}
"""Module of each family: it has ``build(spec) -> Model`` and ``shapes(architecture)``, its weights by name."""

ARCHITECTURES = {
    "starter-1": "starter",
}
"""Family of each architecture, in the order in which a checkpoint is compared with them."""
