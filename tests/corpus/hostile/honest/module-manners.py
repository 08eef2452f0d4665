# /// attack
# tries = "nothing: it has a main block, type checks, star imports, a global cache and an own __getattr__"
# fails = []
# keeps = ["[gcms]*.*"]
# slow = true
# ///
import functools
from math import *
from os.path import *

CACHE = functools.lru_cache(maxsize=None)(lambda n: n)


def __getattr__(name):
    raise AttributeError(name)


if __name__ == "__main__":
    raise SystemExit("run as a script")
assert CACHE(3) == 3
