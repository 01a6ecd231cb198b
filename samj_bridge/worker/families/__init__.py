"""One module per model family: build, transform, prompts. The table names modules, so listing costs no import."""

from samj_bridge.protocol.architectures import ARCHITECTURES

__all__ = ["ARCHITECTURES", "FAMILIES"]

FAMILIES = {
    "starter": "samj_bridge.worker.families.starter",
    "sam": "samj_bridge.worker.families.sam",
    "efficient-sam": "samj_bridge.worker.families.efficient_sam",
    "sam2": "samj_bridge.worker.families.sam2",
    "efficientvit-sam": "samj_bridge.worker.families.efficientvit_sam",
    "lite-medsam": "samj_bridge.worker.families.lite_medsam",
}
"""Module of each family: it has ``build(spec) -> Model`` and ``shapes(architecture)``, its weights by name."""
