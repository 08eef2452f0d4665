# /// attack
# tries = "hands in stubs, and beside each a file whose name looks the same to the last pixel: Mongolian and other variation selectors, a note without a head, a filler of a dead script"
# base = "blank"
# ///
def build(folder):
    (folder / "tests").mkdir(parents=True, exist_ok=True)
    marks = ("\u180b", "\u180c", "\u180d", "\u180f", "\U000e0100", "\U000e01ef", "\U0001d159", "\U00016fe4")
    for part, stub in (
        ("minigpt.py", "class MiniGPT:\n    def __init__(self, config):\n        raise NotImplementedError\n"),
        ("matmul.py", "def MatMul():\n    raise NotImplementedError\n"),
        ("scan.py", "def inclusive_scan(xs, combine):\n    raise NotImplementedError\n"),
        ("NOTES.md", "Nothing.\n"),
    ):
        (folder / part).write_text(stub)
        for mark in marks:
            (folder / f"{part}{mark}").write_text("print('I am not the file that you think I am')\n")
            (folder / f"{part[:3]}{mark}{part[3:]}").write_text("raise SystemExit\n")
    (folder / "tests" / f"test_{marks[0]}.py").write_text("def test_nothing():\n    assert False\n")
    return folder
