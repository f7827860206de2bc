# NVIDIA's container of NeMo Speech 3.0.0 brings CUDA, torch, NeMo, apex and Transformer Engine, built for each other.
# Only our package and jiwer are added: nothing of NVIDIA's stack may be replaced.
#
#   docker build -t nemo-noise .
#   docker run --rm --gpus all nemo-noise                     # versions, GPU, and whether this NeMo is as we need it
#   docker run --rm -it --gpus all --shm-size=8g --user "$(id -u):$(id -g)" -e HOME=/data -v "$PWD:/data" -w /data \
#       nemo-noise nemo-noise --help
#
# A mounted folder keeps its owner, so a run that writes there needs your own number (`--user`). The demo also needs
# `pip install espeakng-loader`, whose licence is the GPL, version 3.
#
# Not verified: this file was written without a machine that can pull the image (its tag is from NeMo's README), and
# the image asks for a driver of the CUDA 13 generation.
ARG BASE=nvcr.io/nvidia/nemo-speech:26.07.00
FROM ${BASE}

# --no-deps leaves NVIDIA's packages alone, and with them the check of their versions, which the first line makes up for.
# Our setuptools stays in pip's own build environment, which the image's constraint must not reach.
WORKDIR /workspace/nemo_noise
COPY . .
RUN python -c "import nemo; assert nemo.__version__.startswith('3.0.'), f'NeMo {nemo.__version__}, should be 3.0.x'" \
    && (python -m pip --version || python -m ensurepip) \
    && python -m pip install --no-cache-dir --no-deps --constraint constraints.txt jiwer rapidfuzz \
    && PIP_CONSTRAINT= python -m pip install --no-cache-dir --no-deps --editable . \
    && nemo-noise doctor

# Training needs no root. Numba and matplotlib cache in the home folder.
RUN useradd --create-home --uid 10001 nemo_noise && chown -R nemo_noise /workspace/nemo_noise
USER nemo_noise

CMD ["nemo-noise", "doctor"]
