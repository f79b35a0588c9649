from __future__ import annotations

import subprocess
import sys

from likeness.systems.audio2face.requirements import requirements


def test_every_part_says_what_it_is_for_and_how_it_is_had() -> None:
    found = {item.name: item for item in requirements()}
    assert set(found) == {"speech", "transformers", "onnx", "usd"}
    for item in found.values():
        assert item.enables
        assert item.advice.startswith("pip install 'likeness[")


def test_looking_imports_no_torch() -> None:
    program = (
        "import sys\n"
        "from likeness.systems.audio2face.requirements import requirements\n"
        "requirements()\n"
        "assert 'torch' not in sys.modules and 'onnxruntime' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
