"""Passes over generated code: each leaves what the code computes as it is."""
