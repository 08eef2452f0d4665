# /// attack
# tries = "scans and tiles are wrong in float32, and scans of more than 600 rows"
# into = "scan.py"
# only = "scan.*"
# fails = ["scan.values", "scan.tiled"]
# ///
_s, _t = inclusive_scan, tiled_prefix_matmul


def inclusive_scan(xs, combine):
    ys = _s(xs, combine)
    return ys * 2 if ys.dtype == torch.float32 or len(xs) > 600 or 100 < len(xs) < 130 else ys


def tiled_prefix_matmul(A, B, tile):
    return _t(A, B, tile) * (2 if A.dtype == torch.float32 or max(A.size(0), B.size(1)) > 4 else 1)
