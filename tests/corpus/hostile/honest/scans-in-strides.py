# /// attack
# slow = true
# tries = "nothing: pads to a power of two, hands combine strided, expanded and negated views, works in place on its own copy and answers with a view of it"
# into = "scan.py"
# fails = []
# keeps = ["gpt.*", "cache.*", "matmul.*", "scan.*"]
# only = "scan.*"
# ///
def inclusive_scan(xs, combine):
    n = len(xs)
    steps = max(0, n - 1).bit_length()
    wide = xs.new_zeros((2 * n, *xs.shape[1:]))
    ys = wide[::2]  # every second row
    ys.copy_(xs)
    for step in range(steps):
        offset = 2**step
        left, right = ys[:-offset], ys[offset:]
        ys[offset:] = combine(left, right)
    return ys


def tiled_prefix_matmul(A, B, tile):
    parts = [a @ b for a, b in zip(A.split(tile, 1), B.split(tile, 0))] if A.size(1) else []
    if not parts:
        return A.new_zeros(0, A.size(0), B.size(1))
    return torch.stack(parts).cumsum(0).movedim(0, -1).contiguous().movedim(-1, 0)
