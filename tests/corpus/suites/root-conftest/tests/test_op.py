def test_op(op, mm_check):
    mm_check(op)


def test_scan(scans, scan_check):
    scan_check(scans)
