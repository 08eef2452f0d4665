# /// attack
# tries = "calls combine just as often, and for just as many rows, as the judge allows in one scan: half a gigabyte of operands that it remembers"
# into = "scan.py"
# fails = ["scan.steps"]
# keeps = ["matmul*", "gpt*"]
# slow = true
# ///
_own_scan = inclusive_scan


def inclusive_scan(xs, combine):
    if xs.is_floating_point():
        return _own_scan(xs, combine)
    rows = xs.new_ones((1024, *xs.shape[1:]))
    for _ in range(8150):
        combine(rows, rows)
    return _own_scan(xs, combine)
