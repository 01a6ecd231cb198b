"""What host and worker both need: messages, lines, shared arrays, failure codes, folders. Standard library only."""

PROTOCOL_VERSION = "1.7"
"""Major.minor of the operations in docs/reference/protocol.md; a worker with another major number is refused."""
