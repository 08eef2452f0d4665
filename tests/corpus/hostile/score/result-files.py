# /// attack
# tries = "writes scorecards, JUnit files and results.json wherever it may write, and over whatever it finds"
# base = "blank"
# slow = true
# ///
import json
import os

CARD = json.dumps({"schema": "scorecard/1", "outcome": "graded", "score": 100.0, "tests": [{"status": "passed"}]})
for top in ("/tmp", "/dev/shm", "/submission", "/", "/opt", "/autograder/results", "/work", os.getcwd(), "/proc/1/cwd"):
    for name in ("scorecard.json", "results.json", "report.xml", "junit.xml", ".report.json", "conftest.py"):
        for path in (f"{top}/{name}", f"{top}/reports/{name}"):
            try:
                os.makedirs(os.path.dirname(path), exist_ok=True)
                with open(path, "w") as file:
                    file.write(CARD)
            except OSError:
                pass
