"""Who can make an environment: one file and one line here for each.

``auto`` takes the first that can work on this machine.
"""

BUILDERS = {
    "micromamba": "samj_bridge.install.builders.micromamba",
    "uv": "samj_bridge.install.builders.uv",
}
"""Name of a builder to its module, which has a function ``make_builder(settings)``; the preferred one first."""
