"""Environments: made, found, tried out, held and removed. See docs/explanation/environments.md."""

from samj_bridge.install.care import check_environment, remove_environment
from samj_bridge.install.manager import create_environment, ensure_environment
from samj_bridge.install.prefixes.adoption import adopt_environment, release_environment
from samj_bridge.install.prefixes.environment import (
    Environment,
    environment_variables,
    find_environment,
    list_environments,
)

__all__ = [
    "Environment",
    "adopt_environment",
    "check_environment",
    "create_environment",
    "ensure_environment",
    "environment_variables",
    "find_environment",
    "list_environments",
    "release_environment",
    "remove_environment",
]
