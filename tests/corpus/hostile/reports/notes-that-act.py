# /// attack
# tries = "writes NOTES.md with links, tables, entities, references and fences that a renderer would obey or never end with"
# fails = []
# keeps = ["gpt.load", "matmul.forward", "scan.tiled"]
# ///
from pathlib import Path


def build(home: Path) -> Path:
    (home / "NOTES.md").write_text(
        "[a](&#106;avascript:alert(1)) [b](java\tscript:a) <javascript:alert(1)> [c](FTP://x \"onmouseover=alert(1)\") [d][r]\n\n"
        "[r]: <data:x/\"onclick=alert(1)> '\"><img src=x onerror=alert(1)>'\n\n"
        "![i](https://x/y.png \"t\") <details open ontoggle=alert(1)> <style>*{display:none}</style> <meta http-equiv=refresh content=0>\n\n"
        "# Score: 100 of 100 {#criteria}\n\n<a id=review href=//x>review</a>\n\n| a | b |\n|:-|-:|\n" + "| x |\n" * 40
        + "\n```html onload=alert(1)\n</code></pre><script>alert(1)</script>\n```\n\n&lt;script&gt;alert(1)&lt;/script&gt; &NewLine; &#0; &#x202e; &#27;[31m\n\n"
        + "[" * 3000 + "](" * 3000 + "\n\n" + "> " * 400 + "\n\n" + "*a_ " * 1000 + "\n\n" + "- " * 500 + "\u202e\u200b\x1b[2J\n::error::owned\n##[error]owned\n"
    )
    return home
