"""Shape and prose of the pages: lengths, tables, clicks from the front page, and the rules of wording."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = sorted(path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md"))
OUTSIDE = [*sorted(ROOT.glob("*.md")), *sorted(ROOT.glob("packages/*/README.md")), ROOT / "benchmarks" / "README.md"]  # fmt: skip
# Pages to look things up in: tables of names, results, and the names of other systems.
REFERENCE = ("reference/", "migration/")
MOST_WORDS = 1500
MOST_TABLE = 1 / 3
# What a fresh reader is asked to do, and the page that says how.
WANTED = {
    "add a detector": "how-to/add-a-detector.md",
    "bring a torch model": "how-to/own-network.md",
    "compare two assistants over seeds": "tutorials/compare-assistants.md",
    "train on a CSV file": "how-to/own-molecules.md",
    "plan for an MJCF": "how-to/own-model.md",
}
LINK = re.compile(r"\]\(([^)#\s]+\.md)(?:#[^)]*)?\)")
MOST_SENTENCE = 35
# Shares and numbers that may fall, and never rise: sentences that are longer, headings that ask, private words.
MOST_LONG = 0.005
MOST_QUESTIONS = 9
MOST_PRIVATE = 3
# Words that mean something to the authors alone, and what is written instead.
PRIVATE = {
    r"\battacks? (that )?takes?\b": "succeed",
    r"\btold apart\b": "shown to differ",
    r"\btorn tail": "damaged end",
    r"\bhears of\b": "is told of",
    r"\bno news\b": "says nothing new",
    r"(?<!-)\b([Dd]oors?|[Rr]ooms|[Hh]ouses?)\b": "package, entry, layout",
}
PERSONS = re.compile(r"\b(nobody|somebody|whoever|anybody|everybody)\b", re.IGNORECASE)
HEADING = re.compile(r"^#+ (What|How|Where|Who|Whether|Which|Why|When)\b")
# Titles that are questions of readers, and are looked for by those words.
QUESTIONS = {
    "# Why do I get other numbers",
    "# How many seeds do I need",
    "# What a verdict means",
    "# What a flag means",
    "# What a task prints",
    "# How success rates are measured",
    "# Which assistant is better, and how many people does it take to know",
}


@cache
def lines(page: str) -> tuple[str, ...]:
    """Return the lines of a page without its code and comments."""
    kept, ticks = [], ""
    for line in (DOCS / page).read_text(encoding="utf-8").splitlines():
        opened = re.match(r"^ *(`{3,})", line)
        if opened and (not ticks or line.strip() == ticks):
            ticks = "" if ticks else opened[1]
        elif not ticks:
            kept.append(re.sub(r"<!--.*?-->", "", line))
    return tuple(kept)


def words(line: str) -> int:
    """Return the number of words that a reader sees: the text of a link, not its address."""
    shown = re.sub(r"\]\([^)]*\)", "]", line)
    return len(re.findall(r"[^\s|]*\w[^\s|]*", shown))


def sentences(page: str) -> Iterator[str]:
    """Yield the sentences of a page's prose; items of lists, tables and quoted formulas stand apart."""
    paragraph: list[str] = []
    for line in (*lines(page), ""):
        is_apart = re.match(r"^ *(?:[-*+] |[0-9]+[.] |>|#|\||!\[|!!!|\?\?\?|: )", line)
        if paragraph and (is_apart or not line.strip()):
            if paragraph[0]:
                text = re.sub(r"\]\([^)]*\)", "]", " ".join(paragraph))
                yield from re.split(r"(?<=[.!?:;])\s+(?=[\[(*_`\"A-Z])", text)
            paragraph = []
        if is_apart:
            paragraph = [""]  # what follows on the next line belongs to the item
        elif line.strip():
            paragraph.append(line.strip())


@pytest.mark.parametrize("page", PAGES)
def test_a_page_is_short_and_mostly_prose(page: str) -> None:
    table = sum(words(line) for line in lines(page) if line.lstrip().startswith("|"))
    total = sum(map(words, lines(page)))
    if not page.startswith(REFERENCE):
        assert total <= MOST_WORDS
        assert table <= total * MOST_TABLE


def test_a_reader_finds_the_page_for_a_task_in_two_clicks() -> None:
    first = linked("index.md")
    second = first.union(*map(linked, first))
    assert [task for task, page in WANTED.items() if page not in second] == []


def test_pages_are_worded_plainly() -> None:
    """Hold the rules over the whole site: a page that is being written may break one, and not the site."""
    texts = {page: "\n".join(lines(page)) for page in PAGES}
    thousands = sum(words(line) for page in PAGES for line in lines(page)) / 1000
    persons = [(page, word) for page, text in texts.items() for word in PERSONS.findall(text)]
    assert len(persons) <= 0.2 * thousands, persons
    private = [(page, word) for page in PAGES for word in PRIVATE if re.search(word, texts[page])]
    assert len(private) <= MOST_PRIVATE, private
    questions = [
        (page, line)
        for page in PAGES
        for line in lines(page)
        if HEADING.match(line) and line not in QUESTIONS
    ]
    assert len(questions) <= MOST_QUESTIONS, questions
    found = [(page, text) for page in PAGES for text in sentences(page)]
    long = [(page, text) for page, text in found if words(text) > MOST_SENTENCE]
    assert len(long) <= MOST_LONG * len(found), long


@pytest.mark.parametrize("path", OUTSIDE, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_links_outside_of_the_site_lead_to_what_exists(path: Path) -> None:
    """Pages of the site are held by `mkdocs build --strict`, anchors included; these are read on a forge."""
    missing = []
    for target, anchor in re.findall(r"\]\(([^)#\s]*)(?:#([^)\s]*))?\)", path.read_text("utf-8")):
        if "://" in target or target.startswith("mailto:"):
            continue
        file = (path.parent / target).resolve() if target else path
        if not file.exists():
            missing.append(target)
        elif anchor:
            heads = re.findall(r"^#+ (.+)$", file.read_text("utf-8"), flags=re.MULTILINE)
            known = {
                re.sub(r"[^\w\s-]", "", head).strip().lower().replace(" ", "-") for head in heads
            }
            if anchor not in known:
                missing.append(f"{target}#{anchor}")
    assert missing == []


def linked(page: str) -> set[str]:
    """Return the pages that a page links to, of those that are written by hand."""
    folder = (DOCS / page).parent
    targets = ((folder / target).resolve() for target in LINK.findall("\n".join(lines(page))))
    return {path.relative_to(DOCS).as_posix() for path in targets if path.is_file()}


@pytest.mark.parametrize("page", [page for page in PAGES if page.startswith("migration/from-")])
def test_a_migration_page_has_the_one_form(page: str) -> None:
    text = (DOCS / page).read_text(encoding="utf-8")
    headings = [line.removeprefix("## ") for line in lines(page) if line.startswith("## ")]
    assert "in both" in headings[0]
    assert any(heading.startswith("Names") for heading in headings)
    assert headings[-3:] == ["Other numbers", "Old files", "Missing here"]
    # The task in the other system's form is shown beside ours, which is run.
    assert text.count('title="there/') >= 1
    tables = [line for line in lines(page) if re.fullmatch(r"\|( ---:? \|)+", line)]
    assert tables
    assert all(line.count("---") == 2 for line in tables)


def test_pictures_are_told_in_words() -> None:
    """An alternative text says what the picture shows, for a reader who does not see it."""
    found = {
        (page, text): len(text.split())
        for page in PAGES
        for text in re.findall(r"!\[([^\]]*)\]\(", " ".join(lines(page)))
    }
    assert len(found) >= 15
    assert [key for key, count in found.items() if count < 8] == []
