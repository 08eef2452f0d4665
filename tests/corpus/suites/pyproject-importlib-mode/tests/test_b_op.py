import matmul
import oracle_of_op as o


def test_op(tmp_path, subtests=None):
    (tmp_path / "seen").write_text("yes")
    for check in o.CHECKS:
        check(matmul)
