"""The images of a task, and their number."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field
from taskloom.config import Component
from taskloom.errors import ConfigError
from taskloom.seeding import derive_seed

from taskloom_anomaly.data import images
from taskloom_anomaly.data.arrays import ArrayDataset
from taskloom_anomaly.data.shifts import translated


class ImageData(Component):
    """Labelled images that come with a package, split into a training and a test side."""

    source: Literal["mnist", "digits8"] = "mnist"
    """mnist: 5,000 digits of 28x28 pixels; digits8: 1,797 digits of 8x8 pixels."""
    num_train: Annotated[int, Field(ge=0)] = 0
    """Images on the training side; 0 takes all that are left."""
    num_test: Annotated[int, Field(gt=0)] = 1000
    """Images on the test side."""

    max_shift: Annotated[int, Field(ge=0)] = 0
    """Training images are moved by up to so many pixels each way, anew in every epoch; 0 leaves them alone [pixels]."""

    def augmented(self, images: ArrayDataset, seed: int) -> ArrayDataset:
        """Return the training images of an epoch: moved at random, or as they are."""
        if not self.max_shift:
            return images

        return ArrayDataset(translated(images.inputs, self.max_shift, seed), images.labels)

    def split(self, seed: int) -> tuple[ArrayDataset, ArrayDataset]:
        """Return the training and the test side, stratified by class.

        Args:
            seed: The task's root seed; the stream is called `split`.

        Raises:
            ConfigError: There are not as many images.
        """
        everything = images.mnist() if self.source == "mnist" else images.digits8()
        if everything.labels is None or self.num_test + self.num_train >= len(everything) + 1:
            raise ConfigError(
                f"--data.num_train={self.num_train} and --data.num_test={self.num_test} ask for more than the"
                f" {len(everything)} images of '{self.source}'."
            )
        first, second = images.stratified_split(
            everything.labels, self.num_test, derive_seed(seed, "split")
        )
        if self.num_train:
            first = first[: self.num_train]
        return everything.take(first), everything.take(second)
