"""From the untyped IR to the typed one: abstract interpretation that resolves every name, call and container.

The typed program is flat: calls of the user's functions are in line (or Invoke statements), containers of a known
layout are replaced by one variable per leaf, tests that are known when compiling are decided.
"""
