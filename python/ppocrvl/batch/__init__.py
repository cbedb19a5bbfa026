# SPDX-License-Identifier: Apache-2.0
"""Corpora: many documents, read in this process or on a Ray cluster; docs/scale.md.

Three stages, with a `Row` for each page between them: `opening` counts pages, `reading` reads them,
`assembling` writes documents. `local` runs them one after the other, `on_ray` as operators of Ray
Data (`ray_stages`). What is done is in the `manifest`. `serve` is the HTTP server on Ray Serve. Ray
is imported by `on_ray`, `ray_stages` and `serve` alone, when they are used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Unpack

if TYPE_CHECKING:
    from ppocrvl.models.folder import PathLike
    from ppocrvl.parsing.parse_options import ParseKeywords


def read_pages(
    dataset: Any,  # noqa: ANN401 - a ray.data.Dataset; Ray need not be installed
    *,
    model: PathLike | None = None,
    mmproj: PathLike | None = None,
    layout: PathLike | None = None,
    workers: int = 1,
    cpus_per_worker: int = 1,
    gpus_per_worker: float = 0.0,
    n_parallel: int = 4,
    **options: Unpack[ParseKeywords],
) -> Any:  # noqa: ANN401 - likewise
    """Read pages in a pipeline of Ray Data.

    Each worker is an actor that loads the models once, and reads several blocks at once. A worker
    gets a block of rows at a time, so a dataset should have many small blocks
    (`dataset.repartition(target_num_rows_per_block=8)`). If a worker is lost, its block is read
    again. A page that cannot be read has an `error`; others are still read.

    Args:
        dataset: a `ray.data.Dataset` with the columns `path`, of a PDF or image, as text or bytes,
            and `page`, from 0. All nodes must have the files.
        model: as for `ppocrvl.parse`; all nodes must have it, with the same bytes.
        mmproj: likewise.
        layout: a layout model's file, or "none"; None: the one beside the model.
        workers: actors.
        cpus_per_worker: of each, which are its threads.
        gpus_per_worker: of each; a part of 1 is a GPU that several workers share.
        n_parallel: blocks that a worker reads at once.
        options: as for `ppocrvl.parse`, except `pages`.

    Returns:
        The dataset with the columns `text`, `markdown`, `blocks` (as JSON) and `error` (null where
        nothing failed) added. Tables and headings over several pages are not put together.

    Raises:
        MissingExtraError: Ray is not installed.
        ModelError: a model file is missing.
        OptionError: an option is out of range.
    """
    from ppocrvl.batch.on_ray import Workers, read_dataset
    from ppocrvl.batch.settings import Models
    from ppocrvl.errors import OptionError
    from ppocrvl.parsing.parse_options import ParseOptions

    if "pages" in options:
        raise OptionError("pages is not for read_pages: each row names its page")
    return read_dataset(
        dataset,
        Models.find(model, mmproj=mmproj, layout=layout),
        ParseOptions.of(options),
        Workers(workers, cpus_per_worker, gpus_per_worker),
        n_parallel=n_parallel,
    )


def serve_ray(
    **options: Any,  # noqa: ANN401 - fields of ServeOptions and ServerLimits
) -> Any:  # noqa: ANN401 - a DeploymentHandle of Ray Serve; Ray need not be installed
    """Serve on Ray Serve, as `ppocrvl serve` does in one process.

    Returns once the replicas are ready. If Ray Serve does not run yet, it is started on the Ray
    that this process is connected to, or that Ray connects it to, and listens on `host` and `port`.
    If the server runs already, it is updated. `ray.serve.delete("ppocrvl")` ends it.

    Args:
        options: the fields of `ppocrvl.batch.serve_options.ServeOptions`, limits of the server by
            their names (`max_waiting`), and `port` (8000).

    Returns:
        The deployment's handle.

    Raises:
        MissingExtraError: Ray Serve is not installed.
        OptionError: an option is unknown or out of range.
        ClusterError: the replicas do not start.
    """
    from ppocrvl.batch.serve import run_application

    return run_application(options)
