"""A local S3 server for tests."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.storage.faulty_server import Proxy, proxy_to


@pytest.fixture(scope="module")
def s3_server() -> Iterator[str]:
    """A local S3 server with one bucket, and credentials for it."""
    server = pytest.importorskip("moto.server").ThreadedMotoServer(
        ip_address="127.0.0.1", port=0, verbose=False
    )
    server.start()
    host, port = server.get_host_and_port()
    names = {
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    before = {name: os.environ.get(name) for name in names}
    os.environ.update(names)
    import botocore.session

    client = botocore.session.Session().create_client("s3", endpoint_url=f"http://{host}:{port}")
    client.create_bucket(Bucket="people")
    yield f"http://{host}:{port}"
    server.stop()
    for name, value in before.items():
        if value is None:
            del os.environ[name]
        else:
            os.environ[name] = value


@pytest.fixture
def s3_proxy(s3_server: str) -> Iterator[Proxy]:
    """A server in between, which makes the faults it is given."""
    with proxy_to(s3_server) as proxy:
        yield proxy
