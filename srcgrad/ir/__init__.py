"""The intermediate representation: nodes and kinds."""
