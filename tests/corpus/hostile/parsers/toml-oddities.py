# /// attack
# tries = "submission.toml whose values are of every wrong kind, with markup and paths in the kit's name"
# fails = ["diagnosis.*"]
# keeps = ["gpt.*", "matmul.*", "scan.*"]
# only = "[gmsd]*.[lftb][oiu][alrg]*"
# slow = true
# ///
def build(home):
    (home / "submission.toml").write_text(
        'kit = "../../../../etc/passwd"\n'
        "[[diagnosis]]\nbug = 'mask'\nwhere = '<script>alert(1)</script>'\ntest = 1979-05-27T07:32:00Z\n"
        "[[diagnosis]]\nbug = '\\u202e=cmd'\nwhere = nan\n".replace("nan", "inf")
    )
    return home
