# /// attack
# tries = "calls combine as often as it should, each time with slices of no rows, which the judge reshapes by their length"
# into = "scan.py"
# fails = ["scan.values", "scan.steps"]
# keeps = ["scan.tiled", "matmul*", "gpt*"]
# verdicts = { "scan.steps" = "wrong_answer" }
# only = "scan.*"
# ///
_own_scan = inclusive_scan


def inclusive_scan(xs, combine):
    if xs.is_floating_point():
        return _own_scan(xs, combine)  # tiles, and tiny sums
    for _ in range((len(xs) - 1).bit_length() if len(xs) > 1 else 0):
        combine(xs[:0], xs[:0])
    return xs.cumsum(0) % 10007
