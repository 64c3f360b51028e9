# SPDX-License-Identifier: Apache-2.0
"""Pages and README: links lead somewhere, commands are understood, examples give what they say."""

import doctest
import re
import shlex
from pathlib import Path

import presets_page
import pytest

from flightllm_hw.cli.main import main

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md",
         *sorted(page for page in DOCS.rglob("*.md") if "api" not in page.parts)]
LINK = re.compile(r"\]\(([^)\s#]+)(?:#[^)]*)?\)")
PROGRAM = ".venv/bin/flightllm-hw"


def name(page):
    return str(page.relative_to(ROOT))


def links(text):
    """What a page refers to by a path; code is none of it."""
    text = re.sub(r"```.*?```|`[^`]*`", "", text, flags=re.DOTALL)
    return [target for target in LINK.findall(text) if "://" not in target]


def there(page, target):
    """Whether a path leads somewhere, or will when the site is built."""
    path = (page.parent / target).resolve()
    if path.parent == DOCS / "api":
        module = path.stem.replace(".", "/")
        return any((ROOT / f"{module}{end}").exists() for end in (".py", "/__init__.py"))
    if path.parent.name == "waves":
        path = path.with_suffix(".json")
    return path.exists()


def commands(text):
    """Lines that call the program, continued ones joined, remarks left out."""
    for line in text.replace("\\\n", " ").splitlines():
        words = line.strip().strip("`")
        if words.startswith(PROGRAM + " "):
            yield shlex.split(words, comments=True)[1:]


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links_lead_somewhere(page):
    for target in links(page.read_text(encoding="utf-8")):
        assert there(page, target), f"{name(page)} refers to {target}, which is not there"


def test_a_link_that_leads_nowhere_would_be_seen():
    assert links("[a](b.md#c), `[d](e.md)`, [f](https://g.h)") == ["b.md"]
    assert not there(DOCS / "index.md", "no/such/page.md")


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_commands_are_understood(page, capsys):
    for words in commands(page.read_text(encoding="utf-8")):
        # What follows --help is not looked at, what precedes it is.
        with pytest.raises(SystemExit) as ended:
            main([*words, "--help"])
        assert ended.value.code == 0, f"{name(page)}: {' '.join(words)}"
    capsys.readouterr()


def test_there_are_commands_and_wrong_ones_are_seen(capsys):
    assert len(list(commands(PAGES[0].read_text(encoding="utf-8")))) >= 8
    (words,) = commands(f"    {PROGRAM} run --no-such-option \\\n    here  # a remark")
    assert words == ["run", "--no-such-option", "here"]
    with pytest.raises(SystemExit) as ended:
        main(["run", "--device", "nothing", "--help"])
    assert ended.value.code == 2
    capsys.readouterr()


EXAMPLES = [page for page in PAGES if ">>> " in page.read_text(encoding="utf-8")]


@pytest.mark.parametrize("page", EXAMPLES, ids=name)
def test_examples_give_what_they_say(page):
    # A fence ends an example, as an empty line does.
    text = re.sub(r"^```.*$", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE)
    test = doctest.DocTestParser().get_doctest(text, {}, name(page), str(page), 0)
    result = doctest.DocTestRunner().run(test)
    assert result.attempted and not result.failed


def test_the_page_of_presets_is_made_from_them():
    assert (DOCS / "presets.md").read_text(encoding="utf-8") == presets_page.markdown(), (
        "docs/presets.md is not made from the presets as they are; write what"
        " presets_page.markdown() of docs/site returns into it")
