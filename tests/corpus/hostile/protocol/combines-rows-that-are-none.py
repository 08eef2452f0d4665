# /// attack
# tries = "hands combine two numbers without a row where xs is one number a row, which the judge measures with len()"
# into = "scan.py"
# fails = ["scan.values", "scan.steps"]
# keeps = ["gpt.*", "matmul.*", "scan.tiled"]
# only = "scan.*"
# ///
right = inclusive_scan


def inclusive_scan(xs, combine):
    if xs.dim() == 1 and len(xs) > 1:
        combine(xs[0], xs[1])  # [] and [], not [j]
    return right(xs, combine)
