"""Every command in the documents, carried out as a reader would type it, in a folder like theirs."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from grader.sandbox import image

ROOT = Path(__file__).resolve().parent.parent
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), ROOT / "bench" / "README.md"]
BLOCK = re.compile(r"^```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"`((?:make|grade|grader) [^`\n]+)`")

# What takes minutes or hours by design is done on less, by the same command; addresses and files are those of here.
INSTEAD = {
    r"make test": "make test PYTEST_ARGS=tests/test_version.py",
    r"make attack": "PYTEST_ADDOPTS='--attacks zip-bzip2 -k bubblewrap' make attack",
    r"make fuzz.*": "make -n fuzz",  # what it would do is the next command, for one target
    r"sh scripts/fuzz.sh 600 (\w+)": r"sh scripts/fuzz.sh 1 \1",
    r"(.*--attacks) 'zip-\*'": r"\1 'zip-*' --collect-only",
    r"pytest tests/fuzz": "pytest tests/fuzz -k door_zip",
    r"(.*compare alice) reports/alice/history/\S+": r"\1 $(ls reports/alice/history/*.json | head -n 1)",
    r"(\S*grade) (submissions/(?!bob --only).*)": r"\1 --only 'matmul.f*' \2",  # in full by `make demo`
    r"(.*)10\.0\.0\.1(.*)": r"\g<1>127.0.0.1\2",
    # Without a registry: the base and the packages that scripts/make_image.sh keeps.
    r"(docker build .*) \.": r"\1 ${BASE:+--build-arg BASE_IMAGE=$BASE} .",
    r"(docker run) (.*)": r"\1 -v $CACHE:/root/.cache/grader \2",
}
# What goes on until it is stopped, and what it says when it is ready.
STAYS = {r"dask scheduler .*": "Scheduler at", r"grader node .*": "Registered to"}


def commands(document: Path) -> list[str]:
    """Give the commands of a document's shell blocks in order; a block with a `case` in it is one command."""
    found: list[str] = []
    for block in BLOCK.findall(document.read_text(encoding="utf-8")):
        if "\ncase " in block:
            found.append(block)
            continue
        lines = block.replace("\\\n", "").splitlines()
        found += [bare for line in lines if (bare := re.sub(r"\s+# .*", "", line).strip())]
    return found


def here(command: str) -> str:
    """Give what is carried out for a command; the environment's programs are found by their names."""
    command = command.removeprefix(".venv/bin/")
    for pattern, instead in INSTEAD.items():
        command = re.sub(rf"^{pattern}$", instead, command)
    return command


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A checkout in which alice was graded twice and bob once, with the files that the examples speak of.

    The samples are without their tests, which take long.
    """
    home = tmp_path_factory.mktemp("checkout") / "grader"
    left_out = (".ci/", "submissions/mallory/", "submissions/alice/tests/", "submissions/bob/tests/")
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    for name in subprocess.run(listed, cwd=ROOT, check=True, capture_output=True, text=True).stdout.split("\0"):
        if name and not name.startswith(left_out):
            (home / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, home / name)
    (home / ".venv").symlink_to(sys.prefix)
    shutil.copytree(home / "submissions" / "carol", home / "path" / "to" / "submission")
    shutil.make_archive(str(home / "another"), "zip", home / "submissions" / "carol")
    shutil.copy(ROOT / "rubrics" / "minigpt-matmul.toml", home / "mine.toml")
    (home / "grader.toml").write_text("retention_days = 90\n")
    (home / "build" / "fuzz" / "findings").mkdir(parents=True)
    (home / "build" / "fuzz" / "findings" / "door_zip-crash-...").write_bytes(b"PK")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_DATA_HOME", str(home.parent / "data"))  # keys of kits, the book of code names
        patch.setenv("CACHE", str(image.wheelhouse().parent))
        for samples in ("submissions/alice submissions/bob", "submissions/alice"):
            say(f"grade {samples} --sandbox bubblewrap --only 'matmul.f*' --seed 1", home)
        yield home


@pytest.fixture(scope="module")
def carried_out() -> set[str]:
    """The commands that a document before this one had, too."""
    return set()


@pytest.fixture
def offline(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What `docker build` needs where no registry is reached: the base, and every package of the grader as a wheel."""
    known = subprocess.run(["docker", "image", "inspect", image.LOCAL_BASE], capture_output=True, check=False)
    if known.returncode == 0:
        wheels = checkout / "wheels"
        shutil.copytree(image.wheelhouse(), wheels, ignore=shutil.ignore_patterns("made-from"))
        found = "-c constraints.txt --find-links wheels -w wheels/grader"
        say(f"{sys.executable} -m pip wheel -q --disable-pip-version-check {found} . hatchling", checkout)
        for twice in wheels.glob("*.whl"):
            (wheels / "grader" / twice.name).unlink(missing_ok=True)
        monkeypatch.setenv("BASE", image.LOCAL_BASE)


def environment(home: Path) -> dict[str, str]:
    mine = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "PYTHONPATH"))}
    return mine | {"PATH": f"{home / '.venv' / 'bin'}:{os.environ['PATH']}"}


def say(command: str, home: Path, typed: str = "") -> str:
    """Carry a command out as typed in home; fail with all that it said unless it succeeds."""
    done = subprocess.run(
        ["bash", "-c", command], cwd=home, env=environment(home), input=typed,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, f"{command}\nstatus {done.returncode}\n{done.stdout}"
    return done.stdout


@contextmanager
def staying(command: str, home: Path, ready: str) -> Iterator[str]:
    """Start what goes on until it is stopped, give the line by which it is ready, and end it as Ctrl-C does."""
    process = subprocess.Popen(
        ["bash", "-c", f"exec {command}"], cwd=home, env=environment(home), stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    assert process.stdout
    said = []
    try:
        for line in process.stdout:
            said.append(line)
            if re.search(ready, line):
                break
        else:
            pytest.fail(f"{command}\n{''.join(said)}")
        drain = threading.Thread(target=process.stdout.read)
        drain.start()
        yield said[-1]
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=60) in (0, 130, -signal.SIGINT)
        drain.join()
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


@pytest.mark.docker
@pytest.mark.bubblewrap
@pytest.mark.parametrize("document", [d for d in DOCUMENTS if BLOCK.search(d.read_text())], ids=lambda path: path.stem)
def test_what_a_document_says_to_type_works(
    document: Path, checkout: Path, carried_out: set[str], request: pytest.FixtureRequest
) -> None:
    """Each command of a shell block succeeds, one after the other."""
    with ExitStack() as running:
        for command in map(here, commands(document)):
            if command in carried_out:
                continue
            carried_out.add(command)
            if command.startswith("docker build"):
                request.getfixturevalue("offline")
            ready = next((ready for pattern, ready in STAYS.items() if re.fullmatch(pattern, command)), None)
            if ready:
                running.enter_context(staying(command, checkout, ready))
            elif "grader serve" in command:
                with staying(command, checkout, "http://127") as line:
                    link = line.split()[-1]
                    with urllib.request.urlopen(link, timeout=20) as page:
                        assert b"</html>" in page.read()
            else:
                say(command, checkout, typed="seen\n3\n" * 7 + "y\n" if "grader review" in command else "")


@pytest.mark.parametrize(
    "command",
    sorted({found for document in DOCUMENTS for found in INLINE.findall(document.read_text(encoding="utf-8"))}),
)
def test_a_command_in_a_sentence_exists(command: str) -> None:
    """A target of make that a sentence names is there; so are a program's verb and each option."""
    program, *words = command.split()
    if program == "make":
        done = subprocess.run(["make", "-n", words[0]], cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return
    verbs = words[:1] if program == "grader" and not words[0].startswith("-") else []
    verbs += words[1:2] if verbs == ["export"] else []
    shown = say(f"{program} {' '.join(verbs)} --help", ROOT)
    for option in re.findall(r"(?<![\w-])--?[a-z][a-z-]*", command):
        assert re.search(rf"(?<![\w-]){option}(?![\w-])", shown), option
