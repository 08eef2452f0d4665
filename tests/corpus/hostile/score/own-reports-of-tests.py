# /// attack
# tries = "tests that patch pytest to report a pass here and a failure there, by a count that it keeps on disk"
# only = "verify.*"
# fails = ["verify.tests"]
# slow = true
# ///
from pathlib import Path


def build(home):
    tests = home / "tests"
    tests.mkdir()
    (tests / "test_count.py").write_text(
        "import glob, os\n"
        "def test_count():\n"
        "    seen = 0\n"
        "    for place in ('/tmp', '/dev/shm', '/submission', '/submission/tests', '/var/tmp', os.getcwd()):\n"
        "        try:\n"
        "            seen += os.path.exists(place + '/.seen')\n"
        "            open(place + '/.seen', 'w').close()\n"
        "        except OSError:\n"
        "            pass\n"
        "    assert not seen\n"
    )
    return home
