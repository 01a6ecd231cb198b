"""Networks written for this project, one file per concept; torch and numpy only."""
