"""Walks whose systems are hard to solve to every digit."""

import torch

import graphrw as rw


def wheel(killing):
    """2000 nodes on a rim and a hub of rate 2000, where alone the walk ends: A 1 = killing."""
    rim = torch.arange(1, 2001)
    edges = torch.cat([torch.stack([torch.zeros_like(rim), rim]), torch.stack([rim, rim % 2000 + 1])], dim=1)
    rates = torch.zeros(2001, dtype=torch.float64)
    rates[0] = killing
    return rw.walk(rw.Graph(edges, 2001), torch.ones(4000, dtype=torch.float64), rates)
