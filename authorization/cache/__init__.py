"""The compiled copy of what decisions are made of: one memory-mapped file on each node, kept fresh, answered from."""
