# /// attack
# tries = "notes and a diagnosis full of markup, images, links, formulas and megabytes"
# fails = ["diagnosis.*"]
# keeps = ["gpt.*", "matmul.*", "scan.*"]
# only = "[gmsd]*.[lftb][oiu][alrg]*"
# ///
EVIL = "<script>alert(1)</script> ![x](http://evil.example/x.png) [x](javascript:alert(1)) =cmd() \u202e \x1b[31m "


def build(home):
    (home / "NOTES.md").write_text(EVIL * 8000)
    toml = "kit = '<b>'\n" + "".join(
        f"[[diagnosis]]\nbug = '<script>{i}</script>'\nwhere = 'javascript:alert(1)'\ntest = '=cmd'\n" for i in range(50)
    )
    (home / "submission.toml").write_text(toml)
    return home
