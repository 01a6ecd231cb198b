"""Prompts as they are given: on the command line, and in files of each kind, one module per kind."""

from samj_bridge.cli.read_prompts.files import read_prompts
from samj_bridge.cli.read_prompts.found import FoundPrompts
from samj_bridge.cli.read_prompts.typed import command_line_prompts, parse_channels, parse_numbers

__all__ = ["FoundPrompts", "command_line_prompts", "parse_channels", "parse_numbers", "read_prompts"]
