"""What environments cost beside the bare tools."""
