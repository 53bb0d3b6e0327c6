"""Who may charge where, decided by pure functions: rows in, a decision with its reason out. Standard library only."""
