"""What everything else stands on: graphs, walks, where they end, and what can go wrong."""
