"""The Ray engine: one task a part, on this machine or on a cluster that shares its folders. No media go through Ray."""

import os
from collections.abc import Iterator, Sequence

from gerdata.engine.part import Tick, run_part
from gerdata.engine.work import PartReport, PartSpec
from gerdata.errors import InterruptedRun, MissingError


def run_ray(specs: Sequence[PartSpec], workers: int, tick: Tick) -> Iterator[PartReport]:
    """Make all parts as Ray tasks; joins the cluster of RAY_ADDRESS where that is set, else starts one of `workers`."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # no telemetry
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    try:
        import ray
    except ImportError:
        raise MissingError("--engine ray needs Ray: pip install 'gerdata[ray]'") from None
    address = os.environ.get("RAY_ADDRESS")
    cpus = None if address else workers
    ray.init(address=address, num_cpus=cpus, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
    try:
        task = ray.remote(num_cpus=1, max_retries=2)(run_part)
        waiting = [task.remote(spec) for spec in specs]
        while waiting:
            done, waiting = ray.wait(waiting, num_returns=1)
            report: PartReport = ray.get(done[0])
            tick(report.written, report.rejected)
            yield report
    except KeyboardInterrupt:
        raise InterruptedRun("stopped; run the same command again to go on") from None
    finally:
        ray.shutdown()
