"""One module per model family: build, transform, prompts. The table names modules, so listing costs no import."""

FAMILIES = {
    "starter": "samj_bridge.worker.families.starter",
    "sam": "samj_bridge.worker.families.sam",
    "efficient-sam": "samj_bridge.worker.families.efficient_sam",
    "sam2": "samj_bridge.worker.families.sam2",
    "efficientvit-sam": "samj_bridge.worker.families.efficientvit_sam",
}
"""Module of each family: it has ``build(spec) -> Model`` and ``shapes(architecture)``, its weights by name."""

ARCHITECTURES = {
    "starter-1": "starter",
    "sam-vit-b": "sam",
    "sam-vit-l": "sam",
    "sam-vit-h": "sam",
    "mobile-sam": "sam",
    "efficient-sam-ti": "efficient-sam",
    "efficient-sam-s": "efficient-sam",
    "sam2.1-tiny": "sam2",
    "sam2.1-small": "sam2",
    "sam2.1-base-plus": "sam2",
    "sam2.1-large": "sam2",
    "efficientvit-sam-l0": "efficientvit-sam",
    "efficientvit-sam-l1": "efficientvit-sam",
    "efficientvit-sam-l2": "efficientvit-sam",
}
"""Family of each architecture, in the order in which a checkpoint is compared with them."""
