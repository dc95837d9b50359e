"""The manifest of the garden domain; imports nothing heavy."""

from taskloom.registry.refs import ComponentRef, DomainRef, TaskRef, VerbRef

DOMAIN = DomainRef(
    name="garden",
    summary="Plants that grow by a formula.",
    extra="",
    tasks=(
        TaskRef("grow", "Grow one plant for some days.", "garden_domain.tasks:Grow"),
        TaskRef("wilt", "Raise in the middle of a run.", "garden_domain.tasks:Wilt"),
        TaskRef("drought", "Fail its own check.", "garden_domain.tasks:Drought"),
        TaskRef("wait", "Wait until somebody asks it to stop.", "garden_domain.tasks:Wait"),
        TaskRef("zoo", "Hold one parameter of every type.", "garden_domain.zoo:Zoo"),
        TaskRef(
            "hard", "Take a \u00b5-config that is harder than most.", "garden_domain.hard:hard"
        ),
        TaskRef("hollow", "Name a module that does not import.", "garden_domain.hollow:Hollow"),
    ),
    components={
        "garden_domain.feeders": (
            ComponentRef("drip", "Feed a little at a time.", "garden_domain.feeders:Drip"),
            ComponentRef("flood", "Feed all at once.", "garden_domain.feeders:Flood"),
            ComponentRef("mixed", "Feed through another feeder.", "garden_domain.feeders:Mixed"),
        ),
    },
    verbs=(
        VerbRef("water", "Water a plant by hand.", "garden_domain.verbs:water"),
        VerbRef("taste", "Taste a plant.", "garden_domain.verbs:taste", on="task"),
        VerbRef(
            "regrow",
            "Grow a plant again from a run.",
            "garden_domain.verbs:regrow",
            on="run",
            overrides=("feeder",),
        ),
        VerbRef("weigh", "Weigh a run.", "garden_domain.verbs:weigh", on="run"),
        VerbRef("sniff", "Sniff a place.", "garden_domain.verbs:sniff", on="run", folders=True),
        VerbRef("prune", "Name a module that does not import.", "garden_domain.hollow:prune"),
    ),
)
