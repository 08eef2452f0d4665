def matrix_transpose(X):
    return X.swapaxes(-1, -2)
