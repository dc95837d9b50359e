"""Numbers from elsewhere: a table of success rates, exact intervals, and the tables for a paper."""

from taskloom import Study

hits = {"ours": (93, 88, 91, 95, 90, 92), "theirs": (84, 80, 87, 86, 79, 85)}
rows = [
    {"method": method, "seed": seed, "success": k / 100, "episodes": 100}
    for method, counts in hits.items()
    for seed, k in enumerate(counts)
]
study = Study.of(rows, metric="success", share_of="episodes", better="higher")
print(study)
print(study.latex())
print(study.csv())
