# /// attack
# tries = "drops the last, short tile where tiles are wider than ten; the judge never cuts a wider one"
# into = "scan.py"
# fails = ["scan.tiled"]
# keeps = ["scan.values", "scan.steps"]
# only = "scan.tiled"
# ///
_every_tile = tiled_prefix_matmul


def tiled_prefix_matmul(A, B, tile):
    if tile > 10 and A.size(1) % tile:
        whole = A.size(1) // tile * tile
        return _every_tile(A[:, :whole], B[:whole], tile)
    return _every_tile(A, B, tile)
