"""Settings of every test."""

import torch

torch.set_num_threads(1)  # the problems are tiny: threads would only wait for each other
