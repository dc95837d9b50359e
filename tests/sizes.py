"""How much the tests do: one table, with a small column for every day and a full one for `make soak`."""

from __future__ import annotations

import os
from collections.abc import Mapping
from types import MappingProxyType

FULL = "TASKLOOM_FULL_SIZES"

# name: (small, full)
SIZES: Mapping[str, tuple[int, int]] = MappingProxyType(
    {
        # tests/core/identity
        "canonical_examples": (40, 1000),
        "hash_seeds": (3, 100),
        # tests/core/params
        "round_trips": (12, 3000),
        "text_round_trips": (300, 20_000),
        # tests/web/test_viewer_in_browser.py
        "viewer_pages": (4, 11),
        "viewer_modes": (1, 3),
        "copied_pages": (2, 5),
        # tests/core/runs/test_locks.py
        "lock_processes": (4, 8),
        "lock_tries": (10, 200),
        "lease_seconds": (60, 7000),  # in hundredths
        # tests/core/runs
        "removal_trees": (40, 1000),
        "mutants_read": (300, 20_000),
        "mutant_parts": (1, 20),
        "mutants_shown": (12, 200),
        "sweep_mutants": (9, 600),
        # tests/cases
        "recorded_episodes": (2, 1000),
        "slow_task_seconds": (4, 6),
        "listing_seconds": (10, 30),
        "documented_trials": (1, 2),
        "begun_training_steps": (1, 2),
        "classifier_epochs": (1, 2),
        "end_token_steps": (60, 60),
        "writings_steps": (60, 150),
        "writings_draws": (64, 128),
        "uneven_lengths_steps": (64, 200),
        "judged_molecules": (1000, 1000),
        "interval_experiments": (1500, 6000),
        "mean_interval_rounds": (100_000, 400_000),
        "mean_interval_groups": (8000, 32_000),
        "expert_episodes": (200, 1000),
        "converted_episodes": (30, 300),
        "vector_steps": (400, 4000),
        "patience_seconds": (2, 5),
        # tests/diffusion/test_guidance.py and test_constraints.py
        "guided_draws": (12_000, 100_000),
        "particle_groups": (60, 2000),
        "strings_of_patterns": (2000, 120_000),
        # tests/hci/test_border.py
        "conserved_games": (3, 100),
        "conformance_steps": (40, 400),
        "conformance_modes": (1, 3),
        "conformance_every": (3, 1),
        "learning_steps": (16, 256),
        "expert_rounds": (1000, 20_000),
        "random_rounds": (150, 1000),
        # tests/hci/test_study.py
        "simulated_people": (2, 30),
        "cut_files": (12, 200),
        "kills_of_a_study": (4, 200),
        # tests/hci/fitting, tests/hci/bounds
        "calibrated_fits": (300, 1000),
        "covered_fits": (500, 2000),
        "bounded_games": (20_000, 1_000_000),
        "finest_grid": (20, 40),
        "bounded_cases": (1, 5),
        # tests/core/execute/test_bar.py
        "bar_lines": (200, 200_000),
        # tests/core/answers
        "matrix_cells": (10, 140),
        "ray_kinds": (0, 14),
        "repeated_runs": (30, 1000),
        "equal_commands": (6, 32),
        "group_kills": (2, 50),
        # tests/core, tests/cli: what a stranger may write
        "hostile_examples": (60, 200),
        # tests/anomaly
        "adding_cases": (2, 60),
        "warped_networks": (1, 2),
        "watched_streams": (12, 200),
        "quick_compilation": (1, 0),  # without most of XLA's optimizations
        # tests/control
        "foreign_models": (4, 8),
        "suite_states": (60, 1000),
        "trot_seconds": (3, 10),
        "trot_seeds": (1, 10),
        "pushed_cylinders": (4, 5),
        # tests/reliability
        "kills": (50, 150),
        "kills_of_networks": (5, 30),
        "kills_of_episodes": (20, 120),
        # tests/diffusion
        "bounds_of_eight_draws": (100, 200),
        "bounds_of_small_corpora": (75, 150),
        "law_rows": (20_000, 100_000),
        "law_rows_in_steps": (4000, 20_000),
        "unicode_lines": (40, 2000),
        "respelt_molecules": (60, 2000),
        "signalled_steps": (40, 120),
        "streamed_lines": (3000, 50_000),
        "respellings": (300, 1_000_000),
        "exported_samples": (40, 1000),
        "compared_molecules": (0, 1),  # full: also the set of 1,000, and 10,000
        "swapped_molecules": (100, 1000),
        "screened_molecules": (200, 5000),
        "neighbour_examples": (25, 500),
        "foreign_molecules": (0, 4),  # shares of another corpus under GuacaMol's score
        "cut_molecules": (60, 5000),
        "paired_texts": (1500, 100_000),
        "connected_texts": (150, 3000),
        "connected_draws": (300, 3000),
        "enumerated_orders": (9, 1),  # every how manieth
        "enumerated_k": (2, 4),
        # tests/docs
        "forked_commands": (1, 0),  # not forked: an interpreter for each
        "brief_pages": (1, 0),  # full: commands are run as their page shows them
        "notebooks": (1, 5),
        # tests/core/studies
        "simulated_studies": (2000, 2000),
        "coverage_columns": (1, 4),
        "example_scripts": (6, 19),
        # tests/cli, tests/core
        "terminals_tried": (15, 1500),
        "searched_sinks": (1, 3),
    }
)


def size(name: str) -> int:
    """Return the small size of that name, or the full one where the variable `TASKLOOM_FULL_SIZES` is 1."""
    return SIZES[name][os.environ.get(FULL) == "1"]
