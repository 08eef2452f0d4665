# /// attack
# tries = "tests parametrised a hundred thousand times, and names of a megabyte"
# only = "verify.*"
# fails = ["verify.tests"]
# slow = true
# ///
def build(home):
    tests = home / "tests"
    tests.mkdir()
    (tests / "test_many.py").write_text(
        "import pytest\n"
        "@pytest.mark.parametrize('x', range(100000), ids=lambda x: str(x) * 20)\n"
        "def test_many(x):\n    pass\n"
    )
    return home
