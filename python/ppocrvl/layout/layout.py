# SPDX-License-Identifier: Apache-2.0
"""The layout model: from an image to its regions in reading order."""

from __future__ import annotations

import math
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from copy import copy
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from ppocrvl.errors import EngineError, OptionError, PpocrvlError
from ppocrvl.images.limits import MAX_IMAGE_PIXELS
from ppocrvl.images.load import load_image
from ppocrvl.layout.candidates import Candidates
from ppocrvl.layout.columns import column_by_column
from ppocrvl.layout.find import find_regions
from ppocrvl.layout.ink import look, snapped, with_uncovered
from ppocrvl.layout.model_file import read_options
from ppocrvl.layout.region import Region
from ppocrvl.layout.shapes import SHAPE_MODES
from ppocrvl.models.folder import find_layout
from ppocrvl.support.closing import Closing
from ppocrvl.support.native import _native
from ppocrvl.support.resources import thread_for

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Mapping
    from concurrent.futures import Future
    from pathlib import Path

    from numpy.typing import NDArray

    from ppocrvl.layout.official import MergeMode, Pipeline
    from ppocrvl.layout.shapes import ShapeMode
    from ppocrvl.models.folder import PathLike
    from ppocrvl.requests.image_source import ImageSource

Outcome: TypeAlias = list[Region] | PpocrvlError
_MERGE_MODES = ("union", "large", "small")
_AHEAD = 1
"""Images that are loaded while one is looked at."""


class Layout(Closing):
    """A loaded layout model. Several threads may use it; pages are processed one at a time.

        with ppocrvl.Layout("PP-DocLayoutV3-F32.gguf") as layout:
            for region in layout.detect("page.png"):
                print(region.label, region.box)

    Options that are not given default to those of the model's file and of the official pipeline.

    Args:
        model: the GGUF file of a layout model, a folder with one, or OWNER/NAME of a pulled one.
            None: the one in the folder of the model that PPOCRVL_MODEL names, or else the built-in
            one.
        n_threads: CPU threads; 0 for the number of physical cores. Never more than the CPUs that
            the process may use.
        threshold: a region needs a score above this, 0 to 1; one number, or numbers by class.
        shape_mode: shape of the polygons: "rect" for the box, "quad" for the smallest rotated
            rectangle, "poly" for the outline, "auto" for the simplest that fits. Models without
            masks always use "rect".
        unclip: factors for the width and height of boxes.
        merge_modes: what is kept of a region inside another, by class. "large": the outer one, by
            its class. "union": both. "small": the inner one, by its class.
        snap_to_ink: adjust boxes to the ink that they cut or miss.
        cover_ink: make new regions, with score 0, from ink outside all regions.
        order_columns: read what stands higher in a column first.
        max_image_pixels: limit on width * height of an image.

    Raises:
        ModelError: there is no such model, or the file is damaged or not a layout model.
        OptionError: a value is invalid, or the model does not know a class.
        EngineError: there is not enough memory, or threads cannot be started.
    """

    def __init__(
        self,
        model: PathLike | None = None,
        *,
        n_threads: int = 0,
        threshold: float | Mapping[str, float] | None = None,
        shape_mode: ShapeMode = "auto",
        unclip: tuple[float, float] | None = None,
        merge_modes: Mapping[str, MergeMode] | None = None,
        snap_to_ink: bool | None = None,
        cover_ink: bool | None = None,
        order_columns: bool | None = None,
        max_image_pixels: int = MAX_IMAGE_PIXELS,
    ) -> None:
        self._mode: ShapeMode = _checked_mode(shape_mode)
        unclip = _checked_unclip(unclip)
        path = find_layout(None, model)
        if path is None:
            raise OptionError("a Layout needs a model; 'none' is for what reads whole pages")
        self._path = path
        self._model: Any = _native.LayoutModel(str(path), n_threads)
        options = read_options(path)
        self._labels: tuple[str, ...] = tuple(self._model.labels)
        self._thresholds = dict(zip(self._labels, self._model.thresholds, strict=True))
        self._thresholds.update(self._given_thresholds(threshold))
        self._pipeline = self._changed(options.pipeline, unclip, merge_modes)
        self._grid = options.mask_grid
        self._snaps = options.snap_to_ink if snap_to_ink is None else snap_to_ink
        self._covers = options.cover_ink if cover_ink is None else cover_ink
        self._orders = options.order_columns if order_columns is None else order_columns
        self._max_image_pixels = max_image_pixels

    def with_options(
        self,
        *,
        threshold: float | Mapping[str, float] | None = None,
        shape_mode: ShapeMode | None = None,
        unclip: tuple[float, float] | None = None,
        merge_modes: Mapping[str, MergeMode] | None = None,
        nms: bool = True,
    ) -> Layout:
        """The same loaded model with other options. Closing one does not close the other.

        Args:
            threshold: as for the class; None, here and below, keeps the current value.
            shape_mode: likewise.
            unclip: likewise.
            merge_modes: likewise.
            nms: remove regions that another one mostly covers.

        Raises:
            OptionError: as for the class.
        """
        pipeline = self._changed(self._pipeline, _checked_unclip(unclip), merge_modes)
        if not nms:  # no two boxes overlap so much
            pipeline = replace(pipeline, nms_same=math.inf, nms_other=math.inf)
        other = copy(self)
        vars(other).update(
            _thresholds={**self._thresholds, **self._given_thresholds(threshold)},
            _mode=self._mode if shape_mode is None else _checked_mode(shape_mode),
            _pipeline=pipeline,
        )
        return other

    @property
    def path(self) -> Path:
        """The model's file."""
        return self._path

    @property
    def labels(self) -> tuple[str, ...]:
        """The classes of the model."""
        return self._labels

    @property
    def n_threads(self) -> int:
        """Number of CPU threads.

        Raises:
            EngineError: the layout model is closed.
        """
        return int(self._native_model().n_threads)

    def detect(self, image: ImageSource) -> list[Region]:
        """The regions of an image, in reading order.

        Args:
            image: a path, encoded bytes, a binary file object, a Pillow image or a numpy array, as
                for `ppocrvl.ocr`. Boxes are in pixels of the upright image.

        Raises:
            ImageError: the image cannot be read.
            EngineError: the layout model is closed, or there is not enough memory.
        """
        self._native_model()
        return self._detect(self._pixels(image))

    def detect_many(self, images: Iterable[ImageSource]) -> Generator[Outcome]:
        """The regions of each image, in the order of the images.

        The next image is loaded while one is processed. For an image that fails, its error is
        yielded as a value, with `index`; the others are still processed.

        Args:
            images: an iterable; images are taken from it as they are needed.

        Raises:
            EngineError: the layout model is closed, or no thread can be started.
        """
        self._native_model()
        return self._outcomes(iter(images))

    def close(self) -> None:
        """Free the model after the pages in progress are done."""
        self._model = None

    def _outcomes(self, images: Iterable[ImageSource]) -> Generator[Outcome]:
        source = iter(images)
        loading: deque[Future[NDArray[np.uint8]]] = deque()
        with ThreadPoolExecutor(1, "ppocrvl-layout") as pool:
            try:
                index = 0
                while True:
                    for image in islice(source, 1 + _AHEAD - len(loading)):
                        with thread_for("loading images"):
                            loading.append(pool.submit(self._pixels, image))
                    if not loading:
                        return
                    yield self._outcome(loading.popleft(), index)
                    index += 1
            finally:
                for future in loading:
                    future.cancel()

    def _outcome(self, pixels: Future[NDArray[np.uint8]], index: int) -> Outcome:
        try:
            return self._detect(pixels.result())
        except PpocrvlError as error:
            error.index = index
            return error

    def _pixels(self, image: ImageSource) -> NDArray[np.uint8]:
        return np.asarray(load_image(image, max_image_pixels=self._max_image_pixels))

    def _detect(self, pixels: NDArray[np.uint8]) -> list[Region]:
        found = self._native_model().run(pixels, threshold=min(self._thresholds.values()))
        height, width = pixels.shape[:2]
        regions = find_regions(
            self._candidates(found), (width, height), self._thresholds, self._pipeline, self._mode
        )
        if self._snaps or self._covers:
            ink = look(pixels)
            regions = snapped(regions, ink) if self._snaps else regions
            regions = with_uncovered(regions, ink) if self._covers else regions
        return column_by_column(regions) if self._orders else regions

    def _candidates(self, found: dict[str, Any]) -> Candidates:
        """The extension's answer, without boxes that are no numbers."""
        masks = None
        if "masks" in found:
            places = found["mask_places"].tolist()
            masks = tuple(
                self._spread(mask, left, top)
                for mask, (left, top) in zip(found["masks"], places, strict=True)
            )
        candidates = Candidates(
            tuple(self._labels[i] for i in found["labels"]),
            found["scores"],
            found["boxes"],
            found["order"],
            masks,
        )
        return candidates.take(np.flatnonzero(np.isfinite(found["boxes"]).all(axis=1)))

    def _spread(self, mask: NDArray[np.uint8], left: int, top: int) -> NDArray[np.uint8]:
        """What the extension cut out, in a mask of the whole page."""
        columns, rows = self._grid
        grid = np.zeros((rows, columns), np.uint8)
        grid[top : top + mask.shape[0], left : left + mask.shape[1]] = mask
        return grid

    def _given_thresholds(self, given: float | Mapping[str, float] | None) -> dict[str, float]:
        if given is None:
            return {}
        limits = dict.fromkeys(self._labels, given) if isinstance(given, int | float) else given
        self._check_labels("threshold", limits)
        for limit in limits.values():
            if not 0 <= limit <= 1:
                raise OptionError(f"threshold {limit} must be from 0 to 1")
        return dict(limits)

    def _changed(
        self,
        pipeline: Pipeline,
        unclip: tuple[float, float] | None,
        merge_modes: Mapping[str, MergeMode] | None,
    ) -> Pipeline:
        if unclip is not None:
            pipeline = replace(pipeline, unclip=(unclip[0], unclip[1]))
        if merge_modes is not None:
            self._check_labels("merge_modes", merge_modes)
            wrong = [mode for mode in merge_modes.values() if mode not in _MERGE_MODES]
            if wrong:
                raise OptionError(f"merge mode {wrong[0]!r} is none of {', '.join(_MERGE_MODES)}")
            pipeline = replace(pipeline, merge_modes=dict(merge_modes))
        return pipeline

    def _check_labels(self, option: str, given: Iterable[str]) -> None:
        unknown = [label for label in given if label not in self._labels]
        if unknown:
            raise OptionError(
                f"{option} names the class {unknown[0]!r}, which {self._path.name} does not have; "
                f"it has {', '.join(self._labels)}"
            )

    def _native_model(self) -> Any:  # noqa: ANN401 - the extension's class
        model = self._model
        if model is None:
            raise EngineError("the layout model is closed; make a new Layout")
        return model


def _checked_mode(mode: ShapeMode) -> ShapeMode:
    if mode not in SHAPE_MODES:
        raise OptionError(f"shape_mode {mode!r} is none of {', '.join(SHAPE_MODES)}")
    return mode


def _checked_unclip(unclip: tuple[float, float] | None) -> tuple[float, float] | None:
    if unclip is not None and not all(0 < ratio <= 10 for ratio in unclip):
        raise OptionError(f"unclip {unclip!r} must be two numbers over 0 and up to 10")
    return unclip
