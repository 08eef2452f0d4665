# /// attack
# tries = "nothing: it reads files that it brought along and writes its notes to /tmp"
# fails = []
# keeps = ["gpt.*", "matmul.*", "scan.*"]
# ///
def build(home):
    (home / "data").mkdir()
    (home / "data" / "gr\u00f6\u00dfe.json").write_text('{"n": 3}')
    text = (home / "matmul.py").read_text()
    (home / "matmul.py").write_text(
        text + "import json, pathlib, tempfile\n"
        "here = pathlib.Path(__file__).parent\n"
        "assert json.loads((here / 'data' / 'gr\u00f6\u00dfe.json').read_text())['n'] == 3\n"
        "with tempfile.NamedTemporaryFile('w') as file:\n    file.write('notes')\n"
    )
    for name in (".editorconfig", "Makefile", "README.md", "requirements.txt", "pyproject.toml"):
        (home / name).write_text("[project]\nname = 'x'\n")
    return home
