"""The page at ``/``: what it is made of, the images that are open in it, and the work that is kept for each."""
