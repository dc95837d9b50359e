"""Parameters: from a config class to options, and from layers of text and files to a validated config."""

from __future__ import annotations

from taskloom.params.choices import (
    Applicable as Applicable,
    find_alternatives as find_alternatives,
    find_choices as find_choices,
)
from taskloom.params.files import read_file as read_file, to_toml as to_toml
from taskloom.params.layer import Layer as Layer
from taskloom.params.layers import (
    Resolved as Resolved,
    record_layer as record_layer,
    resolve as resolve,
    validate_record as validate_record,
)
from taskloom.params.messages import suggestion as suggestion
from taskloom.params.schema import json_schema as json_schema
from taskloom.params.tree import Parameter as Parameter, leaves as leaves, walk as walk
