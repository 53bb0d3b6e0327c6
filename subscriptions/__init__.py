"""Partner platforms: what each of them may pull and push, and the OCPI 2.1.1 that they speak with the portal."""
