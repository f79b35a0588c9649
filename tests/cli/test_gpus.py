from __future__ import annotations

from likeness.cli.gpus import parse_gpus


def test_gpus_as_the_driver_tells() -> None:
    text = "0, NVIDIA H200, 87, 20480, 143771\n1, Old card, [N/A], 512, 8192\ngarbage\n"
    assert parse_gpus(text) == [
        {
            "index": 0,
            "name": "NVIDIA H200",
            "load_percent": 87.0,
            "memory_gigabytes": 21.5,
            "total_gigabytes": 150.8,
        },
        {
            "index": 1,
            "name": "Old card",
            "load_percent": None,
            "memory_gigabytes": 0.5,
            "total_gigabytes": 8.6,
        },
    ]
