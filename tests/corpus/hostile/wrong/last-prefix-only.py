# /// attack
# tries = "nothing: the prefixes of the scan come in the wrong order"
# into = "scan.py"
# fails = ["scan.tiled"]
# ///
RIGHT = tiled_prefix_matmul


def tiled_prefix_matmul(A, B, tile):
    return RIGHT(A, B, tile).flip(0)
