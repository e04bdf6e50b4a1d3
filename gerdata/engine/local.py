"""The local engine: N threads, each of which makes parts through child processes."""

import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait

from gerdata.engine.part import Tick, run_part
from gerdata.engine.supervise import Crew
from gerdata.engine.work import PartReport, PartSpec
from gerdata.errors import InterruptedRun


def run_local(specs: Sequence[PartSpec], workers: int, tick: Tick) -> Iterator[PartReport]:
    """Make all parts with `workers` at a time; reports come as parts finish. The first failure stops the others.

    Ctrl-C stops the children, removes what is half made and raises `InterruptedRun`; finished parts stay.
    """
    stop = threading.Event()
    with Crew() as crew, ThreadPoolExecutor(max_workers=workers) as pool:
        waiting: set[Future[PartReport]] = {pool.submit(run_part, spec, tick, stop, crew) for spec in specs}
        try:
            while waiting:
                done, waiting = wait(waiting, timeout=1.0, return_when=FIRST_COMPLETED)
                for future in done:
                    yield future.result()
        except KeyboardInterrupt:
            raise InterruptedRun("stopped; run the same command again to go on") from None
        finally:
            stop.set()
            pool.shutdown(cancel_futures=True)
