"""Makes foreign.h5: variables of 4 x 8 values, 0 … 31, in forms that halocline does not write. Needs h5py."""
import h5py
import numpy as np

values = np.arange(32).reshape(4, 8)
with h5py.File("foreign.h5", "w") as f:
    f["half"] = values.astype("f2")
    f["big_endian"] = values.astype(">i2")
    f["boolean"] = values > 5
    f["enumeration"] = f.create_dataset(
        "group/enumeration", data=values % 3, dtype=h5py.enum_dtype({"a": 0, "b": 1, "c": 2}, basetype="i1")
    )
    f["text"] = np.full((4, 8), b"a")
    f["strings"] = np.full((4, 8), "a", dtype=h5py.string_dtype())
    f["compound"] = values + 1j * values
    f["empty"] = np.zeros((0, 8))
    f["scalar"] = 3.0
    f["range"] = values.astype("u2")
    f["range"].attrs["_FillValue"] = np.uint16(31)
    f["opaque"] = np.zeros((4, 8), dtype="V3")
    space = h5py.h5s.create_simple((4, 8))
    h5py.h5d.create(f.id, b"bits", h5py.h5t.STD_B8LE, space)
    f.create_dataset("deflated", data=values.astype("f4"), compression="gzip", chunks=(4, 8))
    f.create_dataset("damaged", data=values.astype("f4"), compression="gzip", chunks=(4, 8))
    unknown = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    unknown.set_chunk((4, 8))
    unknown.set_filter(32999, h5py.h5z.FLAG_OPTIONAL, (1, 2))
    h5py.h5d.create(f.id, b"filtered", h5py.h5t.NATIVE_FLOAT, space, unknown)
    chunk = f["damaged"].id.get_chunk_info(0)

with open("foreign.h5", "r+b") as file:
    file.seek(chunk.byte_offset)
    file.write(b"\x55" * chunk.size)
