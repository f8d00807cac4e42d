"""For pytest in several processes: where one fails, all end, and none waits for it (`pytest -p mpi_abort`)."""

from mpi4py import MPI


def pytest_exception_interact(report) -> None:
    if MPI.COMM_WORLD.size > 1:
        print(f"Process {MPI.COMM_WORLD.rank}:", report.longrepr, flush=True)
        MPI.COMM_WORLD.Abort(1)
