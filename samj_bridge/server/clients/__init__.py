"""What each program asks, in its own words: a module for each, and our own API."""
