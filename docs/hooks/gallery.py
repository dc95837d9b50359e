"""Make the gallery out of `examples/`: each script with its first sentence, its code and its recorded output."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files

PAGE = "reference/examples.md"
EXAMPLES = Path(__file__).parents[2] / "examples"


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the page, as mkdocs asks for its files."""
    from mkdocs.structure.files import File

    files.append(File.generated(config, PAGE, content="\n".join(gallery())))
    return files


def gallery() -> Iterator[str]:
    """Yield the page."""
    yield (
        "# Examples\n\nScripts of the folder `examples`. Tests run each; the outputs are those of the last check, with `...` for what "
        "differs from run to run.\n"
    )
    for path in sorted(EXAMPLES.glob("*.py")):
        code = path.read_text(encoding="utf-8")
        sentence = (ast.get_docstring(ast.parse(code)) or "").split("\n\n")[0]
        shown = code.partition('"""\n')[2].strip("\n")
        yield f"## {path.stem.replace('_', ' ').capitalize()}\n\n{' '.join(sentence.split())}\n"
        yield f'```python title="{path.name}"\n{shown}\n```\n'
        output = EXAMPLES / "outputs" / f"{path.stem}.txt"
        if output.is_file():
            yield f"```text\n{output.read_text(encoding='utf-8').strip()}\n```\n"
    yield "## Notebooks\n\nOne a domain: run, look at the headline in the cell, change one thing, compare.\n"
    for path in sorted(EXAMPLES.glob("*.ipynb")):
        yield f"- `examples/{path.name}`"
    yield (
        "\n[Taskloom in a notebook](../how-to/notebook.md) shows one in full.\n\n## Plugins\n\nPackages to copy, each with a test "
        "that passes; `tasks new` writes most of them ([Writing a plugin](../how-to/plugin.md)).\n"
    )
    for path in sorted(EXAMPLES.glob("plugins/*/pyproject.toml")):
        yield f"- `examples/plugins/{path.parent.name}`"
