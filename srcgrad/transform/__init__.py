"""From the typed primal to the statements of its gradient."""
