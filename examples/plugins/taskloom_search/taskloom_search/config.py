"""The config that every task of this domain shares: the solver, which the task itself does not know."""

from typing import Annotated

from pydantic import Field
from taskloom import Config, OneOf

from taskloom_search.searchers.base import Searcher
from taskloom_search.searchers.uniform import Uniform


class SearchConfig(Config):
    """Solver of a task."""

    searcher: Annotated[Searcher, OneOf("taskloom_search.searchers")] = Uniform()
    """Searcher that proposes the next point."""
    steps: Annotated[int, Field(ge=1)] = 100
    """Points that are tried."""
