"""Functions of NumPy that no derivative flows through, because what they give is no function of floats: indices,
truths, strings, dtypes, dates, settings, and windows, which depend on a count."""

from __future__ import annotations

import numpy as np

from srcgrad.rules.registry import constant

constant(
    # truths and counts
    np.array_equiv, np.bitwise_count, np.iscomplexobj, np.isrealobj, np.isfortran, np.isdtype, np.issubdtype, np.isnat,
    # indices
    np.argpartition, np.broadcast_shapes, np.diag_indices_from, np.mask_indices, np.tril_indices_from,
    np.triu_indices_from, np.ndindex, np.einsum_path,
    # bits
    np.packbits, np.unpackbits,
    # windows of so many points
    np.bartlett, np.blackman, np.hamming, np.hanning,
    # dtypes
    np.common_type, np.min_scalar_type, np.typename, np.finfo, np.iinfo,
    # dates
    np.busday_count, np.busday_offset, np.is_busday, np.datetime_as_string, np.datetime_data,
    # text
    np.array2string, np.array_repr, np.array_str, np.base_repr, np.binary_repr, np.format_float_positional,
    np.format_float_scientific,
    # settings
    np.get_include, np.get_printoptions, np.getbufsize, np.geterr, np.geterrcall,
    # ranks and counts of linear algebra
    np.linalg.matrix_rank,
)  # fmt: skip
