"""Intervals, differences, tests and sample sizes: the one place of the project that computes them.

| for | use |
| --- | --- |
| a mean | `mean_interval`; `level_interval` warns where a level is skewed |
| a difference of two variants | `paired_difference`; `level_difference` over the other factors of a study |
| a share of n | `share_interval`: Wilson in a report, Clopper-Pearson for what is published |
| a ratio of two sums | `ratio_interval` |
| several comparisons | `adjust`, `family_level` |
| a study that stops when it is clear | `look_at`, `anytime_interval`, `anytime_share_interval` |
| planning | `plan_half_width`, `plan_power` |

Every result is a frozen record that names its method, its n and its level, and carries the words that must stand beside it.
Functions are pure, the order of the data never changes a figure, and nothing reads global random state.
"""

from taskloom.statistics.bootstrap import (
    bca_interval as bca_interval,
    bootstrap_interval as bootstrap_interval,
)
from taskloom.statistics.differences import (
    Difference as Difference,
    LevelValues as LevelValues,
    average_within_seed as average_within_seed,
    level_difference as level_difference,
    paired_difference as paired_difference,
    seed_differences as seed_differences,
)
from taskloom.statistics.intervals import (
    Interval as Interval,
    LevelInterval as LevelInterval,
    interval_of_moments as interval_of_moments,
    level_interval as level_interval,
    mean_interval as mean_interval,
    missing_note as missing_note,
    normal_interval as normal_interval,
    sample_deviation as sample_deviation,
    skewness as skewness,
)
from taskloom.statistics.sample_size import (
    SampleSize as SampleSize,
    plan_half_width as plan_half_width,
    plan_power as plan_power,
    size_for_half_width as size_for_half_width,
    size_for_power as size_for_power,
    upper_deviation as upper_deviation,
)
from taskloom.statistics.sequential import (
    InterimLook as InterimLook,
    anytime_half_width as anytime_half_width,
    anytime_interval as anytime_interval,
    anytime_share_interval as anytime_share_interval,
    log_bayes_factor as log_bayes_factor,
    look_at as look_at,
)
from taskloom.statistics.shares import (
    ratio_interval as ratio_interval,
    share_interval as share_interval,
)
from taskloom.statistics.sides import sides_difference as sides_difference
from taskloom.statistics.significance import (
    PValue as PValue,
    adjust as adjust,
    benjamini_hochberg as benjamini_hochberg,
    bonferroni as bonferroni,
    critical_t as critical_t,
    family_level as family_level,
    holm as holm,
    mcnemar_test as mcnemar_test,
    sign_flip_test as sign_flip_test,
    sign_test as sign_test,
    t_test as t_test,
)
