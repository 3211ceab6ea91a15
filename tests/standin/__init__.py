"""A stand-in for CuPy on machines without a GPU: NumPy's arrays in a shell that behaves as CuPy's do.

What is in NumPy's memory is hidden from NumPy: nothing is converted without being asked, host arrays are refused beside
device arrays, what is one number in NumPy is an array of no axes, an element is a view, and each look at a value is
counted. What CuPy lacks is lacking: table.json, which tools/cupy_table.py writes, says what there is.

    with installed() as cp:
        x = cp.asarray(np.ones(3))
        with syncs() as waited: ...
"""

from tests.standin.arrays import Waited, syncs
from tests.standin.modules import VERSION, installed

__all__ = ["VERSION", "Waited", "installed", "syncs"]
