"""The reverse mode: from a typed program to its forward sweep and the adjoint of each of its statements."""
