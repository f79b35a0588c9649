# syntax=docker/dockerfile:1
# Two targets: `docker build --target cpu .` and `docker build --target cuda .`

FROM python:3.11-slim AS cpu
ENV PYTHONDONTWRITEBYTECODE=1 PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /opt/likeness
# PyTorch's own index of CPU builds: the default build brings gigabytes of CUDA libraries. An empty
# value takes torch from wherever pip takes the rest.
ARG TORCH_INDEX_URL="https://download.pytorch.org/whl/cpu"
COPY pyproject.toml constraints.txt README.md LICENSE NOTICE ./
COPY likeness ./likeness
RUN if [ -n "$TORCH_INDEX_URL" ]; then pip install -c constraints.txt --index-url "$TORCH_INDEX_URL" torch; fi \
    && pip install -c constraints.txt ".[onnx,s3,speech,tensorboard]"
# The cache folder is there with its owner, which a new volume in its place takes over.
RUN useradd --create-home person && install -d -o person /data /home/person/.cache
USER person
WORKDIR /data
ENTRYPOINT ["likeness"]
CMD ["--help"]

# torch brings its CUDA libraries; of the host it needs the driver, which the two variables ask for.
FROM python:3.11-slim AS cuda
ENV PYTHONDONTWRITEBYTECODE=1 PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 \
    NVIDIA_VISIBLE_DEVICES=all NVIDIA_DRIVER_CAPABILITIES=compute,utility
# gcc: Triton builds a small launcher for each kernel. The release of Debian decides its version: one
# that is named here is gone from the mirrors after the next update.
# hadolint ignore=DL3008
RUN apt-get update && apt-get install -y --no-install-recommends gcc libc6-dev \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /opt/likeness
COPY pyproject.toml constraints.txt README.md LICENSE NOTICE ./
COPY likeness ./likeness
RUN pip install -c constraints.txt ".[onnx,s3,speech,tensorboard]"
# The cache folder is there with its owner, which a new volume in its place takes over.
RUN useradd --create-home person && install -d -o person /data /home/person/.cache
USER person
WORKDIR /data
ENTRYPOINT ["likeness"]
CMD ["--help"]
