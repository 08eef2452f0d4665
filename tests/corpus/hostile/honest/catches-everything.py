# /// attack
# tries = "nothing: it wraps its calls in try, retries, and patches a helper of torch for its own use"
# fails = []
# keeps = ["[gcms]*.*"]
# into = "scan.py"
# slow = true
# ///
RIGHT_SCAN = inclusive_scan


def inclusive_scan(xs, combine):
    try:
        return RIGHT_SCAN(xs, combine)
    except BaseException:
        print("once more")
        return RIGHT_SCAN(xs, combine)


Tensor.my_own = lambda self: self
