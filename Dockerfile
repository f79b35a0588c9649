# syntax=docker/dockerfile:1
# Two targets: `docker build --target cpu .` and `docker build --target cuda .`

FROM python:3.11-slim AS cpu
ENV PYTHONDONTWRITEBYTECODE=1 PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /opt/likeness
# The index of CPU builds of torch is the builder's choice; without it pip takes the default build.
ARG TORCH_INDEX_URL=""
COPY pyproject.toml constraints.txt README.md LICENSE NOTICE ./
COPY likeness ./likeness
RUN if [ -n "$TORCH_INDEX_URL" ]; then pip install -c constraints.txt --index-url "$TORCH_INDEX_URL" torch; fi \
    && pip install -c constraints.txt ".[onnx,s3,tensorboard]"
RUN useradd --create-home person && mkdir /data && chown person /data
USER person
WORKDIR /data
ENTRYPOINT ["likeness"]
CMD ["--help"]

FROM nvidia/cuda:12.8.1-runtime-ubuntu24.04 AS cuda
ENV PYTHONDONTWRITEBYTECODE=1 PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 \
    DEBIAN_FRONTEND=noninteractive PATH=/opt/venv/bin:$PATH
# gcc: Triton builds a small launcher for each kernel.
RUN apt-get update && apt-get install -y --no-install-recommends python3 python3-venv python3-dev gcc \
    && rm -rf /var/lib/apt/lists/* && python3 -m venv /opt/venv
WORKDIR /opt/likeness
COPY pyproject.toml constraints.txt README.md LICENSE NOTICE ./
COPY likeness ./likeness
RUN pip install -c constraints.txt ".[onnx,s3,tensorboard]"
RUN useradd --create-home person && mkdir /data && chown person /data
USER person
WORKDIR /data
ENTRYPOINT ["likeness"]
CMD ["--help"]
