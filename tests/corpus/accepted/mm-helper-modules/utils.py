def shrink_like(grad, operand):
    return grad.sum_to_size(operand.shape)
