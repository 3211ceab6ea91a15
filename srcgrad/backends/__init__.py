"""The libraries whose arrays generated code works on: see targets."""
