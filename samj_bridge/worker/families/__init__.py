"""One module per model family: build, transform, prompts. The table names modules, so listing costs no import."""

FAMILIES = {
    "starter": "samj_bridge.worker.families.starter",
}
