"""A CUDA graph for the CPU: what torch is asked to do, recorded, and done again on the same memory."""

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves


def tape(work):
    """Record `work`, and give that which does the same again; memory is left as it was, as by `playback.cuda_graph`.

    Nothing decides anything when it is played: not Python, nor a number that was read while it was recorded. What
    `work` has computed into new memory goes there again, and views stay what they were.
    """
    recording = _Recording()
    with recording:
        work()
    recording.undo()
    return recording.play


class _Recording(TorchDispatchMode):
    def __init__(self):
        super().__init__()
        self.steps, self.before = [], {}

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        given = {_address(each): each for each in tree_leaves((args, kwargs)) if _is_dense(each)}
        for address, tensor in given.items():
            if address not in self.before:
                held = tensor.new_empty(0).set_(tensor.untyped_storage())
                self.before[address] = held, held.clone()
        found = func(*args, **kwargs)
        made = [_is_dense(each) and _address(each) not in given for each in tree_leaves(found)]
        self.steps.append((func, args, kwargs, tree_leaves(found), made))
        return found

    def undo(self):
        for held, before in self.before.values():
            held.copy_(before)

    def play(self):
        for func, args, kwargs, before, made in self.steps:
            for old, new, fresh in zip(before, tree_leaves(func(*args, **kwargs)), made, strict=True):
                if fresh:
                    old.copy_(new)


def _is_dense(value):
    return isinstance(value, torch.Tensor) and value.layout == torch.strided


def _address(tensor):
    return tensor.untyped_storage().data_ptr()
