"""The worker as the host has it: code bundled, process started, spoken to, and started again when it died."""
