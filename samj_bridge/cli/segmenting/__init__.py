"""Parts of ``samj-bridge segment``: the image opened, the prompts that belong to it, the results written."""
