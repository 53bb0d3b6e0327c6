"""What the benchmarks serve: importing it makes the process a web node, so `tests.benchmarks` itself does not."""
