"""For pytest in several processes: where one fails, all end, and none waits for it (`pytest -p mpi_abort`)."""

try:
    from mpi4py import MPI
except ImportError:  # the tests of one process alone are there, and nobody asks for this
    MPI = None


def pytest_exception_interact(report) -> None:
    if MPI.COMM_WORLD.size > 1:
        print(f"Process {MPI.COMM_WORLD.rank}:", report.longrepr, flush=True)
        MPI.COMM_WORLD.Abort(1)
