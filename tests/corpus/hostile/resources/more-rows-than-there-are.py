# /// attack
# tries = "makes as many combines as it should for thirty-three rows, each with a million more, all of which the judge turns into Python tuples"
# into = "scan.py"
# fails = ["scan.steps"]
# keeps = ["gpt.*", "matmul.*", "scan.tiled"]
# only = "scan.[st]*"
# ///
right = inclusive_scan


def inclusive_scan(xs, combine):
    if len(xs) != 33 or xs.dim() != 2:
        return right(xs, combine)
    many = torch.arange(1_800_000).reshape(-1, 2)

    def with_more(left, rest):
        return combine(torch.cat([left, many]), torch.cat([rest, many]))[: len(left)]

    return right(xs, with_more)
