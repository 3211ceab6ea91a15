"""Forward mode: each statement's tangent beside it."""
