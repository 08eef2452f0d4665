def fits(start, tokens, limit):
    if start + tokens.shape[1] > limit:
        raise ValueError(f"position {start + tokens.shape[1] - 1} is outside of block_size {limit}")


def shaped(x, *shape):
    assert all(want is None or want == got for want, got in zip(shape, x.shape, strict=True)), (x.shape, shape)
    return x
