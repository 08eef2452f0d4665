# /// attack
# tries = "scans one row after the other, but for the intervals that steps are counted with, which it knows by their values"
# into = "scan.py"
# only = "scan.*"
# fails = ["scan.steps"]
# keeps = ["scan.values", "scan.tiled"]
# ///
_steps = inclusive_scan


def inclusive_scan(xs, combine):
    if xs.dim() == 2 and xs.size(1) == 2 and (xs == torch.arange(len(xs))[:, None]).all():
        return _steps(xs, combine)
    ys = [xs[i : i + 1] for i in range(len(xs))]
    for i in range(1, len(ys)):
        ys[i] = combine(ys[i - 1], ys[i])
    return torch.cat(ys) if ys else xs.clone()
