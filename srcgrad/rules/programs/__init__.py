"""Functions of SciPy that run functions of the user's, and objects that are made of arrays."""
