"""System checks for wrong settings: each says which variable to set, and to what."""
