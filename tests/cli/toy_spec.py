"""The record of the toy system; importing it imports none of its parts."""

from __future__ import annotations

from likeness.systems import SystemSpec

SPEC = SystemSpec(
    name="toy",
    summary="Six numbers to three.",
    config="tests.cli.toy:ToyConfig",
    profiles="tests.cli.toy:PROFILES",
    system="tests.cli.toy:build",
    contract="tests.cli.toy:CONTRACT",
    studio="tests.cli.toy:make",
    predict="tests.cli.toy:predict",
    exporters={"arrays": "tests.cli.toy:export_arrays"},
    prepare="tests.cli.toy:prepare",
    commands="tests.cli.toy:COMMANDS",
    requirements="tests.cli.toy:requirements",
    demonstrate="tests.cli.toy:demonstrate",
    aliases={"TOY_DATA": "data.root"},
)
