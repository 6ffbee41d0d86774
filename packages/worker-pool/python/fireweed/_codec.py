"""The codecs, by bit 0 of a frame's flags.

A codec has `encode(value, name)`, which gives the pieces of the meta and the buffers that go out of band, and
`decode(meta, buffers)`. Both raise `Refused`.
"""

from ._builtins import __builtins__
from ._json import Json
from ._pickle5 import Pickle

CODECS = {Pickle.flags: Pickle, Json.flags: Json}
