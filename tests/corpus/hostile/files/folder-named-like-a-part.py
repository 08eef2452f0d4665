# /// attack
# tries = "a folder where a part should be, so that nothing can be laid over it when the tests run"
# only = "[mv]*.[ft]*[rt]*s"
# fails = ["verify.*"]
# keeps = []
# ///
def build(home):
    for part in ("matmul.py", "scan.py"):
        (home / part).unlink()
        (home / part).mkdir()
        (home / part / "__init__.py").write_text("x = 1\n")
    (home / "tests").mkdir()
    (home / "tests" / "test_it.py").write_text("def test_it():\n    assert True\n")
    return home
