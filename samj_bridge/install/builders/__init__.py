"""Who can make an environment: one folder and one line here for each.

``auto`` takes the first that can work on this machine.
"""

BUILDERS = {
    "micromamba": "samj_bridge.install.builders.micromamba.builder",
    "uv": "samj_bridge.install.builders.uv.builder",
}
"""Name of a builder to its module, which has a function ``make_builder(settings)``; the preferred one first."""
