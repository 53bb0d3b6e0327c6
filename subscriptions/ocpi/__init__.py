"""`/ocpi/`: what partner platforms pull, ask and push, as OCPI 2.1.1 has it."""
