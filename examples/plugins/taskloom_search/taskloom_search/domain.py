"""The manifest: names, sentences, and where the code is. Every listing imports this file, so it imports nothing heavy."""

from taskloom import ComponentRef, DomainRef, TaskRef

_TASKS = (("parabola", "Find the lowest point of a parabola.", "parabola:Parabola"),)
_SEARCHERS = (("uniform", "Anywhere, independently.", "uniform:Uniform"),)

DOMAIN = DomainRef(
    name="search",
    summary="Search.",
    extra="",
    tasks=tuple(
        TaskRef(name, text, f"taskloom_search.tasks.{place}") for name, text, place in _TASKS
    ),
    components={
        "taskloom_search.searchers": tuple(
            ComponentRef(name, text, f"taskloom_search.searchers.{place}")
            for name, text, place in _SEARCHERS
        )
    },
    report="taskloom_search.report:report",
    protocol="taskloom_search.task:Problem",
    config="taskloom_search.config:SearchConfig",
    driver="taskloom_search.driver",
    metrics=("lowest", "where"),
    scaffold="taskloom_search/scaffold",
)
