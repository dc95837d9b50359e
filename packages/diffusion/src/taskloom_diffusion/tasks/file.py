"""Any sequences of a user: molecules, peptides, words, one a line."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator
from taskloom import InputPath

from taskloom_diffusion.config import DiffusionConfig
from taskloom_diffusion.corpora.corpus import Corpus
from taskloom_diffusion.corpora.files import read_corpus
from taskloom_diffusion.corpora.intake import Options
from taskloom_diffusion.corpora.molecular_form import Form, Keep
from taskloom_diffusion.task import CorpusTask


class FileConfig(DiffusionConfig):
    """A file of sequences."""

    path: InputPath = Path("corpus.smi")
    """File of sequences, or folder of documents: one a line, SMILES with names, or a column of CSV, TSV, Parquet or JSON Lines, or an SDF; `.gz` is fine."""
    column: str = ""
    """Column of a table, or field of JSON Lines; empty means whole lines."""
    content: Literal["smiles", "lines", "documents"] = "smiles"
    """`smiles` are checked by RDKit, made canonical and freed of duplicates; `lines` stay as they are; `documents` are the files of
    a folder, one file, or a field of JSON Lines, each with an end that is a token."""
    pattern: str = "*.txt*"
    """Files of a folder of documents, at any depth."""
    pack: bool = True
    """Several documents in a window, none of which sees another; or one document a row."""
    holdout_share: Annotated[float, Field(gt=0, lt=1)] = 0.05
    """Share that is tested on."""
    stereo: Keep = "keep"
    """Stereo marks of molecules."""
    isotopes: Keep = "keep"
    """Isotopes of molecules."""
    labels: Keep = "keep"
    """Numbers of attachment points and of mapped atoms."""
    salts: Literal["keep", "largest"] = "keep"
    """All fragments of a molecule, or the largest alone."""
    spelling: Literal["canonical", "as_written"] = "canonical"
    """Spelling of molecules."""
    duplicates: Literal["auto", "merge", "keep"] = "auto"
    """Equal sequences: merged for molecules and kept for lines, unless you say which."""
    weights: Literal["one", "count"] = "one"
    """Weight of a sequence in training and in figures: one for each that differs, or how often it came in the file."""
    split_key: Literal["flat", "isomeric"] = "flat"
    """Molecules that fall into one part together: those that are equal without stereo marks and isotopes, or none."""
    validation: InputPath | None = None
    """File of the validation part, for split = 'file'."""
    test: InputPath | None = None
    """File of the test part, for split = 'file'."""

    @model_validator(mode="before")
    @classmethod
    def _lengths_of_documents(cls, values: Any) -> Any:  # noqa: ANN401 -- whatever a user wrote
        """Let documents have the length policy that goes with them."""
        if not isinstance(values, Mapping) or values.get("content") != "documents":
            return values
        alone = str(values.get("pack", True)).lower() in ("false", "no", "off", "n", "f", "0")
        policy = "document" if alone else "packed"
        asked = values.get("length_policy", "given")
        return {
            **values,
            "length_policy": policy if asked in ("given", "packed", "document") else asked,
        }

    def _complaints(self) -> Iterator[str]:
        yield from super()._complaints()
        of_documents = self.length_policy in ("packed", "document")
        if of_documents != (self.content == "documents"):
            yield f"length_policy = '{self.length_policy}' does not go with content = '{self.content}'; leave it out"
        if of_documents and self.split == "legacy":
            yield "split = 'legacy' is of runs that were made before there were documents"
        both = self.validation is not None and self.test is not None
        if self.split == "file" and not both:
            yield "split = 'file' needs two more files: validation=PATH and test=PATH"
        if self.split != "file" and (self.validation is not None or self.test is not None):
            yield f"validation and test are files for split = 'file', not '{self.split}'"
        if self.weights == "count" and self.duplicates == "keep":
            yield "weights = 'count' weighs what is merged; with duplicates = 'keep' every line counts already"
        if self.split == "scaffold" and self.content != "smiles":
            yield "split = 'scaffold' is for content = 'smiles'"

    def options(self) -> Options:
        """Return what is kept of the sequences; files that are judged later are read with the same."""
        form = Form(self.stereo, self.isotopes, self.labels, self.spelling, self.salts)
        weigh = self.weights == "count"
        merge = self.duplicates == "merge" or (
            self.duplicates == "auto" and (self.content == "smiles" or weigh)
        )
        return Options(self.content, form, merge=merge, weigh=weigh, pattern=self.pattern)


class File(CorpusTask[FileConfig]):
    """Generate more of what a file holds."""

    def load_corpus(self) -> Corpus:
        config = self.config
        others = None
        if config.validation is not None and config.test is not None:
            others = (config.validation, config.test)
        return read_corpus(
            config.path,
            config.column,
            config.options(),
            config.split_rule(config.holdout_share),
            flat_keys=config.split_key == "flat",
            others=others,
            blocks=config.content == "documents"
            or (config.length_policy == "window" and config.content == "lines"),
        )
