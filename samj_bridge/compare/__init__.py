"""Which method is worth it for somebody's images: several, beside each other, against objects that are known."""
