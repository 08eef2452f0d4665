# /// attack
# tries = "hands combine 61 MiB at a time, all of which the judge remembers"
# into = "scan.py"
# fails = ["scan.values", "scan.steps"]
# keeps = ["gpt.*", "matmul.*", "scan.tiled"]
# only = "scan.*"
# ///
right = inclusive_scan


def inclusive_scan(xs, combine):
    if xs.dtype.is_floating_point or xs.dim() < 2 or combine is torch.add:
        return right(xs, combine)
    row = xs.new_zeros(1, *xs.shape[1:])
    many = row.expand((30 << 20) // (8 * row.numel()), *row.shape[1:])
    for _ in range(4096):
        combine(many, many)
    return right(xs, combine)
