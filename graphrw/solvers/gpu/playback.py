"""Work that a GPU records once and plays again: CUDA graphs."""

from collections.abc import Callable
from functools import cache
from threading import Lock, get_ident

import torch

Work = Callable[
    [], object
]  # without arguments: it finds what it reads, and leaves what it writes, where it always does
Recorder = Callable[[Work], Work]  # gives that which does the same again

_RECORDING = Lock()  # CUDA records one graph at a time in a process


class Playback:
    """Work that is done plainly once, which takes its memory, then recorded, and from then on played."""

    def __init__(self, record: Recorder) -> None:
        self._record = record
        self._play: Work | None = None
        self._done_by: int | None = None

    def __call__(self, work: Work) -> None:
        """Do `work`, which is always the same; it is not kept, or what holds this would hold itself."""
        if self._play is not None:
            self._play()
        elif self._done_by == get_ident() and not _is_recorded_from_outside():
            self._play = self._record(work)
            self._play()
        else:  # each thread has handles of CUDA's libraries, which must not be made while something is recorded
            work()
            self._done_by = get_ident()


def cuda_graph(work: Work, device: torch.device) -> Work:
    """Record what `work` launches on `device`; nothing runs yet.

    Unlike `torch.cuda.graph`, which empties torch's cache of memory first: every training step records anew, and would
    have to fetch all its memory again.
    """
    with _RECORDING, torch.cuda.device(device):
        graph, stream = torch.cuda.CUDAGraph(), _stream(device)
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            graph.capture_begin(capture_error_mode="thread_local")  # other threads may take memory meanwhile
            try:
                work()
            finally:
                graph.capture_end()
        torch.cuda.current_stream().wait_stream(stream)
    return graph.replay


@cache
def _stream(device: torch.device) -> torch.cuda.Stream:
    """The stream on which all is recorded: on each new one cuBLAS would take another 32 MiB, and keep them."""
    return torch.cuda.Stream(device)


def _is_recorded_from_outside() -> bool:
    """Whether a CUDA graph of the caller's is being recorded, of which this work becomes a part."""
    return torch.cuda.is_initialized() and torch.cuda.is_current_stream_capturing()
